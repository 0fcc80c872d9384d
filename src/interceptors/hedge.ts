/**
 * When a second copy of a call goes out, and how many copies a client may send in all. A hedge
 * cuts off the slow tail, and only that: beyond two calls in a hundred it is load, and load is what makes
 * servers slow. Rules: Finagle BackupRequestFilter; Dean and Barroso, The Tail at Scale.
 */
import type { HedgePolicy } from '../contract/policy.js';
import type { LatencyWindow } from './latency.js';

export interface HedgePlan {
  /** Copies of one call, the first included. */
  readonly maxCopies: number;
  /** ms to wait for an answer before the next copy; undefined while too little is known. */
  delay(): number | undefined;
}

/** ms; below this a timer is no more than noise. */
const leastDelay = 1;
const mostCopies = 3;

export function hedgePlan(policy: HedgePolicy, latency: LatencyWindow): HedgePlan {
  const maxCopies = Math.min(policy.maxCopies ?? 2, mostCopies);
  const { delay, percentile } = policy;
  if (delay !== undefined) return { maxCopies, delay: () => delay };
  const q = (percentile ?? 95) / 100;
  return {
    maxCopies,
    delay: () => {
      const ms = latency.quantile(q);
      return ms === undefined ? undefined : Math.max(leastDelay, ms);
    },
  };
}

/** A client that has made few calls may send this many copies all the same. */
const atFirst = 10;
/** Calls after which old ones count half, so that a quiet year does not pay for a storm. */
const horizon = 10_000;

/** Hedges as a share of the calls of a client. */
export class HedgeShare {
  readonly #ratio: number;
  #calls = 0;
  #hedges = 0;

  constructor(ratio = 0.02) {
    this.#ratio = ratio;
  }

  /** A call that could be hedged has begun. */
  begin(): void {
    this.#calls += 1;
    if (this.#calls < 2 * horizon) return;
    this.#calls /= 2;
    this.#hedges /= 2;
  }

  /** Whether one more copy stays within the share. */
  get allows(): boolean {
    return this.#hedges + 1 <= Math.max(atFirst, this.#ratio * this.#calls);
  }

  count(): void {
    this.#hedges += 1;
  }
}
