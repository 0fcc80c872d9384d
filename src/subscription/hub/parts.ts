/**
 * An atomic group that is larger than a frame, on its way to one subscriber: part by part, and applied by the subscriber when the
 * last one is there. Credit and intervals are asked for a group as a whole, as it is never left half sent.
 */
import type { LogUpdate } from '../topic-store.js';
import { take } from './conflate.js';

export class Parts {
  /** Where the last part leads. */
  readonly to: number;
  /** The highest seq in all parts. */
  readonly newest: number;
  readonly #updates: readonly LogUpdate[];
  #next = 0;

  constructor(updates: readonly LogUpdate[], to: number, newest: number) {
    this.#updates = updates;
    this.to = to;
    this.newest = newest;
  }

  get done(): boolean {
    return this.#next === this.#updates.length;
  }

  /** One at least, and about `bytes` of values. */
  next(bytes: number): readonly LogUpdate[] {
    const part = take(this.#updates, this.#next, Number.POSITIVE_INFINITY, bytes);
    this.#next += part.length;
    return part;
  }
}
