/** The client's side of gRPC: attempts of calls over HTTP/2, and what is done with them when the client closes. */

import type { Call } from '../../call/call.js';
import { type Clock, systemClock } from '../../call/clock.js';
import type { Handler } from '../../call/interceptor.js';
import { type Logger, silentLogger } from '../../call/logger.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import { requestAboveOwnLimit } from '../../call/too-large.js';
import type { ClientTransport } from '../../call/transport.js';
import { type MethodType, streamsRequest, streamsResponse } from '../../contract/method.js';
import { type ClientSecurity, securityOf } from '../client-security.js';
import type { ClientTls } from '../tls.js';
import { Attempts, refusal } from './client-call.js';
import { type GrpcClientOptions, type GrpcClientTerms, grpcClientTerms } from './client-options.js';
import { oneResponse, streamResponses } from './client-stream.js';
import { connectionTarget } from './client-target.js';
import { UnaryAttempt } from './client-unary.js';
import { type ClientWire, clientWire } from './client-wires.js';
import type { OpenExchange } from './exchange.js';
import { ownUserAgent } from './failed-status.js';

export { checkGrpcClientOptions, type GrpcClientOptions } from './client-options.js';

interface GrpcTransportOptions extends GrpcClientOptions {
  /** `host:port`, `dns:///name:port`, `unix:/path` */
  readonly address: string;
  /** The name that the address was looked up from: servers and certificates go by it. */
  readonly hostName?: string;
  readonly tls?: ClientTls | ClientSecurity;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * Connects on the first call. Throws a TypeError for an address or TLS options that cannot be meant, a
 * RangeError for a limit out of range.
 */
export function grpcTransport(options: GrpcTransportOptions): ClientTransport {
  const { address, hostName, tls, clock = systemClock, logger = silentLogger } = options;
  const terms = grpcClientTerms(options);
  const security = securityOf(tls, { clock, logger });
  const target = connectionTarget(address, security, hostName, terms.proxy);
  const headers = {
    ':method': 'POST',
    ':scheme': security === undefined ? 'http' : 'https',
    ':authority': target.authority,
    te: 'trailers',
    'content-type': 'application/grpc',
    'user-agent': ownUserAgent,
    'grpc-accept-encoding': 'identity,deflate,gzip',
    ...(terms.gzip ? { 'grpc-encoding': 'gzip' } : {}),
  };
  const wire = clientWire({ target, headers, terms, clock });
  security?.use();
  const close = (): void => {
    wire.close();
    security?.release();
  };
  return new GrpcTransport({ address, terms, clock, logger, wire: { bind: wire.bind, onLeft: wire.onLeft, close } });
}

export interface GrpcTransportInit {
  readonly address: string;
  readonly terms: GrpcClientTerms;
  /** What exchanges are made on. */
  readonly wire: ClientWire;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

export class GrpcTransport implements ClientTransport {
  readonly encoding = 'proto';
  readonly settlesOnAbort = true;
  readonly address: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #attempts: Attempts;
  readonly #terms: GrpcClientTerms;
  readonly #wire: ClientWire;
  #closing: Promise<void> | undefined;

  constructor({ address, terms, wire, clock = systemClock, logger = silentLogger }: GrpcTransportInit) {
    this.address = address;
    this.#clock = clock;
    this.#logger = logger;
    this.#attempts = new Attempts(address);
    this.#terms = terms;
    this.#wire = wire;
  }

  bind(method: MethodType): Handler {
    const { maxSendBytes, gzip } = this.#terms;
    const open = this.#wire.bind(method.path);
    if (streamsRequest(method.kind) || streamsResponse(method.kind)) return (call) => this.#stream(call, open);
    return (call) => {
      const refused = this.#refusal(call) ?? tooLarge(call, maxSendBytes);
      if (refused !== undefined) return Promise.reject(refused);
      return new Promise((resolve, reject) => {
        new UnaryAttempt(call, open, this.#attempts, resolve, reject).start(gzip);
      });
    };
  }

  onLeft(fn: () => void): void {
    this.#wire.onLeft(fn);
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #stream(call: Call, open: OpenExchange): Promise<unknown> {
    const { kind } = call.method;
    const { maxSendBytes, gzip } = this.#terms;
    const refused = this.#refusal(call) ?? (streamsRequest(kind) ? undefined : tooLarge(call, maxSendBytes));
    if (refused !== undefined) throw refused;
    const init = { call, open, attempts: this.#attempts, maxSendBytes, gzip };
    return streamsResponse(kind) ? streamResponses(init) : oneResponse(init);
  }

  #refusal(call: Call): RpcError | undefined {
    if (this.#closing === undefined) return refusal(call);
    return ownError('CLIENT_CLOSED', `the client of ${this.address} is closed`, { disposition: 'not-executed' });
  }

  async #close(graceMs: number): Promise<void> {
    if (this.#attempts.size > 0 && graceMs > 0) await this.#drained(graceMs);
    if (this.#attempts.size > 0) {
      this.#logger.debug({ address: this.address, calls: this.#attempts.size }, 'closing cancels calls in flight');
    }
    for (const attempt of this.#attempts) attempt.cancel(ownError('CLIENT_CLOSED', 'the client was closed'));
    this.#wire.close();
  }

  #drained(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancelTimer = this.#clock.setTimer(resolve, graceMs);
      this.#attempts.onEmpty(() => {
        cancelTimer();
        resolve();
      });
    });
  }
}

function tooLarge(call: Call, limit: number): RpcError | undefined {
  const { byteLength } = call.request as Uint8Array;
  return byteLength > limit ? requestAboveOwnLimit(call.method.path, byteLength, limit) : undefined;
}
