/**
 * Latencies in buckets of a thirty-second of their size, from 1 microsecond to an hour, so that recording one is an increment
 * and a quantile is true to 3 %.
 */
const perDoubling = 32;
const doublings = 32;

export class Histogram {
  readonly #counts = new Uint32Array(perDoubling * doublings);
  #total = 0;
  #largest = 0;

  get count(): number {
    return this.#total;
  }

  /** `value` in microseconds. */
  record(value: number): void {
    const bucket = value <= 1 ? 0 : Math.min(this.#counts.length - 1, Math.floor(Math.log2(value) * perDoubling));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
    if (value > this.#largest) this.#largest = value;
  }

  /** Microseconds that the fraction `q` of all did not exceed; NaN when nothing was recorded. */
  quantile(q: number): number {
    if (this.#total === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(q * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(this.#largest, 2 ** ((bucket + 1) / perDoubling));
    }
    return this.#largest;
  }

  get max(): number {
    return this.#largest;
  }
}
