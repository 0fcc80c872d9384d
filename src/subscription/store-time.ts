/**
 * The time of a log: it goes on as the monotonic clock does, so a wall clock that is set back, or ahead for a moment, neither stops
 * keys from expiring nor ends them early. A wall clock that stays ahead is followed, as after a machine has slept.
 */
import type { Clock } from '../call/clock.js';

/** ms that the wall clock may run ahead of the elapsed time before that is a jump. */
const tolerance = 2_000;
/** ms that a jump must last to be followed. */
const trustAfter = 10_000;

export class StoreTime {
  readonly #clock: Pick<Clock, 'now' | 'wallTime'>;
  #last: number;
  #lastNow: number;
  /** When the wall clock was first seen ahead, on the monotonic clock. */
  #aheadSince: number | undefined;

  constructor(clock: Pick<Clock, 'now' | 'wallTime'>) {
    this.#clock = clock;
    this.#last = clock.wallTime();
    this.#lastNow = clock.now();
  }

  /** Whole ms since the Unix epoch, never less than before, nor than `least`. */
  now(least = 0): number {
    const now = this.#clock.now();
    const wall = this.#clock.wallTime();
    const elapsed = this.#last + (now - this.#lastNow);
    if (wall <= elapsed + tolerance) {
      this.#aheadSince = undefined;
      // A wall clock that runs slow is not waited for.
      this.#last = Math.max(elapsed, wall);
    } else {
      this.#aheadSince ??= now;
      const trusted = now - this.#aheadSince >= trustAfter;
      if (trusted) this.#aheadSince = undefined;
      this.#last = trusted ? wall : elapsed;
    }
    this.#last = Math.max(this.#last, least);
    this.#lastNow = now;
    return Math.floor(this.#last);
  }
}
