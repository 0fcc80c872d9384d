/**
 * How a promise is added to every call. An interceptor is applied once per method, when a
 * client or server is built: what follows from the method's policy is decided there, and one
 * that has nothing to do for a method returns `next` itself, so it costs nothing.
 *
 * @example
 * const timing: Interceptor = (method, next) => async (call) => {
 *   const start = performance.now();
 *   try {
 *     return await next(call);
 *   } finally {
 *     console.log(method.path, performance.now() - start, 'ms');
 *   }
 * };
 * server.use(timing);
 *
 * Interceptors stand at stages, and stages have one order that the runtime knows, so a retry
 * cannot end up outside the deadline that bounds it.
 */
import type { MethodType } from '../contract/method.js';
import type { Call } from './call.js';

/** Resolves to the response: a message, or an AsyncIterable of messages where the response streams. */
export type Handler = (call: Call) => Promise<unknown>;

export type Interceptor = (method: MethodType, next: Handler) => Handler;

/** As `await next(call)` takes it: also what a handler throws, or returns without a promise. */
export function begun(next: Handler, call: Call): Promise<unknown> {
  try {
    return Promise.resolve(next(call));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A handler without a promise around what is there at once: returns it, or a promise, or throws. */
export type Immediate = (call: Call) => unknown;

const immediates = new WeakMap<Handler, Immediate>();

/** Says how `handler` is called by who has no use for a promise. It does the same. */
export function alsoImmediate(handler: Handler, immediate: Immediate): Handler {
  immediates.set(handler, immediate);
  return handler;
}

export function immediateOf(handler: Handler): Immediate {
  return immediates.get(handler) ?? handler;
}

/** Outermost first. */
export const clientStages = [
  'trace',
  'fallback',
  'deadline',
  'key',
  'encode',
  'throttle',
  'retry',
  'attempt-trace',
  'negotiate',
  'transport',
] as const;
export type ClientStage = (typeof clientStages)[number];

/** Outermost first. */
export const serverStages = [
  'transport',
  'trace',
  'negotiate',
  'deadline',
  'authenticate',
  'quota',
  'limiter',
  'decode',
  'authorize',
  'idempotency',
  'handler',
] as const;
export type ServerStage = (typeof serverStages)[number];

/** Where a user's own interceptor stands. */
export type Placement<Stage extends string> = { readonly before: Stage } | { readonly after: Stage };

/** An interceptor at its place. `side` is 0 for the stage itself, -1 before it, 1 after it. */
export interface Staged {
  readonly stage: string;
  readonly side: -1 | 0 | 1;
  readonly interceptor: Interceptor;
}

/** Throws a TypeError for a stage that does not exist. */
export function place<Stage extends string>(
  stages: readonly Stage[],
  interceptor: Interceptor,
  placement: Placement<Stage>,
): Staged {
  if (typeof interceptor !== 'function') {
    throw new TypeError(`an interceptor is a function (method, next) => handler, not ${typeof interceptor}`);
  }
  const [stage, side] = 'before' in placement ? [placement.before, -1 as const] : [placement.after, 1 as const];
  if (!stages.includes(stage)) {
    throw new TypeError(`there is no stage ${JSON.stringify(stage)}; the stages are ${stages.join(', ')}`);
  }
  return { stage, side, interceptor };
}

/** Where it stands among others: the smaller, the further out. */
export function rankOf(stages: readonly string[], one: Staged): number {
  return stages.indexOf(one.stage) * 3 + one.side;
}

/** One handler out of a method's interceptors, in the order of their stages, around the innermost. */
export function compose(
  stages: readonly string[],
  method: MethodType,
  interceptors: readonly Staged[],
  innermost: Handler,
): Handler {
  const ordered = [...interceptors].sort((a, b) => rankOf(stages, a) - rankOf(stages, b));
  return ordered.reduceRight((next, { interceptor }) => {
    const handler = interceptor(method, next);
    if (typeof handler !== 'function') {
      throw new TypeError(`an interceptor returned ${typeof handler} for ${method.path}; it must return a handler`);
    }
    return handler;
  }, innermost);
}
