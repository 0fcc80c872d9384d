/** What a client object looks like: the IDL's methods, and names that begin with `$`. */
import type { CallOptions } from '../call/call.js';
import type { HeaderMap } from '../call/headers.js';
import type { Peer } from '../call/peer.js';
import type { CalledByLanguage } from '../contract/called-by-language.js';
import type { MethodType, TopicMethod } from '../contract/method.js';
import type { InitOf } from '../contract/proto/init-of.js';
import type { ServiceType } from '../contract/service.js';
import type { ClientEvents } from '../interceptors/client-events.js';
import type { Negotiated } from '../interceptors/client-negotiation.js';
import type { FallbackKind } from '../interceptors/fallback.js';
import type { Cursors } from '../subscription/subscriber/cursors.js';
import type { SubscribeOptions } from '../subscription/subscriber/options.js';
import type { Subscription } from '../subscription/subscriber/subscription.js';

/** What can be asked of a call besides its response. The promises settle at the latest when the call ends. */
export interface CallInfo {
  /** The headers of the response; empty when none came. */
  readonly headers: Promise<HeaderMap>;
  /** Complete once the call has ended, also when it failed. */
  readonly trailers: Promise<HeaderMap>;
  /** Who answered; its address is empty until an attempt has begun. */
  readonly peer: Peer;
  /** Attempts begun so far. */
  readonly attempts: number;
  /** What was given in the place of an answer; undefined for a call that was answered. */
  readonly fellBack: FallbackKind | undefined;
}

/** A call that is answered by one message: await it. It has begun already. */
export interface UnaryCall<Res> extends Promise<Res>, CallInfo {}

/**
 * A call that is answered by a sequence: iterate it, once. It has begun already. `break`, `return()` and
 * an aborted signal cancel it.
 */
export interface StreamCall<Res> extends AsyncIterableIterator<Res>, CallInfo {
  return(): Promise<IteratorResult<Res>>;
  [Symbol.asyncIterator](): this;
}

export interface AddressStatus {
  readonly address: string;
  /** Attempts on their way there; undefined for a client of one address, which does not count them. */
  readonly inFlight: number | undefined;
  readonly breaker: 'closed' | 'open' | 'half-open';
}

type Many<T> = AsyncIterable<T> | Iterable<T>;

/**
 * A request that may be empty may be left out. One of proto, whose fields can all be left out, only where all may be undefined on
 * the message itself: a call without an argument is a mistake more often than a wish for zeros.
 */
type Args<Req, Init> =
  Partial<Given<Req, Init>> extends Given<Req, Init>
    ? [request?: Init, options?: CallOptions]
    : [request: Init, options?: CallOptions];

/** What says which fields a caller must give. */
type Given<Req, Init> = [InitOf<Req>] extends [Init] ? Req : Init;

/**
 * What a topic is asked for: the request's fields are its parameters, and `keys` is which keys of it: `'all'` when left out, and
 * nothing where the list is empty.
 */
type TopicRequest<Init> = Omit<Init, 'keys'> & { readonly keys?: Iterable<string> | 'all' };

type SubscribeArgs<Given, Request> =
  Partial<Given> extends Given
    ? [request?: Request, options?: SubscribeOptions]
    : [request: Request, options?: SubscribeOptions];

/** A method that declares a topic can be called, and then is a plain stream; or subscribed to. */
export interface TopicCalls<Req, Res, Init> {
  (...args: Args<Req, Init>): StreamCall<Res>;
  /**
   * A subscription that survives lost connections and restarts, and says what became of every update. Throws a TypeError
   * or RangeError for an option that cannot be meant.
   *
   * @example
   * const prices = client.prices.subscribe({ keys: ['cod', 'halibut'] });
   * for await (const { key, value } of prices) console.log(key, value);
   */
  subscribe(...args: SubscribeArgs<TopicRequest<Given<Req, Init>>, TopicRequest<Init>>): Subscription<Res>;
}

type TopicCallsOf<M> =
  M extends TopicMethod<infer Req, infer Res, infer Init, infer _Out> ? TopicCalls<Req, Res, Init> : never;

export type ClientMethod<M> = M extends { readonly topic: true } ? TopicCallsOf<M> : PlainMethod<M>;

type PlainMethod<M> =
  M extends MethodType<infer Req, infer Res, infer Kind, infer Init, infer _Out>
    ? Kind extends 'unary'
      ? (...args: Args<Req, Init>) => UnaryCall<Res>
      : Kind extends 'oneway'
        ? (...args: Args<Req, Init>) => UnaryCall<void>
        : Kind extends 'server'
          ? (...args: Args<Req, Init>) => StreamCall<Res>
          : Kind extends 'client'
            ? (requests: Many<Init>, options?: CallOptions) => UnaryCall<Res>
            : (requests: Many<Init>, options?: CallOptions) => StreamCall<Res>
    : never;

/** No IDL name begins with `$`, so these collide with none. */
export interface ClientControls {
  /** Lets calls in flight end within `grace` (ms or `"2s"`; default 0), then cancels them and disconnects. */
  $close(options?: { readonly grace?: number | string }): Promise<void>;
  /**
   * Calls `fn` on every event of that name; returns what removes it. The same events go to the
   * diagnostics channels `hawser:client:<name>`. Throws a TypeError for an event that does not exist.
   */
  $on<K extends keyof ClientEvents>(name: K, fn: (event: ClientEvents[K]) => void): () => void;
  /** The addresses that calls go to now; empty before a resolver or DNS was asked. */
  $addresses(): readonly AddressStatus[];
  /**
   * What was agreed with each server that answered lately, by address; empty before the first answer, for a service that
   * declares no version, and of servers without Hawser.
   */
  $negotiated(): readonly Negotiated[];
  /**
   * Whether a feature of the IDL may be used, wherever the next call goes: the servers at all addresses understand it, and it is
   * active at both ends. Not before each address has answered once.
   */
  $has(feature: string): boolean;
  /** Where this client's subscriptions are, as JSON; for `$importCursors` in the next process. */
  $exportCursors(): Cursors;
  /**
   * Subscriptions to the same topics, keys and names that are made from now on, and do not say `from`, go on from there.
   * Throws a TypeError for what was not exported.
   */
  $importCursors(cursors: Cursors): void;
  [Symbol.asyncDispose](): Promise<void>;
}

type ClientMethods<S extends ServiceType> = {
  readonly [K in keyof S['methods']]: ClientMethod<S['methods'][K]>;
};

export type Client<S extends ServiceType> = Omit<ClientMethods<S>, CalledByLanguage> &
  ClientControls & {
    /**
     * Every method by its name, also those that the client itself lacks: `then`, which `await client` would call, and
     * `toJSON`, which JSON.stringify would. Not to be awaited itself.
     */
    readonly $call: ClientMethods<S>;
  };
