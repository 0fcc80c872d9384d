/**
 * The newest update of each key. Kept in two orders: of the keys' first appearance, which a snapshot is read in because
 * later updates do not change it, and of the last change, which a reader that comes back asks for.
 */
import type { Limits, LogUpdate, Page, ScanPage } from '../../subscription/topic-store.js';

interface Entry {
  update: LogUpdate;
  /** The place in the order of first appearance. */
  readonly ordinal: number;
  dropped: boolean;
  older: Entry | undefined;
  newer: Entry | undefined;
}

export class KeyTable {
  readonly #keys = new Map<string, Entry>();
  #ordered: Entry[] = [];
  #dropped = 0;
  #nextOrdinal = 1;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  /** Tombstones, oldest first; one whose key lives again is skipped. */
  #tombstones: LogUpdate[] = [];
  #tombstoneStart = 0;
  #deleted = 0;
  #horizon: number;

  /** `horizon`: keys that were deleted up to there are not known any more. */
  constructor(
    readonly maxTombstones: number,
    horizon = 0,
  ) {
    this.#horizon = horizon;
  }

  /** Keys and tombstones. */
  get size(): number {
    return this.#keys.size;
  }

  /** No key is there, but for tombstones. */
  get isEmpty(): boolean {
    return this.#keys.size === this.#deleted;
  }

  get horizon(): number {
    return this.#horizon;
  }

  newest(key: string): LogUpdate | undefined {
    return this.#keys.get(key)?.update;
  }

  put(update: LogUpdate): void {
    let entry = this.#keys.get(update.key);
    if (entry === undefined) {
      entry = { update, ordinal: this.#nextOrdinal++, dropped: false, older: undefined, newer: undefined };
      this.#keys.set(update.key, entry);
      this.#ordered.push(entry);
    } else {
      if (entry.update.value === undefined) this.#deleted -= 1;
      this.#unlink(entry);
      entry.update = update;
    }
    this.#link(entry);
    if (update.value === undefined) {
      this.#deleted += 1;
      this.#tombstones.push(update);
      this.#forget();
    }
  }

  scan(cursor: string | undefined, limits: Limits): Omit<ScanPage, 'head'> {
    const ordered = this.#ordered;
    const updates: LogUpdate[] = [];
    let at = cursor === undefined ? 0 : this.#after(Number(cursor));
    let bytes = 0;
    let last = cursor ?? '0';
    for (; at < ordered.length; at++) {
      const { update, dropped, ordinal } = ordered[at] as Entry;
      if (!dropped && update.value !== undefined) {
        const size = update.value.byteLength;
        if (updates.length > 0 && (updates.length >= limits.count || bytes + size > limits.bytes)) break;
        updates.push(update);
        bytes += size;
      }
      last = String(ordinal);
    }
    return { updates, more: at < ordered.length, cursor: last };
  }

  /** `start` is the oldest update after `seq` that is the newest of its key, where the caller knows it. */
  changesSince(seq: number, limits: Limits, start: LogUpdate | undefined): Page | undefined {
    if (seq < this.#horizon) return undefined;
    if (this.#newest === undefined || this.#newest.update.seq <= seq) return { updates: [], more: false };
    let entry = start === undefined ? this.#oldest : this.#keys.get(start.key);
    while (entry !== undefined && entry.update.seq <= seq) entry = entry.newer;
    const updates: LogUpdate[] = [];
    let bytes = 0;
    for (; entry !== undefined; entry = entry.newer) {
      const size = entry.update.value?.byteLength ?? 0;
      if (updates.length > 0 && (updates.length >= limits.count || bytes + size > limits.bytes)) break;
      updates.push(entry.update);
      bytes += size;
    }
    return { updates, more: entry !== undefined };
  }

  /** Tombstones above the limit go, and the horizon rises. */
  #forget(): void {
    while (this.#deleted > this.maxTombstones) {
      const tombstone = this.#tombstones[this.#tombstoneStart] as LogUpdate;
      this.#tombstoneStart += 1;
      const entry = this.#keys.get(tombstone.key);
      if (entry === undefined || entry.update !== tombstone) continue;
      this.#keys.delete(tombstone.key);
      this.#unlink(entry);
      entry.dropped = true;
      this.#dropped += 1;
      this.#deleted -= 1;
      this.#horizon = tombstone.seq;
    }
    if (this.#tombstones.length - this.#tombstoneStart > 2 * this.#deleted + 1024) {
      this.#tombstones = this.#tombstones.filter(
        (one, index) => index >= this.#tombstoneStart && this.#keys.get(one.key)?.update === one,
      );
      this.#tombstoneStart = 0;
    }
    if (this.#dropped > 1024 && this.#dropped * 2 > this.#ordered.length) {
      this.#ordered = this.#ordered.filter((one) => !one.dropped);
      this.#dropped = 0;
    }
  }

  /** The index of the first entry whose ordinal is above `ordinal`. */
  #after(ordinal: number): number {
    let low = 0;
    let high = this.#ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ordered[middle] as Entry).ordinal <= ordinal) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #link(entry: Entry): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
  }
}
