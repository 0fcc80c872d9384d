/**
 * The ports between the call path and a wire. A transport moves one attempt of one call and
 * nothing else: no policy, no message types. It sees the bytes of single messages, and passes
 * streamed ones through `call.encodeItem` and `call.decodeItem`.
 *
 * Every transport keeps to this:
 * - A client handler settles promptly when the call is aborted, with the abort's reason, and
 *   cancels the attempt at the peer exactly once.
 * - A stream delivers what arrived before an error, then the error; after a local abort it drops
 *   what was not read.
 * - Failures are RpcErrors with a disposition; a declared error of the peer is the details of one.
 */
import type { Encoding } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import type { Call } from './call.js';
import type { Clock } from './clock.js';
import type { Handler } from './interceptor.js';
import type { Logger } from './logger.js';
import type { Peer } from './peer.js';
import type { RpcError } from './rpc-error.js';

/** A way to one server. Connects on first use. */
export interface ClientTransport {
  readonly encoding: Encoding;
  /** `false` where the wire has no place for headers: what must arrive has to be in the message. Default true. */
  readonly carriesHeaders?: boolean;
  /**
   * Whether what `bind` returns settles as soon as its call is aborted. The runtime sees to it otherwise, for a promise and an
   * attempt of its own for each call. Default false.
   */
  readonly settlesOnAbort?: boolean;
  /** For messages to people. */
  readonly address: string;
  /** The innermost handler of a method: sends one attempt, resolves to its response's bytes or stream. */
  bind(method: MethodType): Handler;
  /**
   * There where headers are not carried and each new connection can be told a hello all the same. `heard` gets the answer of a
   * server that understands it, and returns what is to be done when that connection is closed. For use before the first call.
   */
  introduce?(hello: string, heard: (answer: string) => () => void): void;
  /** `fn` is told when a connection that stood is lost, or the server takes no new calls on it: servers may have come or gone. */
  onLeft?(fn: () => void): void;
  /** Lets calls in flight end within `graceMs`, then aborts them. */
  close(graceMs: number): Promise<void>;
}

/** Why calls are refused that there is no room for. One object for many calls, so that a wire encodes it once. */
export interface Refusal {
  readonly error: RpcError;
  /** `grpc-retry-pushback-ms` */
  readonly pushback: string;
}

/** What can be read of a request before there is a call; nothing is looked up that is not asked for. */
export interface IncomingRequest {
  /** The values of a header. */
  getAll(name: string): readonly unknown[];
  readonly peer: Peer;
  /** ms; undefined where the caller sets no deadline that can be read. */
  readonly timeout: number | undefined;
}

/** A method as a server offers it. */
export interface Route {
  readonly method: MethodType;
  /**
   * From the bytes of the request to the bytes of the response, all interceptors included. Throws or rejects with whatever.
   * A handler may outlive its call: whoever serves answers a call that is aborted, and does not wait for this.
   */
  readonly handle: Handler;
  /** What the peer may be shown of what `handle` failed with: an RpcError or a declared error. Never throws. */
  readonly failed: (call: Call, error: unknown) => unknown;
  /**
   * Asked before anything is made of a unary request: why there is no room for it now. Saves nothing but time: `handle` would
   * refuse the call too. `now`: on the server's clock, where it was read for several requests that came together.
   */
  readonly refuse?: (request: IncomingRequest, now?: number) => Refusal | undefined;
}

/** What a listener serves from. */
export interface Dispatcher {
  readonly services: readonly ServiceType[];
  /** By path, `/market.v1.TradeHistory/GetLastSale`; of one IDL where the server has that service in both. */
  find(path: string, idl?: 'proto' | 'thrift'): Route | undefined;
  /** What a hello is answered that did not come in a header; undefined for what is none, or of no contract that is served. */
  readonly introduce?: (hello: string) => string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A bound address that serves. */
export interface Listener {
  /** `127.0.0.1:50051`, `unix:/run/market.sock` */
  readonly address: string;
  /** Stops accepting, lets calls in flight end within `graceMs`, then aborts them. */
  close(graceMs: number): Promise<void>;
}
