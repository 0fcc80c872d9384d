/** How often and how much one subscription gets: a shortest time between batches, and bytes of values a second. */
export class Pace {
  /** ms; 0 is none. */
  minInterval: number;
  /** Bytes a second; 0 is no limit. */
  maxBps: number;
  /** ms that an overloaded server puts between batches at least; 0 is none. */
  imposed = 0;
  #next = 0;
  /** Bytes that may be sent; below 0 after a batch that was larger than what was left. */
  #tokens: number;
  #refilled: number;

  constructor(minInterval: number, maxBps: number, now: number) {
    this.minInterval = minInterval;
    this.maxBps = maxBps;
    this.#tokens = maxBps;
    this.#refilled = now;
  }

  /** ms to wait until the next batch; 0 or less is none. */
  wait(now: number): number {
    const interval = this.#next - now;
    if (this.maxBps === 0) return interval;
    this.#refill(now);
    return this.#tokens > 0 ? interval : Math.max(interval, ((1 - this.#tokens) / this.maxBps) * 1000);
  }

  /** Bytes that the next batch should not pass. */
  get room(): number {
    return this.maxBps === 0 ? Number.POSITIVE_INFINITY : Math.max(1, this.#tokens);
  }

  sent(bytes: number, now: number): void {
    const interval = Math.max(this.minInterval, this.imposed);
    if (interval > 0) this.#next = now + interval;
    if (this.maxBps > 0) this.#tokens -= bytes;
  }

  /** Whether nothing here ever holds a batch back. */
  get free(): boolean {
    return this.minInterval === 0 && this.imposed === 0 && this.maxBps === 0;
  }

  #refill(now: number): void {
    // A second's worth at most, so that a pause is no licence to burst.
    this.#tokens = Math.min(this.maxBps, this.#tokens + ((now - this.#refilled) / 1000) * this.maxBps);
    this.#refilled = now;
  }
}
