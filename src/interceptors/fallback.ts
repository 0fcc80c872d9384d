/**
 * What a caller gets in the place of an answer when there is no room for its call: a value, the last good answer, or what a function
 * makes. Only where it is proven that the call did not run and that every attempt it had was refused: by an overloaded
 * or closing server, by this client's own throttle, or by a breaker that is open. Never silently: an event says so, and so do
 * `call.fellBack` and the trace.
 */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Interceptor } from '../call/interceptor.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import { type Duration, duration } from '../contract/duration.js';
import type { MethodType } from '../contract/method.js';
import { knownOptions, shown } from '../contract/option-names.js';
import type { ServiceType } from '../contract/service.js';
import { within } from './budget.js';
import type { ClientEventHub } from './client-events.js';
import { effectivePolicy, type PolicyOptions } from './effective-policy.js';
import { StaleAnswers } from './stale-answers.js';

export interface StaleOptions {
  /** How old an answer may be. */
  readonly maxAge: Duration;
  /** Answers that are kept, the last used ones. Default 1,000. */
  readonly maxEntries?: number;
  /** Bytes of all requests and answers that are kept. Default 16 MiB. */
  readonly maxBytes?: number;
}

/** `value`: the same for every call, as the method's response. `stale`: the last answer to the same request, for methods without side effects. */
export type Fallback =
  | { readonly value: unknown }
  | { readonly stale: StaleOptions }
  | ((request: never, error: RpcError) => unknown);

/** By the method's name in TypeScript. */
export type Fallbacks = Readonly<Record<string, Fallback>>;

export type FallbackKind = 'value' | 'stale' | 'function';

const checkStaleNames = knownOptions<StaleOptions>({ maxAge: true, maxEntries: true, maxBytes: true });

/** Throws a TypeError or RangeError that names the option for what cannot be meant. */
export function checkFallbacks(service: ServiceType, fallbacks: Fallbacks, policy: PolicyOptions): void {
  if (typeof fallbacks !== 'object' || fallbacks === null) {
    throw new TypeError(`fallback is ${shown(fallbacks)}; it is an object with an entry for a method, by its name`);
  }
  for (const [name, fallback] of Object.entries(fallbacks)) {
    const method: MethodType | undefined = Object.hasOwn(service.methods, name) ? service.methods[name] : undefined;
    const where = `fallback.${name}`;
    if (method === undefined) {
      throw new TypeError(
        `${where} is no method of ${service.name}; its methods are ${Object.keys(service.methods).join(', ')}`,
      );
    }
    if (method.kind !== 'unary')
      throw new TypeError(`${where}: ${method.path} is a ${method.kind} method; only a unary call has one answer`);
    if (typeof fallback === 'function') continue;
    if (typeof fallback !== 'object' || fallback === null || !('value' in fallback || 'stale' in fallback)) {
      throw new TypeError(
        `${where} is ${shown(fallback)}; it is { value }, { stale: { maxAge } } or a function of the request`,
      );
    }
    if ('stale' in fallback) checkStale(method, fallback.stale, `${where}.stale`, policy);
  }
}

function checkStale(method: MethodType, stale: StaleOptions, where: string, policy: PolicyOptions): void {
  checkStaleNames(stale, where);
  const { maxAge, maxEntries = 1_000, maxBytes = 16_777_216 } = stale;
  if (duration(maxAge, `${where}.maxAge`) === undefined) {
    throw new TypeError(`${where}.maxAge is missing; say how old an answer may be, as in "30s"`);
  }
  within(maxEntries, `${where}.maxEntries`, 1, 1_000_000, 'a number of answers');
  within(maxBytes, `${where}.maxBytes`, 1, 2 ** 34, 'a number of bytes');
  const { value } = effectivePolicy(method, policy).idempotency;
  if (value !== 'NO_SIDE_EFFECTS') {
    throw new TypeError(
      `${where}: ${method.path} is ${value}, and an old answer would say that something was done that was not; only a method that is NO_SIDE_EFFECTS has one`,
    );
  }
}

export interface FallbackContext {
  readonly clock: Clock;
  readonly events: ClientEventHub;
}

/** Client, stages `fallback` and, for what is kept, after `encode`, where messages are bytes. */
export function clientFallback(
  fallbacks: Fallbacks | undefined,
  { clock, events }: FallbackContext,
): { readonly outer: Interceptor; readonly inner: Interceptor } {
  const kept = new Map<MethodType, StaleAnswers>();
  const answersOf = (method: MethodType, { maxAge, maxEntries = 1_000, maxBytes = 16_777_216 }: StaleOptions) => {
    const known =
      kept.get(method) ?? new StaleAnswers(clock, duration(maxAge, 'maxAge') as number, maxEntries, maxBytes);
    kept.set(method, known);
    return known;
  };
  const of = (method: MethodType): Fallback | undefined =>
    fallbacks !== undefined && Object.hasOwn(fallbacks, method.localName) ? fallbacks[method.localName] : undefined;
  return {
    outer: (method, next) => {
      const fallback = of(method);
      if (fallback === undefined) return next;
      const take = taker(method, fallback, answersOf);
      return async (call) => {
        const { request } = call;
        try {
          return await next(call);
        } catch (error) {
          if (!refusedAll(error)) throw error;
          const taken = await take(call, request, error);
          if (taken === undefined) throw error;
          call.fellBack = taken.kind;
          call.trace?.event('hawser.fallback', { 'hawser.fallback.kind': taken.kind });
          if (events.wants('fallback')) {
            const { correlationId } = call;
            events.emit('fallback', { method, kind: taken.kind, age: taken.age, error, correlationId });
          }
          return taken.response;
        }
      };
    },
    inner: (method, next) => {
      const fallback = of(method);
      if (fallback === undefined || typeof fallback === 'function' || !('stale' in fallback)) return next;
      const answers = answersOf(method, fallback.stale);
      return async (call) => {
        const response = await next(call);
        answers.keep(call, response as Uint8Array);
        return response;
      };
    },
  };
}

interface Taken {
  readonly kind: FallbackKind;
  readonly response: unknown;
  /** ms */
  readonly age?: number | undefined;
}

type Take = (call: Call, request: unknown, error: RpcError) => Taken | undefined | Promise<Taken>;

function taker(
  method: MethodType,
  fallback: Fallback,
  answersOf: (method: MethodType, stale: StaleOptions) => StaleAnswers,
): Take {
  if (typeof fallback === 'function') {
    return async (call, request, error) => ({
      kind: 'function',
      response: await unlessAborted(call, async () => fallback(request as never, error)),
    });
  }
  if ('stale' in fallback) {
    const answers = answersOf(method, fallback.stale);
    return (call) => {
      const answer = answers.of(call);
      if (answer === undefined) return undefined;
      // Decoded for each caller anew: none can change what another gets.
      return { kind: 'stale', response: method.response.decode(answer.bytes, call.encoding), age: answer.age };
    };
  }
  return () => ({ kind: 'value', response: fallback.value });
}

/** The function is the user's: it may think longer than the call may last. */
function unlessAborted(call: Call, think: () => Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const remove = call.onAbort(reject);
    think().then(resolve, reject).finally(remove);
  });
}

/** Whether every attempt was refused, and none ran. */
function refusedAll(error: unknown): error is RpcError {
  return isRpcError(error) && error.code === 'UNAVAILABLE' && error.disposition === 'not-executed';
}
