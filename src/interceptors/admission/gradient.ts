/**
 * How many calls may be in flight: as many as do not make each other slow. The limit grows while calls take as long as
 * they usually do, and shrinks by what they take longer, as the length of the queue in front of whatever is short
 * shows in nothing else. It says nothing while fewer than half of it are in flight.
 * Source: Netflix concurrency-limits, Gradient2Limit and its numbers; but for the window, a tenth of a second instead of
 * one, and growth by the root of the limit instead of 4, so that a limit that was cut is back in seconds.
 */
export interface GradientTerms {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
}

/** ms */
export const windowLength = 100;
const windowSamples = 10;
/** Times that the usual latency may be exceeded before the limit shrinks. */
const tolerance = 1.5;
const smoothing = 0.2;
/** Windows over which the usual latency is taken, and those at first that are plainly averaged. */
const longWindows = 600;
const warmUpWindows = 10;
/** ms; shorter times are noise of the clock, and of a machine that others use too: none makes the limit shrink. */
const leastTime = 30;
/** What is left of the limit when the thread is late, and when callers give up what was let in; every window. */
const lateFactor = 0.9;
const vainFactor = 0.5;
/** The part of the calls that must have been given up for that: losers of hedges are given up too. */
const manyInVain = 0.2;

export class Gradient {
  readonly #terms: GradientTerms;
  #limit: number;
  /** The usual latency, ms. */
  #long = 0;
  #windows = 0;
  #sum = 0;
  #samples = 0;
  #vain = 0;
  #peak = 0;
  #crowded = false;
  #windowEnds: number;

  constructor(terms: GradientTerms, now: number) {
    this.#terms = terms;
    this.#limit = terms.initial;
    this.#windowEnds = now + windowLength;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** A call that took `ms` is over; `inFlight` with it. `vain`: nobody waited for it to the end. True when a window ended with it. */
  record(ms: number, inFlight: number, now: number, vain: boolean): boolean {
    if (vain) this.#vain += 1;
    this.#sum += ms > leastTime ? ms : leastTime;
    this.#samples += 1;
    if (inFlight > this.#peak) this.#peak = inFlight;
    if (now < this.#windowEnds || this.#samples < windowSamples) return false;
    this.#update(this.#sum / this.#samples);
    this.#sum = 0;
    this.#samples = 0;
    this.#vain = 0;
    this.#peak = 0;
    this.#windowEnds = now + windowLength;
    return true;
  }

  /** The thread cannot keep up, whatever calls say. Fewer in flight help only where many were, in the window that just ended. */
  cut(): void {
    if (this.#crowded) this.#shrink(lateFactor);
  }

  #shrink(factor: number): void {
    this.#limit = Math.max(this.#terms.min, this.#limit * factor);
  }

  #update(short: number): void {
    this.#windows += 1;
    const weight = this.#windows <= warmUpWindows ? 1 / this.#windows : 2 / (longWindows + 1);
    this.#long += (short - this.#long) * weight;
    // Calls are fast again after a time of overload: forget that time sooner.
    if (this.#long / short > 2) this.#long *= 0.95;
    this.#crowded = this.#peak >= this.#limit / 2;
    if (!this.#crowded) return;
    if (this.#vain > manyInVain * this.#samples) {
      this.#shrink(vainFactor);
      return;
    }
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#long) / short));
    const wanted = this.#limit * gradient + Math.max(4, Math.sqrt(this.#limit));
    const next = this.#limit * (1 - smoothing) + wanted * smoothing;
    this.#limit = Math.max(this.#terms.min, Math.min(this.#terms.max, next));
  }
}
