/**
 * Client, stage `throttle`: when servers refuse most calls because they have too much to do, even a refusal is work for
 * them. So the client refuses a share of its calls itself, the more the fewer are taken, and always lets some
 * through to notice when it is over. Only a server's word that it was too much counts: a failure is no overload.
 * Rule: SRE book, "Handling Overload", client-side throttling.
 */
import { sharing } from '../call/answer-steps.js';
import type { Clock } from '../call/clock.js';
import { readingOf } from '../call/clock-reading.js';
import type { Interceptor } from '../call/interceptor.js';
import { ownError, ownTerms } from '../call/own-error.js';
import type { Random } from '../call/random.js';
import { isRpcError } from '../call/rpc-error.js';
import { type Duration, duration } from '../contract/duration.js';
import { knownOptions } from '../contract/option-names.js';
import { within } from './budget.js';
import type { ClientEventHub } from './client-events.js';

export interface ThrottleOptions {
  /** Calls that are let through for each that servers take: 2 begins when more than half are refused. Default 2. */
  readonly multiplier?: number;
  /** The time that is looked back on. Default 30 s. */
  readonly window?: Duration;
  /** Share of the calls that is refused at most. Default 0.8. */
  readonly maxRejection?: number;
  /** Calls a second, over the window, below which none is refused. Default 5. */
  readonly minimumRate?: number;
}

export interface ThrottleTerms {
  readonly multiplier: number;
  /** ms */
  readonly window: number;
  readonly maxRejection: number;
  readonly minimumRate: number;
}

const checkNames = knownOptions<ThrottleOptions>({
  multiplier: true,
  window: true,
  maxRejection: true,
  minimumRate: true,
});

/** Throws a TypeError or RangeError that names the option for what cannot be meant. */
export function throttleTerms(options: ThrottleOptions = {}): ThrottleTerms {
  checkNames(options, 'throttle');
  const { multiplier = 2, maxRejection = 0.8, minimumRate = 5 } = options;
  within(multiplier, 'throttle.multiplier', 1, 100, 'calls let through for each that is taken');
  within(maxRejection, 'throttle.maxRejection', 0, 1, 'a share of the calls');
  within(minimumRate, 'throttle.minimumRate', 0, 1_000_000, 'a number of calls each second');
  const window = duration(options.window ?? 30_000, 'throttle.window') as number;
  return { multiplier, window, maxRejection, minimumRate };
}

/**
 * Whether a server refused a call because it has too much to do: by the table of reasons, or, of a call that an interceptor of the
 * server's user refused, by its code.
 */
export function isOverload(error: unknown): boolean {
  if (!isRpcError(error) || error.disposition !== 'not-executed') return false;
  return ownTerms(error)?.overload ?? (error.code === 'UNAVAILABLE' || error.code === 'RESOURCE_EXHAUSTED');
}

/** The window moves in steps. */
const steps = 10;

export class Throttle {
  readonly #terms: ThrottleTerms;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #least: number;
  readonly #calls = new Float64Array(steps);
  readonly #refused = new Float64Array(steps);
  #at = 0;
  #stepEnds = Number.NEGATIVE_INFINITY;
  #allCalls = 0;
  #allRefused = 0;

  constructor(terms: ThrottleTerms, clock: Clock, random: Random) {
    this.#terms = terms;
    this.#clock = clock;
    this.#random = random;
    this.#least = (terms.minimumRate * terms.window) / 1_000;
  }

  /** Counts a call at `now`, if given. False when it is one that had better not be sent. */
  admits(now = this.#clock.now()): boolean {
    if (now >= this.#stepEnds) this.#move(now);
    const share = this.#allRefused === 0 ? 0 : this.rejection;
    this.#calls[this.#at] = (this.#calls[this.#at] as number) + 1;
    this.#allCalls += 1;
    if (share === 0 || this.#random.next() >= share) return true;
    this.#count();
    return false;
  }

  /** What the share that is refused was a call ago, 0 to 1. */
  get rejection(): number {
    const { multiplier, maxRejection } = this.#terms;
    const calls = this.#allCalls;
    if (calls < this.#least) return 0;
    const taken = calls - this.#allRefused;
    return Math.min(maxRejection, Math.max(0, (calls - multiplier * taken) / (calls + 1)));
  }

  /** The share of the calls of late that servers, or this, refused. */
  get refused(): number {
    return this.#allCalls === 0 ? 0 : this.#allRefused / this.#allCalls;
  }

  /** A call has failed. */
  failed(error: unknown): void {
    if (!isOverload(error)) return;
    const now = this.#clock.now();
    if (now >= this.#stepEnds) this.#move(now);
    this.#count();
  }

  #count(): void {
    this.#refused[this.#at] = (this.#refused[this.#at] as number) + 1;
    this.#allRefused += 1;
  }

  /** Forgets what is older than the window. */
  #move(now: number): void {
    const length = this.#terms.window / steps;
    const behind = Math.floor((now - this.#stepEnds) / length) + 1;
    for (let i = 0; i < Math.min(steps, behind); i++) {
      this.#at = (this.#at + 1) % steps;
      this.#allCalls -= this.#calls[this.#at] as number;
      this.#allRefused -= this.#refused[this.#at] as number;
      this.#calls[this.#at] = 0;
      this.#refused[this.#at] = 0;
    }
    this.#stepEnds = behind > steps ? now + length : this.#stepEnds + behind * length;
  }
}

export function clientThrottle(throttle: Throttle, events: ClientEventHub, clock: Clock): Interceptor {
  return sharing((method, next) => (call) => {
    if (throttle.admits(readingOf(call, clock))) return next(call);
    const error = ownError(
      'CLIENT_THROTTLED',
      `${method.path} was not sent: ${Math.round(throttle.refused * 100)} % of the calls of late were refused for overload, so this client holds back for a while`,
      { disposition: 'not-executed' },
    );
    if (events.wants('discarded')) events.emit('discarded', { method, stage: 'throttle', error });
    return Promise.reject(error);
  });
}
