/**
 * One grpc-js channel to one address, with everything in grpc-js switched off that would act on its
 * own: retries and hedges (its hedges ignore throttling, and an unparsable pushback retries at
 * once), service configs from DNS that could bring them back, channelz.
 */
import { Channel, type ChannelOptions } from '@grpc/grpc-js';
import { type Duration, timerDuration } from '../../contract/duration.js';
import { knownOptions } from '../../contract/option-names.js';
import type { ClientTls } from '../tls.js';
import { ownUserAgent } from './failed-status.js';
import { positive } from './limits.js';
import { clientCredentials } from './secure.js';

export interface GrpcClientOptions {
  /** Bytes of one response message, after decompression; 4 MiB by default. */
  readonly maxReceiveBytes?: number;
  /** Bytes of one request message; unlimited by default, as the server's own limit holds. */
  readonly maxSendBytes?: number;
  /** Compress requests. Compressed responses are understood either way. Off by default. */
  readonly gzip?: boolean;
  /**
   * While calls are open, ping a connection that was silent for `time` (5 min 10 s by default: servers in Go and C++
   * drop clients that ping more often than every 5 min) and drop it when `timeout` (20 s) passes
   * unanswered. `false` switches it off.
   */
  readonly keepalive?: { readonly time: Duration; readonly timeout?: Duration } | false;
  /** How long connecting may take before calls that wait for it fail; 20 s by default. */
  readonly connectTimeout?: Duration;
  /** Waits between attempts to connect: 200 ms at first, 10 s at most by default. Calls fail at once meanwhile. */
  readonly reconnect?: { readonly initial?: Duration; readonly max?: Duration };
}

export interface ChannelTarget {
  /** `host:port`, `dns:///name:port`, `unix:/path` */
  readonly address: string;
  readonly tls?: ClientTls;
}

type Part<T> = Exclude<NonNullable<T>, false>;

const checkNames = knownOptions<GrpcClientOptions>({
  maxReceiveBytes: true,
  maxSendBytes: true,
  gzip: true,
  keepalive: true,
  connectTimeout: true,
  reconnect: true,
});
const checkKeepalive = knownOptions<Part<GrpcClientOptions['keepalive']>>({ time: true, timeout: true });
const checkReconnect = knownOptions<Part<GrpcClientOptions['reconnect']>>({ initial: true, max: true });

/** Throws a TypeError for an option that there is not. What the others say is checked where they are read. */
export function checkGrpcClientOptions(options: GrpcClientOptions): void {
  checkNames(options, 'grpc');
  const { keepalive, reconnect } = options;
  if (keepalive !== undefined && keepalive !== false) checkKeepalive(keepalive, 'grpc.keepalive');
  if (reconnect !== undefined) checkReconnect(reconnect, 'grpc.reconnect');
}

const keepaliveDefault = { time: '310s', timeout: '20s' } as const;

/**
 * `honestWrites`: a sent message counts as sent when the wire took it. Otherwise grpc-js takes up to
 * 1 MiB a call into its retry buffer at once, which is what lets a unary call move to a
 * new connection unseen. Throws a TypeError for an address that is none.
 */
export function openChannel(target: ChannelTarget, options: GrpcClientOptions, honestWrites: boolean): Channel {
  const channelOptions = { ...optionsOf(options), ...nameOf(target.tls) };
  if (honestWrites) channelOptions['grpc.per_rpc_retry_buffer_size'] = 0;
  return new Channel(target.address, clientCredentials(target.tls), channelOptions);
}

function optionsOf(options: GrpcClientOptions): ChannelOptions {
  const { gzip, keepalive = keepaliveDefault, reconnect } = options;
  return {
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    // Not shared with other channels of the process: closing one closes its connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.primary_user_agent': ownUserAgent,
    'grpc.max_receive_message_length': positive(options.maxReceiveBytes ?? 4 * 1024 * 1024, 'grpc.maxReceiveBytes'),
    // Checked before grpc-js sees the message, with a sentence that says what to do.
    'grpc.max_send_message_length': -1,
    'grpc.initial_reconnect_backoff_ms': timerDuration(reconnect?.initial ?? '200ms', 'grpc.reconnect.initial'),
    'grpc.max_reconnect_backoff_ms': timerDuration(reconnect?.max ?? '10s', 'grpc.reconnect.max'),
    ...(gzip === true ? { 'grpc.default_compression_algorithm': 2 } : {}),
    ...(keepalive === false
      ? {}
      : {
          'grpc.keepalive_time_ms': timerDuration(keepalive.time, 'grpc.keepalive.time'),
          'grpc.keepalive_timeout_ms': timerDuration(
            keepalive.timeout ?? keepaliveDefault.timeout,
            'grpc.keepalive.timeout',
          ),
          'grpc.keepalive_permit_without_calls': 0,
        }),
  };
}

function nameOf(tls: ClientTls | undefined): ChannelOptions {
  if (tls?.serverName === undefined) return {};
  return { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName };
}
