/**
 * The changes that wait for the application, in order. Bounded: what the server sent is within its credit, and a snapshot is
 * one list of entries that the replica holds anyway, which takes the place of all that waited before it. The cursor
 * is the position that the application itself has reached, which is behind the subscription's own.
 */
import type { Generation } from '../generation.js';
import type { Epoch, Position } from '../position.js';
import type { Entry } from './replica.js';

/** One change, its value still bytes. */
export interface RawChange {
  readonly key: string;
  readonly seq: number;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  readonly mergedCount: number;
  readonly time: number;
  readonly expires: number;
  readonly epoch: Epoch;
  /** Of an update in EVERY; elsewhere undefined. */
  readonly generation: Generation | undefined;
  /** Not an update of the log but part of a state that takes the place of what was held. */
  readonly snapshot: boolean;
}

interface Waiting extends RawChange {
  /** The position once it is taken. */
  after: Position;
}

interface SnapshotWaiting {
  readonly gone: readonly string[];
  readonly entries: readonly (readonly [string, Entry])[];
  readonly position: Position;
  /** Of `gone`, then of `entries`. */
  next: number;
}

export class Feed {
  /** There is something to take. */
  onReadable: (() => void) | undefined;
  #snapshot: SnapshotWaiting | undefined;
  #queue: Waiting[] = [];
  #head = 0;
  #cursor: Position | undefined;

  /** Where the application is; undefined while it is inside a snapshot, or before the start. */
  get cursor(): Position | undefined {
    return this.#cursor;
  }

  /** Nothing waits. */
  get idle(): boolean {
    return this.waiting === 0 && this.#snapshot === undefined;
  }

  /** Updates of batches that wait. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** The subscription begins at a position that no snapshot leads to. */
  begin(position: Position): void {
    if (this.waiting === 0 && this.#snapshot === undefined) this.#cursor = position;
  }

  push(change: Waiting): void {
    this.#queue.push(change);
  }

  /** Everything up to the position is in what was pushed: it may be taken now. */
  advance(to: Position): void {
    const last = this.waiting > 0 ? this.#queue[this.#queue.length - 1] : undefined;
    if (last !== undefined) {
      last.after = to;
      this.onReadable?.();
    } else if (this.#snapshot === undefined) this.#cursor = to;
  }

  /**
   * A state that takes the place of what was held. `had` are the keys that the application may know of. Returns the
   * changes that it will not see any more, so that their credit is given back.
   */
  replace(
    had: Iterable<string>,
    entries: readonly (readonly [string, Entry])[],
    position: Position,
  ): readonly RawChange[] {
    const dropped = this.#queue.slice(this.#head);
    const gone = new Set(had);
    for (const { key } of dropped) gone.add(key);
    for (const key of this.#snapshot?.gone ?? []) gone.add(key);
    for (const [key, { value }] of entries) if (value !== undefined) gone.delete(key);
    this.#queue = [];
    this.#head = 0;
    this.#cursor = undefined;
    const alive = entries.filter(([, { value }]) => value !== undefined);
    const snapshot = { gone: [...gone], entries: alive, position, next: 0 };
    this.#snapshot = snapshot;
    if (gone.size + alive.length === 0) this.#finishSnapshot(snapshot);
    else this.onReadable?.();
    return dropped;
  }

  /** What waits is of a state that is void. Returns the changes that will not be seen, so that their credit is given back. */
  clear(): readonly RawChange[] {
    const dropped = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#snapshot = undefined;
    return dropped;
  }

  take(): RawChange | undefined {
    if (this.#snapshot !== undefined) return this.#takeOfSnapshot(this.#snapshot);
    const first = this.#queue[this.#head];
    if (first === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#cursor = first.after;
    return first;
  }

  #takeOfSnapshot(snapshot: SnapshotWaiting): RawChange {
    const { gone, entries, position } = snapshot;
    const part = { mergedCount: 0, epoch: position.epoch, generation: undefined, snapshot: true };
    const at = snapshot.next++;
    if (snapshot.next === gone.length + entries.length) this.#finishSnapshot(snapshot);
    const key = gone[at];
    if (key !== undefined) {
      return { ...part, key, seq: position.seq, value: undefined, time: 0, expires: 0 };
    }
    // `at` is below the sum of both lengths: the snapshot is dropped when it reaches it.
    const [entryKey, { seq, value, time, expires }] = entries[at - gone.length] as readonly [string, Entry];
    return { ...part, key: entryKey, seq, value, time, expires };
  }

  #finishSnapshot(snapshot: SnapshotWaiting): void {
    this.#cursor = snapshot.position;
    this.#snapshot = undefined;
  }
}
