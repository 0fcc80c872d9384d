/**
 * Saying no early and cheaply, so that a server under more load than it can bear goes on serving what matters. On by
 * default, with limits that a service which keeps up never meets. One limit for all methods of a server: they share its thread.
 */
import { sharing } from '../../call/answer-steps.js';
import type { Call } from '../../call/call.js';
import { type Clock, systemClock } from '../../call/clock.js';
import type { Interceptor } from '../../call/interceptor.js';
import type { Route } from '../../call/transport.js';
import { type Duration, duration } from '../../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../../contract/method.js';
import { group, list, orFalse } from '../../contract/option-kinds.js';
import { knownOptions } from '../../contract/option-names.js';
import { within } from '../budget.js';
import type { ServerEventHub } from '../server-events.js';
import { isHealth } from './health.js';
import { Limiter, type LimiterTerms } from './limiter.js';
import { isLongPoll } from './long-poll.js';

export interface AdmissionOptions {
  /**
   * Calls in flight: `initial` 1,000 at first, then between `min` 32 and `max` 10,000, as many as do not slow each other
   * down. A number is a limit that stays.
   */
  readonly limit?: number | { readonly initial?: number; readonly min?: number; readonly max?: number };
  /**
   * Calls that wait for a place: at most `max` (20,000). Once calls of a band have waited for more than `target` (5 ms) all
   * through an `interval` (100 ms), none waits for longer than two fifths of the time that its caller has left, 30 s at
   * most, and when that has lasted for 30 s a fifth of this; twice the `target` each may wait. `false`: none waits.
   */
  readonly queue?: false | { readonly max?: number; readonly target?: Duration; readonly interval?: Duration };
  /** How long handlers may compute before the server looks at what else has come. Default 10 ms. */
  readonly slice?: Duration;
  /**
   * How late the event loop may be, twice in a row, before the limit is cut while most of it is in use. Default 50 ms. From 0.3
   * of that on calls are paced: as many are in flight as keep the thread busy, 8 at least or `limit.min` where it is given.
   */
  readonly loopDelay?: Duration;
  /** Principals that are believed when they call a request more critical than the IDL does. */
  readonly trusted?: readonly string[];
}

const most = 1_000_000;

type LimitOptions = Exclude<AdmissionOptions['limit'], number | undefined>;
type QueueOptions = Exclude<AdmissionOptions['queue'], false | undefined>;

const checkLimit = knownOptions<LimitOptions>({ initial: true, min: true, max: true });
const checkNames = knownOptions<AdmissionOptions>({
  limit: (value, name) => {
    if (typeof value !== 'number') checkLimit(value, name);
  },
  queue: orFalse(group(knownOptions<QueueOptions>({ max: true, target: true, interval: true }))),
  slice: true,
  loopDelay: true,
  trusted: list,
});

/** Throws a RangeError or TypeError that names the option for what cannot be meant. */
export function limiterTerms(options: AdmissionOptions, clock: Clock): LimiterTerms {
  checkNames(options, 'admission');
  const { limit = {}, queue = {}, loopDelay } = options;
  const sample = loopDelay ?? (clock === systemClock ? 50 : undefined);
  return {
    limit: limitTerms(limit),
    queue: queue === false ? { max: 0, target: 5, interval: 100 } : queueTerms(queue),
    slice: duration(options.slice ?? 10, 'admission.slice') as number,
    loopDelay: duration(sample, 'admission.loopDelay'),
    leastPace: leastPace(limit),
  };
}

function limitTerms(limit: Exclude<AdmissionOptions['limit'], undefined>): LimiterTerms['limit'] {
  if (typeof limit === 'number') {
    whole(limit, 'admission.limit', 1, 'calls in flight');
    return { initial: limit, min: limit, max: limit };
  }
  const { initial, min, max } = limit;
  const lowest = min ?? Math.min(32, max ?? 32, initial ?? 32);
  const highest = max ?? Math.max(10_000, lowest, initial ?? 0);
  const first = initial ?? Math.min(Math.max(1_000, lowest), highest);
  whole(lowest, 'admission.limit.min', 1, 'calls in flight');
  whole(highest, 'admission.limit.max', 1, 'calls in flight');
  whole(first, 'admission.limit.initial', 1, 'calls in flight');
  if (!(lowest <= first && first <= highest)) {
    throw new RangeError(
      `admission.limit.initial is ${first}; it lies between admission.limit.min (${lowest}) and admission.limit.max (${highest})`,
    );
  }
  return { initial: first, min: lowest, max: highest };
}

/** Fewer than `limit.min` keep a thread busy that is late; what the user has said holds. */
function leastPace(limit: Exclude<AdmissionOptions['limit'], undefined>): number {
  if (typeof limit === 'number') return limit;
  return limit.min ?? Math.min(8, limit.max ?? 8, limit.initial ?? 8);
}

function queueTerms({
  max = 20_000,
  target = 5,
  interval = 100,
}: Exclude<AdmissionOptions['queue'], undefined | false>): LimiterTerms['queue'] {
  whole(max, 'admission.queue.max', 1, 'calls that wait; say queue: false for none');
  const terms = {
    max,
    target: duration(target, 'admission.queue.target') as number,
    interval: duration(interval, 'admission.queue.interval') as number,
  };
  if (terms.target > terms.interval) {
    throw new RangeError(
      `admission.queue.target (${terms.target} ms) is longer than admission.queue.interval (${terms.interval} ms)`,
    );
  }
  return terms;
}

function whole(value: number, name: string, least: number, what: string): void {
  within(value, name, least, most, `a number of ${what}`);
  if (!Number.isInteger(value)) throw new RangeError(`${name} is ${value}; it is a whole number of ${what}`);
}

/** Throws a RangeError or TypeError that names the option for what cannot be meant. */
export function admissionLimiter(
  options: AdmissionOptions | false | undefined,
  clock: Clock,
  events: ServerEventHub,
): Limiter | undefined {
  return options === false
    ? undefined
    : new Limiter(limiterTerms(options === undefined ? {} : options, clock), clock, events);
}

/** Server, stage `limiter`. */
export function admission(limiter: Limiter | undefined): Interceptor {
  return sharing((method, next) => {
    if (limiter === undefined || isHealth(method)) return next;
    const streams = streamsRequest(method.kind) || streamsResponse(method.kind) || isLongPoll(method);
    return (call) => limiter.admit(call, next, streams);
  });
}

/** What a route asks before there is a call: only of a unary method, whose callers are not asked who they are. */
export function refusing(limiter: Limiter | undefined): (method: MethodType) => Route['refuse'] {
  return (method) => {
    if (limiter === undefined || isHealth(method) || streamsRequest(method.kind) || streamsResponse(method.kind)) {
      return undefined;
    }
    return (request, now) => limiter.refuse(method, request, now);
  };
}

/** Server, after `authenticate`: whom the server believes. Throws a TypeError for what is no list of names. */
export function trustedPrincipals(names: readonly string[] | undefined): Interceptor {
  if (names !== undefined && !(Array.isArray(names) && names.every((name) => typeof name === 'string'))) {
    throw new TypeError('admission.trusted is a list of principals, each a text');
  }
  if (names === undefined || names.length === 0) return (_method, next) => next;
  const trusted = new Set(names);
  return sharing((_method, next) => (call: Call) => {
    if (trusted.has(call.principal)) call.trusted = true;
    return next(call);
  });
}
