/** What a client object looks like: the IDL's methods, and names that begin with `$`. */
import type { CallOptions, Peer } from '../call/call.js';
import type { HeaderMap } from '../call/headers.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import type { ClientEvents } from '../interceptors/client-events.js';

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

/** A request that may be empty may be left out. */
type Args<Init> =
  Partial<Init> extends Init ? [request?: Init, options?: CallOptions] : [request: Init, options?: CallOptions];

export type ClientMethod<M> =
  M extends MethodType<infer _Req, infer Res, infer Kind, infer Init>
    ? Kind extends 'unary'
      ? (...args: Args<Init>) => UnaryCall<Res>
      : Kind extends 'oneway'
        ? (...args: Args<Init>) => UnaryCall<void>
        : Kind extends 'server'
          ? (...args: Args<Init>) => StreamCall<Res>
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
  [Symbol.asyncDispose](): Promise<void>;
}

export type Client<S extends ServiceType> = {
  readonly [K in keyof S['methods']]: ClientMethod<S['methods'][K]>;
} & ClientControls;
