/** The client's side of Thrift: one attempt of one call over a few connections to one address. */
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../../call/clock.js';
import type { Handler } from '../../call/interceptor.js';
import { type Logger, silentLogger } from '../../call/logger.js';
import { ownError } from '../../call/own-error.js';
import { type Random, systemRandom } from '../../call/random.js';
import type { ClientTransport } from '../../call/transport.js';
import { type Duration, duration } from '../../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../../contract/method.js';
import { flag } from '../../contract/option-kinds.js';
import { knownOptions, shown } from '../../contract/option-names.js';
import { type ClientSecurity, securityOf } from '../client-security.js';
import { parseEndpoint } from '../endpoint.js';
import type { ClientTls } from '../tls.js';
import { Attempt, type AttemptTarget } from './attempt.js';
import { ClientPool } from './client-pool.js';
import type { Envelope } from './envelope.js';
import { type ConnectionLimits, resolveLimits } from './limits.js';
import { clientTlsOptions } from './tls.js';

export interface ThriftClientOptions {
  readonly limits?: Partial<ConnectionLimits>;
  /** How long connecting may take, TLS included; 5 s by default. */
  readonly connectTimeout?: Duration;
  /** Connections to one address. Answers come in order, so this is how many slow calls do not hold up others. 4. */
  readonly maxConnections?: number;
  /** Calls that may wait for room on a connection. 16,384. */
  readonly maxWaiting?: number;
  /**
   * Over wires without headers: says on each new connection who this client is, by a call of a reserved method, so that
   * versions and features are agreed there, too. One round trip a connection; a server without Hawser answers that it has
   * no such method, and is served as before. `false`.
   */
  readonly introduce?: boolean;
}

export interface ThriftTransportOptions extends ThriftClientOptions {
  /** `host:port` or `unix:/path` */
  readonly address: string;
  /** The name that the address was looked up from: certificates are held against it. */
  readonly hostName?: string;
  /** `header` is THeader around binary. */
  readonly wire: 'binary' | 'compact' | 'header';
  /** `framed` by default; THeader is a frame of its own. */
  readonly framing?: 'framed' | 'unframed';
  /** The service's name before the `:` of each method (TMultiplexedProtocol). */
  readonly multiplex?: string;
  /** THeader only: compress requests with zlib, and take answers that are. */
  readonly zlib?: boolean;
  readonly tls?: ClientTls | ClientSecurity;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** For the jitter of reconnects. */
  readonly random?: Random;
  /** Opens a connection in the place of TCP and TLS. */
  readonly connect?: () => Socket;
}

const checkNames = knownOptions<ThriftClientOptions>({
  limits: true,
  connectTimeout: true,
  maxConnections: true,
  maxWaiting: true,
  introduce: flag,
});

/** Throws a TypeError for an option that there is not, or is of another kind. Limits are checked where they are read. */
export function checkThriftClientOptions(options: ThriftClientOptions): void {
  checkNames(options, 'thrift');
}

/** Connects on the first call. Throws a TypeError or RangeError for options that cannot be meant. */
export function thriftTransport(options: ThriftTransportOptions): ClientTransport {
  const { address, hostName, wire, multiplex, clock = systemClock, random = systemRandom } = options;
  const envelope = envelopeOf(options);
  const limits = resolveLimits(options.limits);
  const endpoint = parseEndpoint(address);
  const security = securityOf(options.tls, { clock, logger: options.logger ?? silentLogger });
  const pool = new ClientPool({
    endpoint,
    address,
    tls: security === undefined ? undefined : () => clientTlsOptions(security, endpoint, hostName),
    envelope,
    limits,
    clock,
    random,
    logger: options.logger,
    connect: options.connect,
    connectTimeout: duration(options.connectTimeout ?? 5_000, 'thrift.connectTimeout') as number,
    maxConnections: atLeastOne('thrift.maxConnections', options.maxConnections ?? 4),
    maxWaiting: atLeastOne('thrift.maxWaiting', options.maxWaiting ?? 16_384),
  });
  security?.use();
  let closing: Promise<void> | undefined;
  return {
    encoding: wire === 'compact' ? 'compact' : 'binary',
    carriesHeaders: wire === 'header',
    settlesOnAbort: true,
    address,
    bind: (method) =>
      bindMethod(method, pool, {
        name: method.name,
        wireName: multiplex === undefined ? method.name : `${multiplex}:${method.name}`,
        oneway: method.kind === 'oneway',
        envelope,
        limits,
      }),
    ...(wire === 'header' || options.introduce !== true
      ? {}
      : { introduce: (hello, heard) => pool.introduce({ hello, heard }, multiplex) }),
    onLeft: (fn) => pool.onLeft(fn),
    close: (graceMs) => {
      closing ??= pool.close(graceMs).finally(() => security?.release());
      return closing;
    },
  };
}

/** What subscribers connect to where a wire has streams. */
const subscriptionStream = '/hawser.subscription.v1.Subscriptions/Connect';

function bindMethod(method: MethodType, pool: ClientPool, target: AttemptTarget): Handler {
  if (streamsRequest(method.kind) || streamsResponse(method.kind)) {
    return async () => {
      if (method.path === subscriptionStream) {
        throw ownError(
          'POLLS_NEED_ADDRESSES',
          'a subscription over Thrift is polled from one server; give createClient addresses, not a function or transports',
          { code: 'UNIMPLEMENTED', disposition: 'not-executed' },
        );
      }
      throw ownError(
        'NOT_OVER_THRIFT',
        `${method.path} is a stream, and Thrift has no streaming calls; subscribe to its topic instead`,
        { disposition: 'not-executed' },
      );
    };
  }
  return (call) =>
    new Promise((resolve, reject) => {
      pool.submit(new Attempt(call, target, resolve, reject));
    });
}

function envelopeOf({ wire, framing = 'framed', zlib = false, address }: ThriftTransportOptions): Envelope {
  if (wire !== 'header') {
    if (zlib) throw new TypeError(`zlib is a transform of THeader; ${address} needs wire=header for it, not ${wire}`);
    return { layers: framing, protocol: wire, zlib };
  }
  if (framing === 'unframed') {
    throw new TypeError(`wire=header is a frame of its own; leave framing=unframed out of ${address}`);
  }
  return { layers: 'header', protocol: 'binary', zlib };
}

function atLeastOne(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`${name} is ${shown(value)}; it must be a whole number, 1 or more`);
  }
  return value;
}
