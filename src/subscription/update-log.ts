/** The log of a topic in memory: an array that drops from its front, so that an update is found by its seq at once. */
import type { History, Limits, LogUpdate, Page } from './topic-store.js';

export class UpdateLog {
  #updates: LogUpdate[] = [];
  /** Index of the oldest update; what is before it is dropped. */
  #start = 0;
  #head: number;
  #bytes = 0;

  /** `head`: what is there already, and not held. */
  constructor(
    readonly history: History,
    head = 0,
  ) {
    this.#head = head;
  }

  /** The newest seq; 0 before the first update. */
  get head(): number {
    return this.#head;
  }

  /** The oldest seq that is held; head + 1 when none is. */
  get first(): number {
    return this.#head + 1 - (this.#updates.length - this.#start);
  }

  push(update: LogUpdate): void {
    this.#updates.push(update);
    this.#head = update.seq;
    this.#bytes += sizeOf(update);
  }

  /** Undefined when it is not held. */
  at(seq: number): LogUpdate | undefined {
    const index = this.#start + seq - this.first;
    return index < this.#start ? undefined : this.#updates[index];
  }

  /** The updates after `after`; undefined when not all of them are held. A group is cut only where the limits say so. */
  read(after: number, limits: Limits): Page | undefined {
    if (after < this.first - 1) return undefined;
    const updates = this.#updates;
    const from = this.#start + after + 1 - this.first;
    let to = from;
    let bytes = 0;
    while (to < updates.length) {
      const update = updates[to] as LogUpdate;
      if (to > from && (limits.cut === true || !(updates[to - 1] as LogUpdate).more)) {
        if (to - from >= limits.count || bytes + sizeOf(update) > limits.bytes) break;
      }
      bytes += sizeOf(update);
      to += 1;
    }
    return { updates: updates.slice(from, to), more: to < updates.length };
  }

  /** The highest seq that is older than `time`, or first - 1. Times never fall along the log. */
  before(time: number): number {
    let low = this.#start;
    let high = this.#updates.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#updates[middle] as LogUpdate).time < time) low = middle + 1;
      else high = middle;
    }
    return this.first - 1 + (low - this.#start);
  }

  /** Drops what the history does not keep; whole groups. */
  trim(now: number): void {
    const { count, age, bytes } = this.history;
    const updates = this.#updates;
    let start = this.#start;
    while (start < updates.length) {
      const oldest = updates[start] as LogUpdate;
      if (updates.length - start <= count && this.#bytes <= bytes && oldest.time >= now - age) break;
      let more = true;
      while (more && start < updates.length) {
        const dropped = updates[start] as LogUpdate;
        more = dropped.more;
        this.#bytes -= sizeOf(dropped);
        updates[start] = undefined as unknown as LogUpdate; // the array is compacted only now and then
        start += 1;
      }
    }
    this.#start = start;
    if (start > 1024 && start * 2 > updates.length) {
      this.#updates = updates.slice(start);
      this.#start = 0;
    }
  }
}

function sizeOf(update: LogUpdate): number {
  return update.value === undefined ? 0 : update.value.byteLength;
}
