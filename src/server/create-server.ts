/** One server: services and handlers on one side, gRPC, Thrift and memory listeners on the other. */
import type { Server as GrpcJsServer } from '@grpc/grpc-js';
import { type Clock, systemClock } from '../call/clock.js';
import type { EventHub } from '../call/events.js';
import type { Handler, Interceptor, Placement, ServerStage, Staged } from '../call/interceptor.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import type { Dispatcher, Listener } from '../call/transport.js';
import { duration, milliseconds } from '../contract/duration.js';
import type { TopicMethod } from '../contract/method.js';
import { clock, func, group, logger, orFalse } from '../contract/option-kinds.js';
import { knownOptions, shown } from '../contract/option-names.js';
import { checkService, type ServiceType } from '../contract/service.js';
import { admissionLimiter } from '../interceptors/admission/admission.js';
import type { AdmissionStatus, Limiter } from '../interceptors/admission/limiter.js';
import { checkVersionOptions } from '../interceptors/contract-range.js';
import { checkFeatureNames, serverFeatureTerms } from '../interceptors/features.js';
import type { IdempotencyStore } from '../interceptors/idempotency-store.js';
import { ServerNegotiation } from '../interceptors/negotiation.js';
import type { ServerEvents } from '../interceptors/server-events.js';
import { correlated } from '../telemetry/log-fields.js';
import { checkTelemetryOptions } from '../telemetry/options.js';
import { type ServerTelemetry, serverTelemetry } from '../telemetry/server-tracing.js';
import { mountGrpc } from '../transports/grpc/mount.js';
import { checkGrpcServerOptions, type GrpcServerOptions } from '../transports/grpc/server-options.js';
import type { MemoryNode } from '../transports/memory/network.js';
import { checkThriftServerOptions, listenThrift, type ThriftServerOptions } from '../transports/thrift/server.js';
import { checkCallerLimits, HookShares } from './caller-limits.js';
import { type Gates, gates } from './gates.js';
import { bindHandlers, type Handlers } from './handlers.js';
import { type HealthService, healthService } from './health.js';
import { KeyedCalls } from './keyed-calls.js';
import { checkListenOptions, placeOf } from './listening.js';
import { checkStreamBounds, type StreamBounds } from './open-streams.js';
import { reflectionServices } from './reflection.js';
import { dispatcherOf, placed, serverEvents } from './routes.js';
import type { ServerTopic } from './topic-handle.js';
import { checkTopicOptions, ServerTopics, withoutStreams } from './topics.js';
import type { CloseOptions, Listening, ListenOptions, Server, ServerOptions } from './types.js';

/**
 * @example
 * const server = createServer();
 * server.add(TradeHistory, { getLastSale: async ({ fish }) => sales.get(fish) ?? fail(fish) });
 * const { port } = await server.listen({ port: '127.0.0.1:0' });
 */
export function createServer<Tx = unknown>(options: ServerOptions<Tx> = {}): Server<Tx> {
  return new HawserServer(options);
}

const checkNames = knownOptions<ServerOptions>({
  // Keyed calls say which stores there are.
  store: () => {},
  topics: group(checkTopicOptions),
  maxTimeout: true,
  authenticate: func,
  authorize: func,
  quota: true,
  limits: checkCallerLimits,
  admission: true,
  versions: true,
  features: true,
  telemetry: orFalse(group(checkTelemetryOptions)),
  logger,
  clock,
  health: checkStreamBounds,
  reflection: checkStreamBounds,
  grpc: (options) => checkGrpcServerOptions(options as GrpcServerOptions),
  thrift: (options) => checkThriftServerOptions(options as ThriftServerOptions),
});

const checkCloseNames = knownOptions<CloseOptions>({ grace: true, delay: true });

/** Throws a TypeError or RangeError, one sentence that names the option, for what cannot be meant. */
function checkOptions(options: ServerOptions): void {
  checkNames(options, 'createServer', '');
}

class HawserServer<Tx> implements Server<Tx> {
  readonly #options: ServerOptions<Tx>;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #services = new Map<ServiceType, Map<string, Handler>>();
  readonly #interceptors: Staged[] = [];
  readonly #listeners: Listener[] = [];
  readonly #health: HealthService;
  /** Services and interceptors can no longer be added: routes are made from them. */
  #fixed = false;
  #listening = false;
  #closing: Promise<void> | undefined;
  readonly #maxTimeout: number | undefined;
  readonly #events: EventHub<ServerEvents>;
  readonly #telemetry: ServerTelemetry | undefined;
  readonly #limiter: Limiter | undefined;
  readonly #gates: Gates;

  readonly #negotiation: ServerNegotiation;
  readonly #keyed: KeyedCalls;
  readonly #topics: ServerTopics;

  constructor(options: ServerOptions<Tx>) {
    checkOptions(options);
    this.#options = options;
    this.#health = healthService([], boundsOf(options.health));
    this.#logger = correlated(options.logger ?? stderrLogger);
    this.#events = serverEvents(this.#logger);
    this.#clock = options.clock ?? systemClock;
    this.#maxTimeout = duration(options.maxTimeout, 'maxTimeout');
    this.#telemetry = serverTelemetry(options.telemetry, this.#clock, this.#events);
    this.#limiter = admissionLimiter(options.admission, this.#clock, this.#events);
    const context = { clock: this.#clock, logger: this.#logger, events: this.#events };
    const hooks = new HookShares(options.limits ?? {});
    const authenticate = hooks.authenticate(options.authenticate);
    const authorize = hooks.authorize(options.authorize);
    const asked = { ...(authenticate && { authenticate }), ...(authorize && { authorize }) };
    this.#gates = gates({ ...options, ...asked }, this.#limiter, context);
    this.#negotiation = new ServerNegotiation({
      versions: options.versions,
      features: serverFeatureTerms(options.features),
      ...context,
    });
    this.#keyed = new KeyedCalls(options.store as IdempotencyStore | undefined, {
      ...context,
      maxTimeout: this.#maxTimeout,
    });
    this.#topics = new ServerTopics(options.topics, {
      ...context,
      authorize,
      store: options.store?.topics,
    });
  }

  topic<Req, Update, Init>(method: TopicMethod<Req, Update, Init>, request?: Init): ServerTopic<Update> {
    return this.#topics.topic(method, request);
  }

  async reauthorize(principal?: string): Promise<void> {
    if (principal !== undefined && typeof principal !== 'string') {
      throw new TypeError(`reauthorize takes the principal whose permissions have changed, not ${shown(principal)}`);
    }
    await this.#topics.reauthorize(principal);
  }

  admission(): AdmissionStatus | undefined {
    return this.#limiter?.status();
  }

  setServing(serving: boolean, service = ''): void {
    this.#health.setServing(service, serving);
  }

  on<K extends keyof ServerEvents>(name: K, fn: (event: ServerEvents[K]) => void): () => void {
    return this.#events.on(name, fn);
  }

  add<S extends ServiceType>(service: S, handlers: Handlers<S, Tx>): this {
    this.#assertOpen('add a service');
    checkService(service, 'server.add');
    for (const other of this.#services.keys()) {
      if (other.name === service.name && other.idl === service.idl) {
        throw new TypeError(`the service ${service.name} is added already`);
      }
    }
    this.#services.set(service, new Map([...bindHandlers(service, handlers), ...this.#topics.handlers(service)]));
    if (service.idl === 'proto') this.#health.setServing(service.name, true);
    return this;
  }

  use(interceptor: Interceptor, placement?: Placement<ServerStage>): this {
    this.#assertOpen('add an interceptor');
    this.#interceptors.push(placed(interceptor, placement));
    return this;
  }

  mount(server: GrpcJsServer): this {
    if (this.#closing !== undefined) throw new Error('cannot mount: the server is closed; make a new one');
    this.#keyed.check(this.#services.keys());
    this.#keyed.start();
    this.#fix();
    this.#addStandardServices();
    mountGrpc(server, this.#dispatcher('proto'));
    return this;
  }

  async listen<O extends ListenOptions>(options: O): Promise<Listening<O>> {
    if (this.#closing !== undefined) throw new Error('cannot listen: the server is closed; make a new one');
    if (this.#listening)
      throw new Error('cannot listen: the server listens already; name all addresses in one listen()');
    const { port, grpc, thrift, memory }: ListenOptions = options ?? {};
    if (options !== undefined) checkListenOptions(options);
    if ([port, grpc, thrift, memory].every((one) => one === undefined)) {
      throw new TypeError("a server listens somewhere: listen({ port: '127.0.0.1:0' }), grpc, thrift or memory");
    }
    this.#checkServed(options);
    this.#keyed.check(this.#services.keys());
    this.#keyed.start();
    this.#listening = true;
    this.#fix();
    const bound: { port?: string; grpc?: string; thrift?: string; memory?: MemoryNode } = {};
    try {
      if (memory !== undefined) {
        await this.#opened(memory.listen(this.#dispatcher()));
        bound.memory = memory;
      }
      if (port !== undefined) {
        this.#addStandardServices();
        const { listenPort } = await import('../transports/port/listen-port.js');
        const dispatchers = { proto: this.#dispatcher('proto'), thrift: this.#dispatcher('thrift') };
        const { grpc: grpcOptions, thrift: thriftOptions } = this.#options;
        const listener = await listenPort(dispatchers, {
          ...placeOf(port),
          grpc: grpcOptions,
          thrift: thriftOptions,
        });
        await this.#opened(listener);
        bound.port = listener.address;
      }
      if (grpc !== undefined) {
        this.#addStandardServices();
        // With grpc-js: a program that only calls does without it.
        const { listenGrpc } = await import('../transports/grpc/server.js');
        const listener = await listenGrpc(this.#dispatcher('proto'), { ...this.#options.grpc, ...placeOf(grpc) });
        await this.#opened(listener);
        bound.grpc = listener.address;
      }
      if (thrift !== undefined) {
        const listener = await listenThrift(this.#dispatcher('thrift'), {
          ...this.#options.thrift,
          ...placeOf(thrift),
        });
        await this.#opened(listener);
        bound.thrift = listener.address;
      }
    } catch (error) {
      await this.close({ grace: 0 });
      throw error;
    }
    return bound as Listening<O>;
  }

  close(options: CloseOptions = {}): Promise<void> {
    checkCloseNames(options, 'close', '');
    const { grace = 10_000, delay = 0 } = options;
    const ms = milliseconds(grace, 'grace');
    const wait = milliseconds(delay, 'delay');
    this.#health.shutdown();
    this.#closing ??= wait === 0 ? this.#drain(ms) : this.#after(wait).then(() => this.#drain(ms));
    return this.#closing;
  }

  async #drain(graceMs: number): Promise<void> {
    const until = this.#clock.now() + graceMs;
    await Promise.all([this.#topics.sendAway(graceMs), ...this.#listeners.map((listener) => listener.close(graceMs))]);
    await this.#keyed.close(Math.max(0, until - this.#clock.now()));
    await this.#topics.close();
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(resolve, ms));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A listener that came to be while the server was closed would stay for ever. */
  async #opened(listener: Listener): Promise<void> {
    if (this.#closing === undefined) {
      this.#listeners.push(listener);
      return;
    }
    await listener.close(0);
    throw new Error('cannot listen: the server was closed meanwhile; make a new one');
  }

  #assertOpen(what: string): void {
    if (this.#closing !== undefined) throw new Error(`cannot ${what}: the server is closed; make a new one`);
    if (this.#fixed) throw new Error(`cannot ${what}: the server listens already; do it before listen() and mount()`);
  }

  #dispatcher(idl?: 'proto' | 'thrift'): Dispatcher {
    const services = [...this.#services].filter(([service]) => idl === undefined || service.idl === idl);
    return dispatcherOf({
      services,
      interceptors: this.#interceptors,
      logger: this.#logger,
      clock: this.#clock,
      events: this.#events,
      maxTimeout: this.#maxTimeout,
      telemetry: this.#telemetry,
      gates: this.#gates,
      negotiation: this.#negotiation,
      keyed: this.#keyed.staged(this.#interceptors),
      ...(idl === 'thrift' ? { asCalled: withoutStreams } : {}),
    });
  }

  /** From here on the services are what they are. */
  #fix(): void {
    if (this.#fixed) return;
    if (this.#options.versions !== undefined) checkVersionOptions(this.#options.versions, this.#services.keys());
    checkFeatureNames(this.#options.features?.active ?? 'all', this.#services.keys());
    for (const each of this.#topics.service(this.#services.keys())) this.#services.set(...each);
    this.#fixed = true;
  }

  /** Throws a TypeError for a listener that none of the services that were added could be called on. */
  #checkServed({ grpc, thrift }: ListenOptions): void {
    const services = [...this.#services.keys()];
    const { health = true, reflection = true } = this.#options;
    const wires = [
      { wire: 'grpc', idl: 'proto', wanted: grpc !== undefined && !health && !reflection },
      { wire: 'thrift', idl: 'thrift', wanted: thrift !== undefined },
    ] as const;
    for (const { wire, idl, wanted } of wires) {
      if (!wanted || services.length === 0 || services.some((one) => one.idl === idl)) continue;
      // Topics of either IDL are polled over Thrift.
      if (wire === 'thrift' && services.some(({ topics }) => topics.length > 0)) continue;
      throw new TypeError(
        `listen was given ${wire}, where services that come from .${idl} files are served, and ${services.map(({ name }) => name).join(', ')} come${services.length === 1 ? 's' : ''} from a .${idl === 'proto' ? 'thrift' : 'proto'} file; add a service of .${idl}, or leave ${wire} out`,
      );
    }
  }

  /** Health and reflection, on the wire that has them; a service of the user's own takes their place. */
  #addStandardServices(): void {
    const { health = true, reflection = true } = this.#options;
    const standard: [ServiceType, Map<string, Handler>][] = [];
    if (health) standard.push([this.#health.service, bindHandlers(this.#health.service, this.#health.handlers)]);
    if (reflection) {
      const { v1, v1alpha } = reflectionServices(() => [...this.#services.keys()], boundsOf(reflection));
      standard.push([v1.service, bindHandlers(v1.service, v1.handlers)]);
      standard.push([v1alpha.service, bindHandlers(v1alpha.service, v1alpha.handlers)]);
    }
    const names = new Set([...this.#services.keys()].map((service) => service.name));
    for (const [service, handlers] of standard) {
      if (!names.has(service.name)) this.#services.set(service, handlers);
    }
  }
}

function boundsOf(option: boolean | StreamBounds | undefined): StreamBounds | undefined {
  return typeof option === 'object' ? option : undefined;
}
