/**
 * How long attempts take: quantiles over the last ones, for the delay of hedges and for knowing
 * when a retry has no chance any more; and the shortest answer, which is an upper bound of the round trip.
 * Only the newest count, so a method that became slower is seen as such within a few hundred calls.
 */
import type { Clock } from '../call/clock.js';

const size = 512;
/** A quantile of fewer samples says nothing. */
const leastSamples = 30;
/** ms; sorting for each call would cost more than the call. */
const refresh = 3_000;

export class LatencyWindow {
  readonly #clock: Clock;
  /** Grows up to `size`: most clients make few calls of a method. */
  readonly #ring: number[] = [];
  #count = 0;
  #sorted: Float64Array | undefined;
  #sortedAt = 0;
  #sortedCount = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(ms: number): void {
    if (this.#count < size) this.#ring.push(ms);
    else this.#ring[this.#count % size] = ms;
    this.#count += 1;
  }

  /** ms below which a share `q` of the attempts ended; undefined while there are fewer than `least`. */
  quantile(q: number, least = leastSamples): number | undefined {
    if (this.#count < least) return undefined;
    const stale = this.#clock.now() - this.#sortedAt >= refresh || this.#count >= 2 * this.#sortedCount;
    if (this.#sorted === undefined || (stale && this.#count !== this.#sortedCount)) {
      this.#sorted = Float64Array.from(this.#ring).sort();
      this.#sortedAt = this.#clock.now();
      this.#sortedCount = this.#count;
    }
    return this.#sorted[Math.min(this.#sorted.length - 1, Math.ceil(q * this.#sorted.length) - 1)];
  }
}

/** ms; so long the shortest answer is believed: a peer may move further away. */
const memory = 60_000;

/** The shortest answer of late, over all methods of a client. */
export class ShortestAnswer {
  readonly #clock: Clock;
  #shortest = Number.POSITIVE_INFINITY;
  #next = Number.POSITIVE_INFINITY;
  #since = 0;
  #heardAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** ms; undefined before the first answer, and when there was none of late: what is known may be what keeps them from coming. */
  get value(): number | undefined {
    const value = Math.min(this.#shortest, this.#next);
    return value === Number.POSITIVE_INFINITY || this.#clock.now() - this.#heardAt > memory ? undefined : value;
  }

  record(ms: number, now: number): void {
    if (ms < this.#next) this.#next = ms;
    this.#heardAt = now;
    if (now - this.#since < memory) return;
    this.#shortest = this.#next;
    this.#next = Number.POSITIVE_INFINITY;
    this.#since = now;
  }
}
