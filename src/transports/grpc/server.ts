/**
 * A gRPC listener on @grpc/grpc-js. The listening socket is our own and hands connections to
 * grpc-js, so that a failure to bind is one clear error, every connection is known, and closing
 * always ends: grpc-js's tryShutdown alone waits for ever on a stream that stays open.
 */
import { createServer, type Socket } from 'node:net';
import { type ChannelOptions, Server } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import type { Clock } from '../../call/clock.js';
import { RpcError } from '../../call/rpc-error.js';
import type { Dispatcher, Listener } from '../../call/transport.js';
import { type Duration, timerDuration } from '../../contract/duration.js';
import { knownOptions } from '../../contract/option-names.js';
import { bind, parseListenAddress } from '../listen-address.js';
import type { ServerTls } from '../tls.js';
import type { Serving } from './accept.js';
import { positive } from './limits.js';
import { oversizedPath, register, registerRefusals, unimplementedPath } from './mount.js';
import { takeNotes } from './request-headers.js';
import { serverCredentials } from './secure.js';
import { unaryInterceptor } from './serve-unary.js';

export interface GrpcServerOptions {
  /** Bytes of one request message, after decompression; 4 MiB by default. */
  readonly maxReceiveBytes?: number;
  /**
   * Bytes of a request's headers, as HTTP/2 counts them (32 for each, besides name and value); 16,384 by default, at most
   * 65,535. A call with more is RESOURCE_EXHAUSTED, reason HEADERS_TOO_LARGE; the connection and its other calls go on.
   */
  readonly maxHeaderBytes?: number;
  /** Bytes of one response message; unlimited by default, as a client's own limit holds. */
  readonly maxSendBytes?: number;
  /** Compress responses for callers that accept gzip. Compressed requests are understood either way. Off by default. */
  readonly gzip?: boolean;
  /** Ping a silent connection after `time`, and drop it when `timeout` (20 s) passes unanswered. Off by default. */
  readonly keepalive?: { readonly time: Duration; readonly timeout?: Duration };
  /** Calls at a time on one connection; 10,000 by default. */
  readonly maxConcurrentStreams?: number;
  /** Ask clients to reconnect after this long, so that they spread over new servers; give calls `grace` to end. */
  readonly maxConnectionAge?: { readonly time: Duration; readonly grace?: Duration };
}

const checkNames = knownOptions<GrpcServerOptions>({
  maxReceiveBytes: true,
  maxHeaderBytes: true,
  maxSendBytes: true,
  gzip: true,
  keepalive: true,
  maxConcurrentStreams: true,
  maxConnectionAge: true,
});
const checkKeepalive = knownOptions<NonNullable<GrpcServerOptions['keepalive']>>({ time: true, timeout: true });
const checkAge = knownOptions<NonNullable<GrpcServerOptions['maxConnectionAge']>>({ time: true, grace: true });

/** Throws a TypeError or RangeError, one sentence that names the option, for what cannot be meant. */
export function checkGrpcServerOptions(options: GrpcServerOptions): void {
  checkNames(options, 'grpc');
  const { keepalive, maxConnectionAge, maxSendBytes } = options;
  if (keepalive !== undefined) checkKeepalive(keepalive, 'grpc.keepalive');
  if (maxConnectionAge !== undefined) checkAge(maxConnectionAge, 'grpc.maxConnectionAge');
  if (maxSendBytes !== undefined) positive(maxSendBytes, 'grpc.maxSendBytes');
  channelOptions(options);
  headerBytes(options);
}

/** Above this Node's HTTP/2 engine ends the stream by itself. */
const engineHeaderBytes = 65_535;

function headerBytes({ maxHeaderBytes = 16_384 }: GrpcServerOptions): number {
  if (positive(maxHeaderBytes, 'grpc.maxHeaderBytes') > engineHeaderBytes) {
    throw new RangeError(
      `grpc.maxHeaderBytes is ${maxHeaderBytes}; the HTTP/2 engine takes at most ${engineHeaderBytes}`,
    );
  }
  return maxHeaderBytes;
}

/** ms that the last answers get to leave, once the calls behind them are aborted. */
const flushMs = 250;

/**
 * Serves until closed. Throws a TypeError for an address that is none, a RangeError for a limit out of range, an
 * Error when the address cannot be bound or the certificate cannot be read.
 */
export async function listenGrpc(
  dispatcher: Dispatcher,
  options: GrpcServerOptions & { readonly address: string; readonly tls?: ServerTls },
): Promise<Listener> {
  parseListenAddress(options.address, 'gRPC');
  let address = options.address;
  const calls = new Set<Call>();
  const serving: Serving = {
    dispatcher,
    calls,
    address: () => address,
    notes: false,
    maxSendBytes: options.maxSendBytes ?? Number.POSITIVE_INFINITY,
    direct: true,
  };
  const server = new Server({ ...channelOptions(options), interceptors: [unaryInterceptor(serving)] });
  const injector = server.createConnectionInjector(serverCredentials(options.tls));
  const paths = register(server, serving);
  const maxHeaderBytes = headerBytes(options);
  registerRefusals(server, maxHeaderBytes);
  serving.notes = takeNotes(server, {
    ours: (path) => paths.has(path),
    gzip: options.gzip ?? false,
    otherwise: unimplementedPath,
    headers: { maxBytes: maxHeaderBytes, otherwise: oversizedPath },
  });
  if (options.gzip === true && !serving.notes) {
    throw new Error('this version of @grpc/grpc-js does not let gzip of responses be switched on; leave gzip out');
  }
  const sockets = new Set<Socket>();
  const tcp = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => dispatcher.logger.debug({ err: error }, 'a gRPC connection broke'));
    injector.injectConnection(socket);
  });
  try {
    address = await bind(tcp, options.address, 'gRPC');
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
  tcp.on('error', (error) => dispatcher.logger.warn({ err: error, address }, 'cannot accept a gRPC connection'));
  let closing: Promise<void> | undefined;
  return {
    address,
    close: (graceMs) => {
      closing ??= close(graceMs);
      return closing;
    },
  };

  async function close(graceMs: number): Promise<void> {
    const stopped = new Promise<void>((resolve) => tcp.close(() => resolve()));
    // Tells every client (GOAWAY) to open no more calls here; done when the open ones are.
    const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    if (!(await within(drained, graceMs, dispatcher.clock))) {
      for (const call of [...calls]) {
        call.abort(new RpcError('UNAVAILABLE', 'the server is shutting down', { reason: 'SHUTDOWN' }));
      }
      await within(drained, flushMs);
    }
    server.forceShutdown();
    for (const socket of sockets) socket.destroy();
    await stopped;
  }
}

function channelOptions(options: GrpcServerOptions): ChannelOptions {
  const { keepalive, maxConnectionAge } = options;
  return {
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': positive(options.maxReceiveBytes ?? 4 * 1024 * 1024, 'grpc.maxReceiveBytes'),
    // Checked before grpc-js sees the message, with a sentence that says what to do.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': positive(options.maxConcurrentStreams ?? 10_000, 'grpc.maxConcurrentStreams'),
    ...(keepalive === undefined
      ? {}
      : {
          'grpc.keepalive_time_ms': timerDuration(keepalive.time, 'grpc.keepalive.time'),
          'grpc.keepalive_timeout_ms': timerDuration(keepalive.timeout ?? '20s', 'grpc.keepalive.timeout'),
        }),
    ...(maxConnectionAge === undefined
      ? {}
      : {
          'grpc.max_connection_age_ms': timerDuration(maxConnectionAge.time, 'grpc.maxConnectionAge.time'),
          'grpc.max_connection_age_grace_ms': timerDuration(
            maxConnectionAge.grace ?? '30s',
            'grpc.maxConnectionAge.grace',
          ),
        }),
  };
}

/** Whether `done` came within `ms`. */
async function within(done: Promise<void>, ms: number, clock?: Clock): Promise<boolean> {
  let cancel = (): void => {};
  const late = new Promise<false>((resolve) => {
    if (clock !== undefined) cancel = clock.setTimer(() => resolve(false), ms);
    else {
      const timer = setTimeout(() => resolve(false), ms);
      cancel = () => clearTimeout(timer);
    }
  });
  try {
    return await Promise.race([done.then(() => true as const), late]);
  } finally {
    cancel();
  }
}
