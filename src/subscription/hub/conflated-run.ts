/**
 * One pass over the keys that changed since a reader's position, as of one head. A value is read when it is sent, so a
 * key that has changed again meanwhile is sent as it is now: ahead of the run, and left out of the next one.
 */
import type { Awaitable, LogUpdate } from '../topic-store.js';
import { type Changes, take } from './conflate.js';
import type { Topic } from './topic.js';
import type { View } from './view.js';

/** Updates that one looks at in one turn. */
const atOnce = 4096;

export interface RunStep {
  readonly updates: readonly LogUpdate[];
  /** The run is over: the reader has everything up to its `to`. */
  readonly done: boolean;
  /** A key was deleted and its tombstone dropped meanwhile, so nothing can be said of it any more. */
  readonly lost: boolean;
}

export class ConflatedRun {
  readonly to: number;
  readonly #topic: Topic;
  readonly #view: View | undefined;
  readonly #updates: readonly LogUpdate[];
  /** A merge is of a range, and stays what it is. */
  readonly #merged: boolean;
  /** Keys of which something newer was sent than the run, or the one before, is of: by seq. */
  readonly #ahead: Map<string, number>;
  #index = 0;

  constructor(
    topic: Topic,
    view: View | undefined,
    { updates, to }: Changes,
    merged: boolean,
    before: ConflatedRun | undefined,
  ) {
    this.to = to;
    this.#topic = topic;
    this.#view = view;
    this.#updates = updates;
    this.#merged = merged;
    this.#ahead = before === undefined ? new Map() : before.#ahead;
  }

  /** Whether something was sent that is newer than the run. */
  get ranAhead(): boolean {
    return this.#ahead.size > 0;
  }

  next(count: number, bytes: number): Awaitable<RunStep> {
    this.#skip();
    const { wanted, next } = this.#pick(Math.min(count, atOnce), bytes);
    const whole = this.#merged || (this.#topic.head <= this.to && wanted.every(({ later }) => later === undefined));
    if (whole || wanted.length === 0) return this.#step(wanted, next, wanted.length);
    const fresh = this.#topic.store.get(wanted.map(({ key }) => key));
    return fresh instanceof Promise
      ? fresh.then((one) => this.#step(one, next, wanted.length))
      : this.#step(fresh, next, wanted.length);
  }

  /** Of what is not wanted nothing is read but the key: a merge is made when its value is read. */
  #pick(count: number, bytes: number): { readonly wanted: readonly LogUpdate[]; readonly next: number } {
    if (this.#view === undefined && this.#ahead.size === 0) {
      const part = take(this.#updates, this.#index, count, bytes);
      return { wanted: part, next: this.#index + part.length };
    }
    const wanted: LogUpdate[] = [];
    const end = Math.min(this.#updates.length, this.#index + atOnce);
    let size = 0;
    let next = this.#index;
    for (; next < end && wanted.length < count; next++) {
      const update = this.#updates[next] as LogUpdate;
      if (!this.#wants(update)) continue;
      size += update.later ?? update.value?.byteLength ?? 0;
      if (wanted.length > 0 && size > bytes) break;
      wanted.push(update);
    }
    return { wanted, next };
  }

  #step(updates: readonly LogUpdate[], next: number, wanted: number): RunStep {
    this.#index = next;
    for (const { key, seq } of updates) {
      if (seq > this.to) this.#ahead.set(key, seq);
    }
    this.#skip();
    return { updates, done: this.#index >= this.#updates.length, lost: updates.length < wanted };
  }

  #skip(): void {
    while (this.#index < this.#updates.length && !this.#wants(this.#updates[this.#index] as LogUpdate)) {
      this.#index += 1;
    }
  }

  #wants({ key, seq }: LogUpdate): boolean {
    if (this.#view?.shows(key) === false) return false;
    return this.#ahead.size === 0 || seq > (this.#ahead.get(key) ?? 0);
  }
}
