/** What a gRPC listener can be told, checked, and as grpc-js takes it. */
import type { ChannelOptions } from '@grpc/grpc-js';
import { type Duration, timerDuration } from '../../contract/duration.js';
import { processBudget } from '../../contract/heap-limit.js';
import { flag } from '../../contract/option-kinds.js';
import { knownOptions } from '../../contract/option-names.js';
import type { KeepaliveTerms } from '../../http2/keepalive.js';
import type { ConnectionLimits } from '../../http2/limits.js';
import { type Engine, engineOf } from './engine-option.js';
import { positive } from './limits.js';

export interface GrpcServerOptions {
  /** The HTTP/2 below: Hawser's own, or that of grpc-js and Node. */
  readonly engine?: Engine;
  /** Bytes of one request message, after decompression; 4 MiB by default. */
  readonly maxReceiveBytes?: number;
  /**
   * Bytes of a request's headers, as HTTP/2 counts them (32 for each, besides name and value); 16,384 by default, at most
   * 65,535. A call with more is RESOURCE_EXHAUSTED, reason HEADERS_TOO_LARGE; the connection and its other calls go on.
   */
  readonly maxHeaderBytes?: number;
  /** Bytes of one response message; unlimited by default, as a client's own limit holds. */
  readonly maxSendBytes?: number;
  /**
   * Bytes that wait on one connection for a peer that does not read, above which it is cut off; 64 MiB by default. From half of it
   * on, calls on the connection are refused.
   */
  readonly maxOutputBytes?: number;
  /**
   * The same for all connections of the listener: above it the caller that holds most loses its largest connection. Half of the
   * heap's limit by default, at most 1 GiB.
   */
  readonly maxServerBytes?: number;
  /** How long a connection may be without a call before it is ended in good order; 30 minutes by default. */
  readonly maxConnectionIdle?: Duration;
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
  engine: true,
  maxReceiveBytes: true,
  maxHeaderBytes: true,
  maxSendBytes: true,
  gzip: flag,
  keepalive: true,
  maxConcurrentStreams: true,
  maxConnectionAge: true,
  maxConnectionIdle: true,
  maxOutputBytes: true,
  maxServerBytes: true,
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
  outputTerms(options);
  headerBytes(options);
  engineOf(options.engine);
}

/** The options as our own engine takes them. */
export function engineTerms(options: GrpcServerOptions): {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxOutputBytes: number;
  readonly maxServerBytes: number;
  /** ms */
  readonly idleMs: number;
  readonly gzip: boolean;
  readonly limits: Partial<ConnectionLimits>;
  readonly keepalive: KeepaliveTerms | undefined;
  readonly maxConnectionAge: { readonly time: number; readonly grace: number } | undefined;
} {
  const { keepalive, maxConnectionAge } = options;
  const maxHeaderBytes = headerBytes(options);
  const output = outputTerms(options);
  const maxConcurrentStreams = positive(options.maxConcurrentStreams ?? defaultStreams, 'grpc.maxConcurrentStreams');
  return {
    ...output,
    idleMs: idleOf(options),
    maxReceiveBytes: positive(options.maxReceiveBytes ?? defaultReceiveBytes, 'grpc.maxReceiveBytes'),
    maxSendBytes: options.maxSendBytes ?? Number.POSITIVE_INFINITY,
    maxHeaderBytes,
    gzip: options.gzip ?? false,
    limits: {
      maxConcurrentStreams,
      maxHeldHeaders: Math.max(leastHeldHeaders, maxConcurrentStreams * heldHeadersOfCall),
      streamWindow: 131_072,
      // A list above the limit is refused with a status, so the engine keeps a little more of it.
      maxHeaderListSize: maxHeaderBytes + 4_096,
      maxUnsent: output.maxOutputBytes,
    },
    keepalive:
      keepalive === undefined
        ? undefined
        : {
            time: timerDuration(keepalive.time, 'grpc.keepalive.time'),
            timeout: timerDuration(keepalive.timeout ?? '20s', 'grpc.keepalive.timeout'),
          },
    maxConnectionAge:
      maxConnectionAge === undefined
        ? undefined
        : {
            time: timerDuration(maxConnectionAge.time, 'grpc.maxConnectionAge.time'),
            grace: timerDuration(maxConnectionAge.grace ?? '30s', 'grpc.maxConnectionAge.grace'),
          },
  };
}

export const defaultOutput = {
  maxOutputBytes: 67_108_864,
  maxServerBytes: Math.min(1_073_741_824, 2 * processBudget()),
};

/** Throws a RangeError that names the option. */
export function outputTerms(options: GrpcServerOptions): typeof defaultOutput {
  const { maxOutputBytes = defaultOutput.maxOutputBytes, maxServerBytes = defaultOutput.maxServerBytes } = options;
  return {
    maxOutputBytes: positive(maxOutputBytes, 'grpc.maxOutputBytes'),
    maxServerBytes: positive(maxServerBytes, 'grpc.maxServerBytes'),
  };
}

function idleOf({ maxConnectionIdle = '30m' }: GrpcServerOptions): number {
  return timerDuration(maxConnectionIdle, 'grpc.maxConnectionIdle');
}

const defaultReceiveBytes = 4 * 1024 * 1024;
const defaultStreams = 10_000;
/** Bytes of headers that each call may hold when all places are taken; a token among them, and 32 for each header counted. */
const heldHeadersOfCall = 2_048;
const leastHeldHeaders = 4_194_304;

/** Above this Node's HTTP/2 engine ends the stream by itself. */
const engineHeaderBytes = 65_535;

export function headerBytes({ maxHeaderBytes = 16_384 }: GrpcServerOptions): number {
  if (positive(maxHeaderBytes, 'grpc.maxHeaderBytes') > engineHeaderBytes) {
    throw new RangeError(
      `grpc.maxHeaderBytes is ${maxHeaderBytes}; the HTTP/2 engine takes at most ${engineHeaderBytes}`,
    );
  }
  return maxHeaderBytes;
}

export function channelOptions(options: GrpcServerOptions): ChannelOptions {
  const { keepalive, maxConnectionAge } = options;
  return {
    'grpc.enable_channelz': 0,
    'grpc.max_connection_idle_ms': idleOf(options),
    'grpc.max_receive_message_length': positive(options.maxReceiveBytes ?? defaultReceiveBytes, 'grpc.maxReceiveBytes'),
    // Checked before grpc-js sees the message, with a sentence that says what to do.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': positive(
      options.maxConcurrentStreams ?? defaultStreams,
      'grpc.maxConcurrentStreams',
    ),
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
