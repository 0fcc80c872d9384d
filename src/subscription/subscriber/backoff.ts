/**
 * When to come back. Full jitter over a window that doubles, on top of what the server asked for: a thousand clients that
 * lost one server must not meet again at the next one (AWS, "Exponential Backoff And Jitter").
 */
import type { Random } from '../../call/random.js';

export interface BackoffTerms {
  /** ms; the window of the first try. */
  readonly initial: number;
  /** ms; the window never grows beyond it. */
  readonly max: number;
}

export class Backoff {
  readonly #terms: BackoffTerms;
  readonly #random: Random;
  #failures = 0;

  constructor(terms: BackoffTerms, random: Random) {
    this.#terms = terms;
    this.#random = random;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** ms to wait after one more failure, never less than `floor`. */
  next(floor = 0): number {
    const window = Math.min(this.#terms.max, this.#terms.initial * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return floor + this.#random.next() * window;
  }

  reset(): void {
    this.#failures = 0;
  }
}
