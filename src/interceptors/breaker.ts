/**
 * Whether an address is worth sending to. After failures in a row, or too many among many, it is left alone for a
 * while that doubles each time; then one call, and one only, tries it. It counts what less traffic or
 * another server could mend, not what the caller did wrong.
 * Rules: Envoy outlier detection (which codes, how much may be ejected), Finagle FailureAccrual.
 */
import type { Clock } from '../call/clock.js';
import { isCallersFault, ownTerms } from '../call/own-error.js';
import type { Random } from '../call/random.js';
import { isRpcError } from '../call/rpc-error.js';
import type { Code } from '../contract/code.js';
import { type Duration, duration } from '../contract/duration.js';
import { knownOptions } from '../contract/option-names.js';
import { within } from './budget.js';

export interface BreakerOptions {
  /** Failures one after the other that open it. Default 5. */
  readonly failures?: number;
  /** Share of successes below which it opens. Default 0.8. */
  readonly successRate?: number;
  /** The time over which the share is taken. Default 30 s. */
  readonly window?: Duration;
  /** Attempts in the window below which the share says nothing. Default 20. */
  readonly minimumAttempts?: number;
  /** How long it stays open the first time; doubles each time. Default 5 s. */
  readonly openFor?: Duration;
  /** The longest that it stays open. Default 5 min. */
  readonly maxOpenFor?: Duration;
  /** Share of the addresses that may be left out at once; beyond it breakers stay closed. Default 0.5. */
  readonly maxEjected?: number;
}

export interface BreakerTerms {
  readonly failures: number;
  readonly successRate: number;
  readonly window: number;
  readonly minimumAttempts: number;
  readonly openFor: number;
  readonly maxOpenFor: number;
  readonly maxEjected: number;
}

export type BreakerState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly until: number }
  /** One attempt is on its way to find out. */
  | { readonly kind: 'half-open' };

export interface BreakerContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Whether one more address may be left out. `rate`: because of its success rate. */
  readonly mayOpen: (rate: boolean) => boolean;
  readonly onChange: (from: BreakerState, to: BreakerState, reason: string) => void;
}

const checkNames = knownOptions<BreakerOptions>({
  failures: true,
  successRate: true,
  window: true,
  minimumAttempts: true,
  openFor: true,
  maxOpenFor: true,
  maxEjected: true,
});

/** Throws a RangeError that names the option for thresholds that cannot be meant. */
export function breakerTerms(options: BreakerOptions = {}): BreakerTerms {
  checkNames(options, 'breaker');
  const { failures = 5, successRate = 0.8, minimumAttempts = 20, maxEjected = 0.5 } = options;
  within(failures, 'breaker.failures', 1, 1_000_000, 'a number of failures in a row');
  within(successRate, 'breaker.successRate', 0, 1, 'a share of the attempts');
  within(minimumAttempts, 'breaker.minimumAttempts', 1, 1_000_000, 'a number of attempts');
  within(maxEjected, 'breaker.maxEjected', 0, 1, 'a share of the addresses');
  const openFor = duration(options.openFor ?? 5_000, 'breaker.openFor') as number;
  const maxOpenFor = duration(options.maxOpenFor ?? Math.max(300_000, openFor), 'breaker.maxOpenFor') as number;
  if (openFor > maxOpenFor) {
    throw new RangeError(`breaker.openFor (${openFor} ms) is longer than breaker.maxOpenFor (${maxOpenFor} ms)`);
  }
  const window = duration(options.window ?? 30_000, 'breaker.window') as number;
  return { failures, successRate, window, minimumAttempts, openFor, maxOpenFor, maxEjected };
}

/** Of what has no reason of ours. ABORTED is two callers in each other's way, which no other address mends. */
const failureCodes: ReadonlySet<Code> = new Set([
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);
const outcomes = { faulty: 'failure', sound: 'success', unknown: 'neutral' } as const;

/**
 * `neutral`: says nothing of the address. The table of reasons decides, else the code. A deadline counts only where the attempt
 * had the time that an answer may take (`hadTime`); a shorter one is the caller's doing.
 */
export function outcomeOf(error: unknown, hadTime = true): 'success' | 'failure' | 'neutral' {
  if (error === undefined) return 'success';
  if (!isRpcError(error) || error.code === 'CANCELLED' || isCallersFault(error)) return 'neutral';
  if (error.code === 'DEADLINE_EXCEEDED' && !hadTime) return 'neutral';
  const terms = ownTerms(error);
  if (terms !== undefined) return outcomes[terms.address];
  return failureCodes.has(error.code) ? 'failure' : 'success';
}

const closed: BreakerState = { kind: 'closed' };
const halfOpen: BreakerState = { kind: 'half-open' };
/** The window moves in steps. */
const steps = 10;

export class Breaker {
  readonly #terms: BreakerTerms;
  readonly #context: BreakerContext;
  #state: BreakerState = closed;
  #inRow = 0;
  /** Times it opened without having been well since. */
  #opened = 0;
  readonly #good = new Array<number>(steps).fill(0);
  readonly #bad = new Array<number>(steps).fill(0);
  #step = 0;
  #openedByRate = false;

  constructor(terms: BreakerTerms, context: BreakerContext) {
    this.#terms = terms;
    this.#context = context;
  }

  get state(): BreakerState {
    return this.#state;
  }

  get openedByRate(): boolean {
    return this.#openedByRate && this.#state.kind !== 'closed';
  }

  /** Whether an attempt may go to this address now. */
  get admits(): boolean {
    const state = this.#state;
    switch (state.kind) {
      case 'closed':
        return true;
      case 'open':
        return this.#context.clock.now() >= state.until;
      case 'half-open':
        return false;
      default:
        return state satisfies never;
    }
  }

  /** An attempt that `admits` allowed goes out. True when it is the one that finds out; it must be reported. */
  begin(): boolean {
    if (this.#state.kind !== 'open' || this.#context.clock.now() < this.#state.until) return false;
    this.#change(halfOpen, 'its time is over, one attempt tries it');
    return true;
  }

  record(outcome: 'success' | 'failure' | 'neutral', probe: boolean): void {
    if (this.#state.kind === 'half-open') {
      if (probe) this.#probed(outcome);
      return;
    }
    if (this.#state.kind === 'open' || outcome === 'neutral') return; // late answers of before
    this.#count(outcome === 'success');
    if (outcome === 'success') {
      this.#inRow = 0;
      return;
    }
    this.#inRow += 1;
    if (this.#inRow >= this.#terms.failures) this.#open(`${this.#inRow} failures in a row`, false);
    else this.#checkRate();
  }

  #probed(outcome: 'success' | 'failure' | 'neutral'): void {
    if (outcome === 'failure') this.#open('the attempt that tried it failed', this.#openedByRate, true);
    else if (outcome === 'neutral')
      this.#change({ kind: 'open', until: this.#context.clock.now() }, 'nothing was found out');
    else {
      this.#opened = 0;
      this.#forget();
      this.#change(closed, 'it answered again');
    }
  }

  #checkRate(): void {
    const { successRate, minimumAttempts } = this.#terms;
    const good = this.#good.reduce((a, b) => a + b);
    const all = good + this.#bad.reduce((a, b) => a + b);
    if (all < minimumAttempts || good / all >= successRate) return;
    this.#open(`${Math.round((100 * good) / all)} % of ${all} attempts succeeded`, true);
  }

  #open(reason: string, rate: boolean, again = false): void {
    if (!again && !this.#context.mayOpen(rate)) {
      // It stays in use; counting anew keeps it from asking on every further failure.
      this.#forget();
      return;
    }
    const { openFor, maxOpenFor } = this.#terms;
    const full = Math.min(maxOpenFor, openFor * 2 ** Math.min(this.#opened, 30));
    this.#opened += 1;
    this.#openedByRate = rate;
    this.#forget();
    // Equal jitter: clients that saw the same failure do not come back in the same instant.
    const until = this.#context.clock.now() + full / 2 + (this.#context.random.next() * full) / 2;
    this.#change({ kind: 'open', until }, reason);
  }

  #change(to: BreakerState, reason: string): void {
    const from = this.#state;
    this.#state = to;
    this.#context.onChange(from, to, reason);
  }

  #forget(): void {
    this.#inRow = 0;
    this.#good.fill(0);
    this.#bad.fill(0);
  }

  #count(good: boolean): void {
    const step = Math.floor((this.#context.clock.now() / this.#terms.window) * steps);
    const passed = Math.min(steps, step - this.#step);
    for (let i = 1; i <= passed; i++) {
      const at = (step - passed + i) % steps;
      this.#good[at] = 0;
      this.#bad[at] = 0;
    }
    this.#step = step;
    const counts = good ? this.#good : this.#bad;
    const at = step % steps;
    counts[at] = (counts[at] ?? 0) + 1;
  }
}
