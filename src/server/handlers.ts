/** What a service's implementation looks like, by the kind of each method; and how it is called. */
import type { Call } from '../call/call.js';
import { alsoImmediate, type Handler } from '../call/interceptor.js';
import { type MethodType, streamsResponse } from '../contract/method.js';
import { distance, nearest, shown } from '../contract/option-names.js';
import type { ServiceType } from '../contract/service.js';

/** What a handler gets beside the request. */
export interface ServerCall<Tx = unknown> extends CallView {
  /**
   * The transaction of the server's store, in a KEYED method: what is written through it commits together with the answer,
   * or not at all. Of no use once the handler has returned; undefined in other methods.
   */
  readonly tx: Tx;
}

type CallView = Pick<
  Call,
  | 'method'
  | 'deadline'
  | 'signal'
  | 'headers'
  | 'peer'
  | 'principal'
  | 'identity'
  | 'responseHeaders'
  | 'responseTrailers'
  | 'correlationId'
  | 'idempotencyKey'
  | 'peerVersion'
  | 'has'
>;

type Many<T> = AsyncIterable<T> | Iterable<T>;

/** The handler of one method. A request or a response that streams is an AsyncIterable. */
export type HandlerOf<M, Tx = unknown> =
  M extends MethodType<infer Req, infer _Res, infer Kind, infer _Init, infer Out>
    ? Kind extends 'unary'
      ? (request: Req, call: ServerCall<Tx>) => Promise<Out> | Out
      : Kind extends 'oneway'
        ? (request: Req, call: ServerCall<Tx>) => Promise<void> | void
        : Kind extends 'server'
          ? (request: Req, call: ServerCall<Tx>) => Many<Out>
          : Kind extends 'client'
            ? (requests: AsyncIterable<Req>, call: ServerCall<Tx>) => Promise<Out> | Out
            : (requests: AsyncIterable<Req>, call: ServerCall<Tx>) => Many<Out>
    : never;

/**
 * An implementation: an object or an instance of a class with a function for each method. A method that declares a topic has
 * none: whoever publishes is its implementation.
 */
export type Handlers<S extends ServiceType, Tx = unknown> = {
  readonly [K in keyof S['methods'] as S['methods'][K] extends { readonly topic: true } ? never : K]: HandlerOf<
    S['methods'][K],
    Tx
  >;
};

type AnyHandler = (request: unknown, call: ServerCall) => unknown;

/** The handlers of a service by local name. Throws a TypeError that names every method without one. */
export function bindHandlers<S extends ServiceType, Tx>(service: S, handlers: Handlers<S, Tx>): Map<string, Handler> {
  if (typeof handlers !== 'object' || handlers === null) {
    throw new TypeError(
      `the handlers of ${service.name} are ${shown(handlers)}; they must be an object with a function for each method`,
    );
  }
  const bound = new Map<string, Handler>();
  const missing: string[] = [];
  const own = Object.keys(service.methods);
  for (const [localName, method] of Object.entries(service.methods as Record<string, MethodType>)) {
    const handler: unknown = (handlers as Record<string, unknown>)[localName];
    if (method.policy.topic !== undefined) {
      if (handler === undefined) continue;
      throw new TypeError(
        `${method.path} declares a topic, so it has no handler; leave ${localName} out, and call server.topic(...).publish(update)`,
      );
    }
    if (typeof handler === 'function') bound.set(localName, innermost(method, handler.bind(handlers) as AnyHandler));
    else missing.push(localName);
  }
  const misspelt = functionsOf(handlers).filter((name) => !own.includes(name) && isNear(name, nearest(name, own)));
  if (missing.length > 0) {
    const instead = misspelt.length === 0 ? '' : ` (there is ${misspelt.join(', ')})`;
    throw new TypeError(
      `the handlers of ${service.name} lack ${missing.join(', ')}; add a function of that name${instead}`,
    );
  }
  for (const name of misspelt) {
    throw new TypeError(
      `the handlers of ${service.name} have ${name}, which is none of its methods; did you mean ${nearest(name, own)}? What is no handler can be private: #${name}`,
    );
  }
  return bound;
}

/** Names of functions, those that a class inherits included. */
function functionsOf(handlers: object): string[] {
  const names = new Set<string>();
  for (let one: object | null = handlers; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  return [...names];
}

/** Whether one may be the other misspelt: the same but for case and underscores, or at most two letters of five and more. */
function isNear(name: string, method: string): boolean {
  const [a, b] = [name, method].map((one) => one.toLowerCase().replaceAll('_', '')) as [string, string];
  return a === b || (Math.min(a.length, b.length) >= 5 && distance(a, b) <= 2);
}

function innermost(method: MethodType, handler: AnyHandler): Handler {
  if (!streamsResponse(method.kind)) {
    const immediate = (call: Call): unknown => {
      call.handlerStarted = true;
      return handler(call.request, call);
    };
    // Not an async function: a handler that is one has made its promise already.
    return alsoImmediate((call) => {
      try {
        return Promise.resolve(immediate(call));
      } catch (error) {
        return Promise.reject(error);
      }
    }, immediate);
  }
  return async (call) => {
    call.handlerStarted = true;
    return asAsync(method, await handler(call.request, call));
  };
}

function asAsync(method: MethodType, stream: unknown): AsyncIterable<unknown> {
  if (typeof stream === 'object' && stream !== null) {
    if (Symbol.asyncIterator in stream) return stream as AsyncIterable<unknown>;
    if (Symbol.iterator in stream) return fromIterable(stream as Iterable<unknown>);
  }
  throw new TypeError(
    `the handler of ${method.path} returned ${typeof stream}; a streaming method returns an AsyncIterable, for example as "async *${method.localName}(request, call) { yield ... }"`,
  );
}

async function* fromIterable(items: Iterable<unknown>): AsyncGenerator<unknown> {
  yield* items;
}
