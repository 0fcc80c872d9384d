/**
 * A quota as one number for each key: when it would be used up evenly (GCRA, the leaky bucket without a bucket). Keys are bounded;
 * the one that was used longest ago goes first, and what it had used is forgotten with it.
 * Source: ITU-T I.371, generic cell rate algorithm.
 */
import type { Clock } from '../../call/clock.js';

/** What a key may use. */
export interface QuotaRate {
  /** Units of cost a second. A call costs 1 unless the IDL says otherwise. */
  readonly rate: number;
  /** Units at once, after a pause. Default: what one second brings, and no less than 1. */
  readonly burst?: number;
}

/** The port behind which a quota is kept: in memory, or where all servers of a service share it. */
export interface QuotaLimiter {
  /** Takes `cost` from what `key` may use now: 0, or ms until there is so much again; Infinity when there never is. */
  take(key: string, cost: number, rate: Required<QuotaRate>): number | Promise<number>;
}

export class Gcra implements QuotaLimiter {
  readonly #clock: Clock;
  readonly #maxKeys: number;
  /** When each key would be used up evenly, on the clock's scale; in the order of use. */
  readonly #spent = new Map<string, number>();

  constructor(clock: Clock, maxKeys: number) {
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  /** Keys that are kept. */
  get size(): number {
    return this.#spent.size;
  }

  take(key: string, cost: number, { rate, burst }: Required<QuotaRate>): number {
    if (cost > burst) return Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const each = 1_000 / rate;
    const known = this.#spent.get(key);
    const spent = Math.max(known ?? now, now) + cost * each;
    const wait = spent - now - burst * each;
    // A thousandth of a call: the sum of many steps is not exact.
    if (wait > each / 1_000) return wait;
    if (known !== undefined) this.#spent.delete(key);
    else if (this.#spent.size >= this.#maxKeys) this.#spent.delete(this.#spent.keys().next().value as string);
    this.#spent.set(key, spent);
    return 0;
  }
}
