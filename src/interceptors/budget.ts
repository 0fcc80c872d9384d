/**
 * What keeps retries from making an outage worse: one bucket of tokens per client, shared by
 * retries and hedges. A call that succeeds earns a tenth of a token, an extra attempt costs one,
 * so in the long run extra attempts are at most a tenth of the successes, and in a total outage only what the bucket
 * held at its start. Counted in whole thousandths: sums of 0.1 drift.
 * Rule: gRFC A6 throttling, Finagle RetryBudget.
 */
import type { Clock } from '../call/clock.js';
import { knownOptions, shown } from '../contract/option-names.js';

export interface BudgetOptions {
  /** Tokens at the start, and at most. Default 100. */
  readonly capacity?: number;
  /** Tokens that a successful call earns. Default 0.1. */
  readonly perSuccess?: number;
  /** Tokens that come by themselves each second, for clients with few calls. Default 0. */
  readonly perSecond?: number;
}

const checkNames = knownOptions<BudgetOptions>({ capacity: true, perSuccess: true, perSecond: true });

const token = 1_000;

export class RetryBudget {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #perSuccess: number;
  readonly #perSecond: number;
  #balance: number;
  #filledAt: number;

  /** Throws a RangeError for amounts that cannot be meant. */
  constructor(clock: Clock, options: BudgetOptions = {}) {
    checkNames(options, 'budget');
    const { capacity = 100, perSuccess = 0.1, perSecond = 0 } = options;
    within(capacity, 'budget.capacity', 0, 1_000_000, 'a number of tokens');
    within(perSuccess, 'budget.perSuccess', 0, 1, 'tokens for each success');
    within(perSecond, 'budget.perSecond', 0, 10_000, 'tokens each second');
    this.#clock = clock;
    this.#capacity = Math.round(capacity * token);
    this.#perSuccess = Math.round(perSuccess * token);
    this.#perSecond = perSecond * token;
    this.#balance = this.#capacity;
    this.#filledAt = perSecond > 0 ? clock.now() : 0;
  }

  /** Tokens left. */
  get balance(): number {
    this.#fill();
    return this.#balance / token;
  }

  /** A call has succeeded. */
  earn(): void {
    this.#balance = Math.min(this.#capacity, this.#balance + this.#perSuccess);
  }

  /** Takes a token for an extra attempt, if there is a whole one. */
  take(): boolean {
    this.#fill();
    if (this.#balance < token) return false;
    this.#balance -= token;
    return true;
  }

  /** A token that was taken was not used. */
  giveBack(): void {
    this.#balance = Math.min(this.#capacity, this.#balance + token);
  }

  #fill(): void {
    if (this.#perSecond === 0) return;
    const now = this.#clock.now();
    this.#balance = Math.min(this.#capacity, this.#balance + ((now - this.#filledAt) / 1000) * this.#perSecond);
    this.#filledAt = now;
  }
}

/** Throws a RangeError that names the option and its limits. */
export function within(value: number, name: string, least: number, most: number, what: string): void {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw new RangeError(`${name} is ${shown(value)}; it is ${what}, ${least} to ${most}`);
  }
}
