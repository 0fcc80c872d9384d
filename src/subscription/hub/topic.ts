/**
 * One topic at work: its store, who reads it, and what several readers share. Readers that stand at one position get the
 * same bytes, encoded once; readers that are behind at one position share the list of what changed.
 */
import type { Clock } from '../../call/clock.js';
import { ownError } from '../../call/own-error.js';
import { type Generations, generationToBytes, ofOneGeneration } from '../generation.js';
import { wholeGroups } from '../groups.js';
import type { Append, Appended, Awaitable, LogUpdate, Page, TopicStore } from '../topic-store.js';
import { type Changes, latestSince, mergedSince } from './conflate.js';
import type { TopicDeclaration } from './declaration.js';
import { Expiry } from './expiry.js';
import type { Faults } from './faults.js';
import type { View } from './view.js';
import { batchFrame, valueBytes } from './wire.js';

/** A reader, as its topic sees it. */
export interface Reader {
  /** Undefined: everything. */
  readonly view: View | undefined;
  /** The log has grown; `from` was its head before. */
  wake(from: number): void;
  /** The log is another one than was read, by whose generations it went before. */
  rewound(before: Generations): void;
  /** Waking it threw. Never throws. */
  failed(error: unknown): void;
}

/** A batch as it goes to everyone who stands at `from`. */
export interface SharedBatch {
  readonly from: number;
  readonly to: number;
  readonly frame: Uint8Array;
  readonly count: number;
  readonly bytes: number;
  /** There is more after it. */
  readonly more: boolean;
  /** It is an atomic group, too large for one frame: there is none, and each reader sends it in its own way. */
  readonly whole: boolean;
}

type Merge = NonNullable<TopicDeclaration['merge']>;

const nothing = new Uint8Array(0);
const keptBatches = 16;
const keptChanges = 64;
const batchUpdates = 4096;
/** Times that the store is trimmed before a read, where each ends some keys. */
const mostTrims = 1000;
/** Bytes of values that are looked at to find out which readers an update concerns; with more all are woken. */
const concernedBytes = 1 << 20;

export class Topic {
  readonly name: string;
  readonly declaration: TopicDeclaration;
  /** Its number in this hub, which its batches are called by. */
  readonly alias: number;
  readonly store: TopicStore;
  /** Readers have been told of everything up to here. */
  seen = 0;
  #head = 0;
  #everyone = new Set<Reader>();
  readonly #byKey = new Map<string, Set<Reader>>();
  #batches: SharedBatch[] = [];
  readonly #latest = new Map<number, Awaitable<Changes | undefined>>();
  readonly #merged = new Map<number, Awaitable<Changes | undefined>>();
  #changesHead = -1;
  readonly #batchBytes: number;
  readonly #expiry: Expiry;
  readonly #faults: Faults;
  readonly #clock: Clock;
  readonly #opened: Promise<void> | undefined;
  #open = false;
  #appends = 0;
  /** As readers have been told of them. */
  #generations!: Generations;

  /** `onGrown` is called whenever readers may see more. */
  constructor(
    name: string,
    alias: number,
    declaration: TopicDeclaration,
    store: TopicStore,
    batchBytes: number,
    { clock, faults }: { readonly clock: Clock; readonly faults: Faults },
    onGrown: (topic: Topic) => void,
  ) {
    this.name = name;
    this.alias = alias;
    this.declaration = declaration;
    this.store = store;
    this.#batchBytes = batchBytes;
    this.#faults = faults;
    this.#clock = clock;
    this.#expiry = new Expiry(store, clock, (error) => faults.report(error, name, 'keys of a topic did not expire'));
    const begin = (head: number): void => {
      this.#head = head;
      this.seen = head;
      this.#open = true;
      store.onVisible((grown) => {
        this.#head = grown;
        this.#generations = store.state().generations;
        onGrown(this);
        this.#expiry.look();
      });
      this.#generations = store.state().generations;
      store.onRewound(() => this.#rewind());
      this.#expiry.look();
    };
    const state = store.open();
    if (state instanceof Promise) {
      this.#opened = state.then(({ head }) => begin(head));
      this.#opened.catch(() => {}); // whoever waits for it is told
    } else begin(state.head);
  }

  get keyed(): boolean {
    return this.declaration.keyOf !== undefined;
  }

  get head(): number {
    return this.#head;
  }

  get readers(): number {
    return this.#everyone.size;
  }

  /** Undefined when the store is open. Rejects when it could not be opened. */
  get opening(): Promise<void> | undefined {
    return this.#open ? undefined : this.#opened;
  }

  /** An append is not answered yet. */
  get appending(): boolean {
    return this.#appends > 0;
  }

  append(group: readonly Append[]): Awaitable<readonly Appended[]> {
    const opening = this.opening;
    const appended = opening === undefined ? this.store.append(group) : opening.then(() => this.store.append(group));
    if (!(appended instanceof Promise)) return appended;
    this.#appends += 1;
    const answered = (): void => {
      this.#appends -= 1;
    };
    appended.then(answered, answered);
    return appended;
  }

  /**
   * Ends the keys whose time is over, some in each turn: what is read next holds none of them, unless the store fails. A failure is
   * told by what is read, or else by the next timer.
   */
  expire(turns = mostTrims): Awaitable<void> {
    if (this.store.expiresIn() > 0 || turns === 0) return;
    const trimmed = this.store.trim();
    if (!(trimmed instanceof Promise)) {
      return this.store.expiresIn() > 0 ? undefined : this.#nextTurn().then(() => this.expire(turns - 1));
    }
    return trimmed.then(
      () => this.expire(turns - 1),
      () => {},
    );
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(resolve, 0));
  }

  close(): Awaitable<void> {
    this.#expiry.end();
    return this.store.close();
  }

  add(reader: Reader): void {
    this.#everyone.add(reader);
    for (const key of reader.view?.names ?? []) {
      const readers = this.#byKey.get(key);
      if (readers === undefined) this.#byKey.set(key, new Set([reader]));
      else readers.add(reader);
    }
  }

  remove(reader: Reader): void {
    this.#everyone.delete(reader);
    for (const key of reader.view?.names ?? []) {
      const readers = this.#byKey.get(key);
      readers?.delete(reader);
      if (readers?.size === 0) this.#byKey.delete(key);
    }
  }

  /** Tells the readers that the log has grown: of those whose keys are known by name, only whom it concerns. */
  wakeReaders(): void {
    const from = this.seen;
    if (this.#head <= from) return;
    this.seen = this.#head;
    const concerned = this.#byKey.size === 0 ? undefined : this.#concerned(from);
    for (const reader of [...this.#everyone]) {
      if (reader.view?.names !== undefined && concerned?.has(reader) === false) continue;
      try {
        reader.wake(from);
      } catch (error) {
        reader.failed(error);
      }
    }
  }

  /** What everyone gets who stands at `from`; undefined when the log does not reach back so far. */
  batchAt(from: number, ref: number): Awaitable<SharedBatch | undefined> {
    if (ref !== this.alias) return this.#makeBatch(from, ref);
    const known = this.#batches.find((one) => one.from === from);
    if (known !== undefined && (known.to === this.#head || known.more)) return known;
    const batch = this.#makeBatch(from, ref);
    if (batch === undefined || batch instanceof Promise) return batch;
    this.#batches = [batch, ...this.#batches.filter((one) => one.from !== from)].slice(0, keptBatches);
    return batch;
  }

  /** What changed after `from`, one update a key: the newest or the merged. Undefined when the store cannot say any more. */
  changesSince(from: number, merged: boolean): Awaitable<Changes | undefined> {
    if (this.#changesHead !== this.#head || this.#latest.size + this.#merged.size >= keptChanges) {
      this.#latest.clear();
      this.#merged.clear();
      this.#changesHead = this.#head;
    }
    const known = merged ? this.#merged : this.#latest;
    let changes = known.get(from);
    if (changes === undefined) {
      const { merge } = this.declaration;
      changes =
        merged && merge !== undefined
          ? mergedSince(this.store, from, this.#head, (updates) => this.#merge(merge, updates))
          : latestSince(this.store, from, this.#head);
      known.set(from, changes);
    }
    return changes;
  }

  get generations(): Generations {
    return this.store.state().generations;
  }

  /** The generation of `to`, where that of `from` is another. */
  generationAt(to: number, from: number): Uint8Array | undefined {
    const { generations } = this;
    const generation = generations.ownerOf(to);
    return generation === generations.ownerOf(from) ? undefined : generationToBytes(generation);
  }

  /** The log was put back or cut: every reader finds out what that means for its position. */
  #rewind(): void {
    const before = this.#generations;
    const { head, generations } = this.store.state();
    this.#generations = generations;
    this.#head = head;
    this.seen = head;
    this.#batches = [];
    this.#changesHead = -1;
    this.#latest.clear();
    this.#merged.clear();
    this.#expiry.look();
    for (const reader of [...this.#everyone]) {
      try {
        reader.rewound(before);
      } catch (error) {
        reader.failed(error);
      }
    }
  }

  /**
   * Throws an RpcError: the same values are no better the next time, so a subscription that meets it is over. Where malformed updates
   * are skipped, it merges the others; the newest stands for itself where there are none.
   */
  #merge(merge: Merge, updates: readonly LogUpdate[]): Uint8Array | undefined {
    try {
      return merge(updates.map(({ value }) => value as Uint8Array)); // none is deleted
    } catch (cause) {
      const sound = this.#faults.skipsMalformed ? updates.filter((one) => this.#decodes(merge, one)) : updates;
      if (sound.length > 1 && sound.length < updates.length) return this.#merge(merge, sound);
      if (sound.length <= 1) return (sound[0] ?? updates.at(-1))?.value;
      throw ownError('MERGE_FAILED', `${updates.length} updates of ${this.name} could not be merged into one`, {
        cause,
      });
    }
  }

  #decodes(merge: Merge, { key, seq, value = nothing }: LogUpdate): boolean {
    try {
      merge([value]);
      return true;
    } catch (error) {
      this.#faults.skip({ topic: this.name, key, seq, value, error });
      return false;
    }
  }

  #makeBatch(from: number, ref: number): Awaitable<SharedBatch | undefined> {
    const page = this.store.read(from, { count: batchUpdates, bytes: this.#batchBytes, cut: true });
    return page instanceof Promise
      ? page.then((one) => this.#sharedBatch(from, ref, one))
      : this.#sharedBatch(from, ref, page);
  }

  #sharedBatch(from: number, ref: number, read: Page | undefined): SharedBatch | undefined {
    if (read === undefined) return undefined;
    const { updates: found, more } = ofOneGeneration(read, this.generations);
    const updates = wholeGroups(found);
    const whole = updates.length < found.length && updates.length === 0;
    const to = updates.at(-1)?.seq ?? from;
    const bytes = valueBytes(updates);
    const frame = whole ? nothing : batchFrame(ref, from, to, updates, this.generationAt(to, from));
    return { from, to, frame, count: updates.length, bytes, more: more || updates.length < found.length, whole };
  }

  /** Who wants a key that was updated after `from`; undefined when that is too much to find out. */
  #concerned(from: number): ReadonlySet<Reader> | undefined {
    try {
      const page = this.store.read(from, { count: batchUpdates, bytes: concernedBytes });
      if (page instanceof Promise) page.catch(() => {});
      if (page === undefined || page instanceof Promise || page.more) return undefined;
      const concerned = new Set<Reader>();
      for (const { key } of page.updates) {
        for (const reader of this.#byKey.get(key) ?? []) concerned.add(reader);
      }
      return concerned;
    } catch {
      return undefined; // each reader asks the store again for itself, and is told
    }
  }
}
