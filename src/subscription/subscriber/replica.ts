/**
 * What a subscriber holds of a topic with keys: the newest update of each key, by the key's own seq. In LATEST and MERGE
 * updates run ahead of the position, so a deleted key is remembered until the position has passed its tombstone: an older
 * update of it that is sent again must not bring it back.
 *
 * Values are views into the frames that they came in, since most are replaced before long, and a view keeps its whole frame.
 * So when more of frames has come than twice of what is held, what is held is copied out of them.
 */
import type { Update } from '../../../gen/hawser/subscription/v1/subscription.js';

export interface Entry {
  readonly seq: number;
  /** Undefined: deleted, ahead of the position. The same bytes may come to lie elsewhere. */
  value: Uint8Array | undefined;
  /** ms since the Unix epoch. */
  readonly time: number;
  /** ms since the Unix epoch; 0 is never. */
  readonly expires: number;
}

/** For each key that is held: the map, its entry, a few numbers. An estimate, so that a million empty keys are not free. */
const entryOverhead = 100;
/** Bytes of frames that few and small values may keep. */
const slack = 64 * 1024;

export class Replica {
  readonly #entries = new Map<string, Entry>();
  /** The tombstones among the entries. */
  readonly #deleted = new Map<string, number>();
  #bytes = 0;
  /** The value that came last: a view of the last frame. */
  #last: Uint8Array | undefined;
  /** Bytes of the frames of batches that came since values were copied. */
  #frames = 0;

  /** Keys that exist. */
  get size(): number {
    return this.#entries.size - this.#deleted.size;
  }

  /** About as many bytes as it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is newer than the key's own seq is taken; returns the entry then. */
  apply({ key, seq, value, tombstone, time, expires }: Update): Entry | undefined {
    const held = this.#entries.get(key);
    if (held !== undefined && held.seq >= seq) return undefined;
    if (tombstone) return this.#put(key, held, { seq, value: undefined, time, expires: 0 });
    this.#last = value;
    return this.#put(key, held, { seq, value, time, expires });
  }

  /** A batch to `to` is in: tombstones up to there have done their work, and so have the frames of values that were replaced. */
  forget(to: number): void {
    if (this.#last !== undefined) {
      this.#frames += this.#last.buffer.byteLength;
      this.#last = undefined;
      if (this.#frames > slack + 2 * this.#bytes) this.#copyValues();
    }
    if (this.#deleted.size === 0) return;
    for (const [key, seq] of this.#deleted) {
      if (seq > to) continue;
      this.#deleted.delete(key);
      this.#entries.delete(key);
      this.#bytes -= cost(key, undefined);
    }
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry?.value === undefined ? undefined : entry;
  }

  /** Tombstones included. */
  entries(): IterableIterator<[string, Entry]> {
    return this.#entries.entries();
  }

  *keys(): IterableIterator<string> {
    for (const [key, { value }] of this.#entries) if (value !== undefined) yield key;
  }

  /** An entry as it was exported. */
  restore(key: string, entry: Entry): void {
    this.#put(key, this.#entries.get(key), entry);
  }

  /** All values next to each other, and out of their frames. */
  #copyValues(): void {
    let size = 0;
    for (const { value } of this.#entries.values()) size += value?.byteLength ?? 0;
    const all = new Uint8Array(size);
    let at = 0;
    for (const entry of this.#entries.values()) {
      if (entry.value === undefined) continue;
      all.set(entry.value, at);
      entry.value = all.subarray(at, at + entry.value.byteLength);
      at += entry.value.byteLength;
    }
    this.#frames = 0;
  }

  #put(key: string, held: Entry | undefined, entry: Entry): Entry {
    if (held !== undefined) this.#bytes -= cost(key, held.value);
    this.#bytes += cost(key, entry.value);
    this.#entries.set(key, entry);
    if (entry.value === undefined) this.#deleted.set(key, entry.seq);
    else if (this.#deleted.size > 0) this.#deleted.delete(key);
    return entry;
  }
}

function cost(key: string, value: Uint8Array | undefined): number {
  return entryOverhead + key.length * 2 + (value?.byteLength ?? 0);
}
