/** What a client of gRPC can be told, checked and with the defaults filled in. */
import { type Duration, timerDuration } from '../../contract/duration.js';
import { flag, orFalse, text } from '../../contract/option-kinds.js';
import { knownOptions } from '../../contract/option-names.js';
import { type ProxyOption, parseProxy } from '../proxy.js';
import { type Engine, engineOf } from './engine-option.js';
import { positive } from './limits.js';

export interface GrpcClientOptions {
  /** The HTTP/2 below: Hawser's own, or Node's. */
  readonly engine?: Engine;
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
  /**
   * The HTTP proxy that connections go through: `http://user:password@host:port`. By default the one of HTTPS_PROXY, for
   * addresses with TLS that NO_PROXY does not name. `false`: none.
   */
  readonly proxy?: ProxyOption;
}

type Part<T> = Exclude<NonNullable<T>, false>;

const checkNames = knownOptions<GrpcClientOptions>({
  engine: true,
  maxReceiveBytes: true,
  maxSendBytes: true,
  gzip: flag,
  keepalive: true,
  connectTimeout: true,
  reconnect: true,
  proxy: orFalse(text),
});
const checkKeepalive = knownOptions<Part<GrpcClientOptions['keepalive']>>({ time: true, timeout: true });
const checkReconnect = knownOptions<Part<GrpcClientOptions['reconnect']>>({ initial: true, max: true });

/** Throws a TypeError for an option that there is not, or is of another kind. Limits are checked where they are read. */
export function checkGrpcClientOptions(options: GrpcClientOptions): void {
  checkNames(options, 'grpc');
  const { keepalive, reconnect, proxy } = options;
  if (keepalive !== undefined && keepalive !== false) checkKeepalive(keepalive, 'grpc.keepalive');
  if (reconnect !== undefined) checkReconnect(reconnect, 'grpc.reconnect');
  if (proxy === undefined || proxy === false) return;
  parseProxy(proxy, 'grpc.proxy');
  if (engineOf(options.engine) === 'node') {
    throw new TypeError("grpc.proxy needs Hawser's own HTTP/2; leave grpc.engine: 'node' out, or grpc.proxy");
  }
}

/** The options as they are used: bytes and ms. */
export interface GrpcClientTerms {
  readonly engine: Engine;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly gzip: boolean;
  readonly keepalive: { readonly time: number; readonly timeout: number } | undefined;
  readonly connectTimeout: number;
  readonly reconnect: { readonly initial: number; readonly max: number };
  readonly proxy: ProxyOption | undefined;
}

const keepaliveDefault = { time: '310s', timeout: '20s' } as const;

/** Throws a RangeError or TypeError that names the option. */
export function grpcClientTerms(options: GrpcClientOptions): GrpcClientTerms {
  const { keepalive = keepaliveDefault, reconnect, maxSendBytes } = options;
  const initial = timerDuration(reconnect?.initial ?? '200ms', 'grpc.reconnect.initial');
  const engine = engineOf(options.engine);
  return {
    engine,
    // Node's HTTP/2 wants its socket before a tunnel can be there.
    proxy: engine === 'node' ? false : options.proxy,
    maxReceiveBytes: positive(options.maxReceiveBytes ?? 4 * 1024 * 1024, 'grpc.maxReceiveBytes'),
    maxSendBytes: maxSendBytes === undefined ? Number.POSITIVE_INFINITY : positive(maxSendBytes, 'grpc.maxSendBytes'),
    gzip: options.gzip ?? false,
    connectTimeout: timerDuration(options.connectTimeout ?? '20s', 'grpc.connectTimeout'),
    reconnect: { initial, max: Math.max(initial, timerDuration(reconnect?.max ?? '10s', 'grpc.reconnect.max')) },
    keepalive:
      keepalive === false
        ? undefined
        : {
            time: timerDuration(keepalive.time, 'grpc.keepalive.time'),
            timeout: timerDuration(keepalive.timeout ?? keepaliveDefault.timeout, 'grpc.keepalive.timeout'),
          },
  };
}
