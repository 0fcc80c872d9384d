/** What a server object looks like: its options, where it listens, what can be told to it. */
import type { Server as GrpcJsServer } from '@grpc/grpc-js';
import type { Clock } from '../call/clock.js';
import type { Interceptor, Placement, ServerStage } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import type { Duration } from '../contract/duration.js';
import type { TopicMethod } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import type { AdmissionStatus } from '../interceptors/admission/limiter.js';
import type { VersionOptions } from '../interceptors/contract-range.js';
import type { ServerFeatureOptions } from '../interceptors/features.js';
import type { IdempotencyStore } from '../interceptors/idempotency-store.js';
import type { ServerEvents } from '../interceptors/server-events.js';
import type { TopicStores } from '../subscription/topic-store.js';
import type { TelemetryOptions } from '../telemetry/options.js';
import type { GrpcServerOptions } from '../transports/grpc/server-options.js';
import type { MemoryNode } from '../transports/memory/network.js';
import type { ProxyProtocolOptions } from '../transports/sockets/proxy-header.js';
import type { ThriftServerOptions } from '../transports/thrift/server.js';
import type { ServerTls } from '../transports/tls.js';
import type { GateOptions } from './gates.js';
import type { Handlers } from './handlers.js';
import type { StreamBounds } from './open-streams.js';
import type { ServerTopic } from './topic-handle.js';
import type { TopicOptions } from './topics.js';

export interface ServerOptions<Tx = unknown> extends GateOptions {
  /**
   * Where the answers of KEYED calls are kept, in the transaction of what their handlers write: `sqliteStore(path)`,
   * `postgresStore(pool)`, `memoryStore()` for tests. Needed to serve a KEYED method. One that has `topics`, as
   * `sqliteStore` has, keeps the logs of topics too. Whoever made it closes it, after the server.
   */
  readonly store?: IdempotencyStore<Tx> & { readonly topics?: TopicStores };
  /** Of services that declare topics: where their logs are kept, who publishes, and what bounds them. */
  readonly topics?: TopicOptions;
  /** The longest deadline that a unary call is granted, ms or `"1m"`. Goes before what the IDL says; 1 h by default. */
  readonly maxTimeout?: number | string;
  /** Which versions of a client's contract are accepted. */
  readonly versions?: VersionOptions;
  /** Which features of the IDLs are used towards clients that have them, and from when on. */
  readonly features?: ServerFeatureOptions;
  /** Spans and metrics, as soon as an OpenTelemetry SDK is registered. `false`: none. */
  readonly telemetry?: TelemetryOptions | false;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** The standard gRPC health service, grpc.health.v1; on by default. Interceptors apply to it as to any service. */
  readonly health?: boolean | StreamBounds;
  /** The standard gRPC reflection services, v1 and v1alpha; on by default. Interceptors apply to them too. */
  readonly reflection?: boolean | StreamBounds;
  readonly grpc?: GrpcServerOptions;
  readonly thrift?: ThriftServerOptions;
}

/** An address to serve on: `host:port` (port 0: any free one), `unix:/path`; with TLS and the rest as an object. */
export type ListenAddress =
  | string
  | {
      readonly address: string;
      readonly tls?: ServerTls;
      /**
       * How long a connection has to say what it speaks, the handshake of TLS included; 10 s by default. At `port` a Thrift
       * client that connects ahead of its first call needs a longer one.
       */
      readonly openingTimeout?: Duration;
      /** Balancers in front that begin each connection with a header of the PROXY protocol, version 1 or 2. */
      readonly proxyProtocol?: ProxyProtocolOptions;
    };

export interface ListenOptions {
  /** gRPC and Thrift on one address: the first bytes of each connection decide. */
  readonly port?: ListenAddress;
  readonly grpc?: ListenAddress;
  readonly thrift?: ListenAddress;
  readonly memory?: MemoryNode;
}

export interface CloseOptions {
  /** How long calls in flight may go on. */
  readonly grace?: number | string;
  /** How long the server serves on while it says already that it will not. */
  readonly delay?: number | string;
}

/** The bound addresses, ports filled in; each can be handed to `createClient`. */
export type Listening<O extends ListenOptions> = {
  readonly [K in keyof O]: K extends 'memory' ? O[K] : string;
};

/** `Tx` is what the handlers of KEYED methods find in `call.tx`: the store says. */
export interface Server<Tx = unknown> {
  /** Adds a service. Throws a TypeError when a method has no handler, or the service is there already. */
  add<S extends ServiceType>(service: S, handlers: Handlers<S, Tx>): Server<Tx>;
  /** Adds an interceptor to every method; without a place it stands after decoding, where it sees messages. */
  use(interceptor: Interceptor, placement?: Placement<ServerStage>): Server<Tx>;
  /**
   * Serves the services that come from `.proto` on a grpc-js server of your own, beside what it serves already; its
   * ports and its shutdown stay yours.
   */
  mount(server: GrpcJsServer): Server<Tx>;
  /** May be called once. Throws an Error when an address cannot be bound; nothing then stays bound. */
  listen<O extends ListenOptions>(options: O): Promise<Listening<O>>;
  /** What the health service says of the server, or of one service by its full name; all are serving at first. */
  setServing(serving: boolean, service?: string): void;
  /**
   * Calls `fn` on every event of that name; returns what removes it. The same events go to the diagnostics
   * channels `hawser:server:<name>`. Throws a TypeError for an event that does not exist.
   */
  on<K extends keyof ServerEvents>(name: K, fn: (event: ServerEvents[K]) => void): () => void;
  /**
   * The topic that a method declares, to publish to; `request` are its parameters, the fields of the method's request but
   * for `keys`. Throws a TypeError for a method that declares none.
   */
  topic<Req, Update, Init>(method: TopicMethod<Req, Update, Init>, request?: NoInfer<Init>): ServerTopic<Update>;
  /**
   * The permissions of a principal have changed; without one, those of all. `authorize` is asked again about each of its
   * subscriptions, polls and plain streams of topics, and until it answers nothing more is sent to them. A key that may not be seen
   * any more is deleted at the subscriber; one that is refused altogether ends. Resolves when all are answered.
   */
  reauthorize(principal?: string): Promise<void>;
  /** How full the server is now; undefined with `admission: false`. */
  admission(): AdmissionStatus | undefined;
  /**
   * Says NOT_SERVING in health and serves on for `delay` (ms or `"5s"`; default 0), so that load balancers notice first. Then
   * tells clients to open no more calls here, and lets those in flight end within `grace` (default 10 s). What is left,
   * streams that go on for ever above all, ends with UNAVAILABLE, SHUTDOWN: the caller opens it again elsewhere.
   */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
