/** A typed client of one service: what holds for its methods is decided here, once, and complained about here. */
import { Subscriptions as PollSubscriptions } from '../../gen/hawser.js';
import type { CallOptions } from '../call/call.js';
import { type Clock, systemClock } from '../call/clock.js';
import { EventHub } from '../call/events.js';
import { HeaderMap, type HeadersInit } from '../call/headers.js';
import {
  type ClientStage,
  clientStages,
  compose,
  type Interceptor,
  type Placement,
  place,
  rankOf,
  type Staged,
} from '../call/interceptor.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import { type Random, systemRandom } from '../call/random.js';
import type { ClientTransport } from '../call/transport.js';
import { isCalledByLanguage } from '../contract/called-by-language.js';
import { milliseconds } from '../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import { clock, func, group, interceptorList, logger, orFalse, random } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import { checkService, type ServiceType } from '../contract/service.js';
import type { ClientShared } from '../interceptors/attempt-plan.js';
import { type BreakerOptions, breakerTerms } from '../interceptors/breaker.js';
import { type BudgetOptions, RetryBudget } from '../interceptors/budget.js';
import { type ClientEvents, clientEventNames } from '../interceptors/client-events.js';
import { clientKey } from '../interceptors/client-key.js';
import { ClientNegotiation } from '../interceptors/client-negotiation.js';
import { clientCodec } from '../interceptors/codec.js';
import { checkVersionOptions, type VersionOptions } from '../interceptors/contract-range.js';
import { clientCriticality } from '../interceptors/criticality.js';
import { clientDeadline } from '../interceptors/deadline.js';
import { DeprecationNotices } from '../interceptors/deprecation.js';
import {
  checkPolicyOptions,
  type HedgeOptions,
  type MethodOptions,
  type RetryOptions,
} from '../interceptors/effective-policy.js';
import { checkFallbacks, clientFallback, type Fallbacks } from '../interceptors/fallback.js';
import { checkActive, checkFeatureNames, checkFeatureOptions, type FeatureOptions } from '../interceptors/features.js';
import { HedgeShare } from '../interceptors/hedge.js';
import { keyHeader } from '../interceptors/idempotency-key.js';
import { ShortestAnswer } from '../interceptors/latency.js';
import { clientPropagation } from '../interceptors/propagation.js';
import { clientRetry } from '../interceptors/retry.js';
import { clientThrottle, Throttle, type ThrottleOptions, throttleTerms } from '../interceptors/throttle.js';
import type { SubscribeOptions } from '../subscription/subscriber/options.js';
import { ClientMetrics } from '../telemetry/client-metrics.js';
import { attemptTracing, type ClientTelemetry, clientTracing } from '../telemetry/client-tracing.js';
import { correlated } from '../telemetry/log-fields.js';
import { checkTelemetryOptions, longStream, type TelemetryOptions } from '../telemetry/options.js';
import { securityOf } from '../transports/client-security.js';
import { checkGrpcClientOptions, type GrpcClientOptions } from '../transports/grpc/client.js';
import { checkThriftClientOptions, type ThriftClientOptions } from '../transports/thrift/client.js';
import { type ClientTls, checkClientTls } from '../transports/tls.js';
import { Balancer } from './balancer.js';
import { type Binding, BoundMethod } from './bound-method.js';
import { connectMethod } from './call-wire.js';
import { type Bound, invokeStream, invokeUnary } from './invoke.js';
import { type Polls, pollConnections } from './poll-wire.js';
import type { DnsLookup } from './resolver.js';
import { ClientSubscriptions, checkSubscriptionOptions, type SubscriptionOptions } from './subscriptions.js';
import { type ClientAddress, pollTransports, type TargetOptions, transportOf } from './targets.js';
import type { Client } from './types.js';

export type { ClientAddress, Resolver, Target } from './targets.js';

export interface ClientOptions {
  /** Deadline of a unary call that is given none, ms or `"2s"`. Goes before what the IDL says. Streams have none. */
  readonly timeout?: number | string;
  /** Bound of one attempt, ms or `"200ms"`. Without one an attempt may last as long as the call. */
  readonly attemptTimeout?: number | string;
  /** `false`: every call is one attempt. */
  readonly retry?: RetryOptions | false;
  /** For the unary methods that may run twice. Off by default. */
  readonly hedge?: HedgeOptions | false;
  /** What all retries and hedges of this client share. */
  readonly budget?: BudgetOptions;
  /** Of each address. `false`: none. */
  readonly breaker?: BreakerOptions | false;
  /** What this client does when servers refuse most of its calls for overload: it sends fewer. `false`: nothing. */
  readonly throttle?: ThrottleOptions | false;
  /** For a unary method, by its name in TypeScript: what a call gets when every attempt was refused for want of room. */
  readonly fallback?: Fallbacks;
  /** For one method, by its name in TypeScript; goes before what is said for all. */
  readonly methods?: Readonly<Record<string, MethodOptions>>;
  /** Which versions of a server's contract are accepted. */
  readonly versions?: VersionOptions;
  /** Which features of the IDL are used where the server has them. */
  readonly features?: FeatureOptions;
  /** Sent with every call; a call's own header of the same name takes its place. */
  readonly headers?: HeadersInit;
  /** For addresses with TLS, such as `grpcs://`, `thrifts://`, `grpcs+dns:///`. Throws a TypeError with one that has none. */
  readonly tls?: ClientTls;
  /** Outermost first. One without a place stands before the encoding, where it sees messages. */
  readonly interceptors?: readonly (Interceptor | ({ readonly interceptor: Interceptor } & Placement<ClientStage>))[];
  readonly grpc?: GrpcClientOptions;
  readonly thrift?: ThriftClientOptions;
  /** Spans and metrics, as soon as an OpenTelemetry SDK is registered. `false`: none; the caller's trace is handed on all the same. */
  readonly telemetry?: TelemetryOptions | false;
  readonly logger?: Logger;
  /** How the client's subscriptions are connected. */
  readonly subscriptions?: SubscriptionOptions;
  readonly clock?: Clock;
  /** Draws jitter and picks addresses. */
  readonly random?: Random;
  /** Asked in the place of the system's resolver for `dns:///` addresses. */
  readonly lookup?: DnsLookup;
}

const checkNames = knownOptions<ClientOptions>({
  timeout: true,
  attemptTimeout: true,
  retry: true,
  hedge: true,
  // Says itself what stands in the place of null.
  budget: () => {},
  breaker: true,
  throttle: true,
  fallback: true,
  methods: true,
  versions: true,
  features: true,
  headers: true,
  tls: (tls) => checkClientTls(tls as ClientTls),
  interceptors: interceptorList,
  subscriptions: group(checkSubscriptionOptions),
  grpc: (options) => checkGrpcClientOptions(options as GrpcClientOptions),
  thrift: (options) => checkThriftClientOptions(options as ThriftClientOptions),
  telemetry: orFalse(group(checkTelemetryOptions)),
  logger,
  clock,
  random,
  lookup: func,
});

interface CloseOptions {
  readonly grace?: number | string;
}

const checkCloseNames = knownOptions<CloseOptions>({ grace: true });

/** Throws a TypeError or RangeError, one sentence that names the option, for what cannot be meant. */
function checkOptions(service: ServiceType, options: ClientOptions): void {
  checkService(service, 'createClient');
  checkNames(options, 'createClient', '');
  if (options.versions !== undefined) checkVersionOptions(options.versions, [service]);
  if (options.features !== undefined) {
    checkFeatureOptions(options.features, 'features');
    checkFeatureNames(checkActive(options.features.active ?? 'all'), [service]);
  }
  checkPolicyOptions(service, options);
  if (options.fallback !== undefined) checkFallbacks(service, options.fallback, options);
}

/**
 * Connects on the first call. Throws a TypeError or RangeError for an address or an option that cannot be meant.
 *
 * @example
 * const client = createClient(TradeHistory, 'grpc://127.0.0.1:50051');
 * const sale = await client.getLastSale({ fish: 'halibut' }, { timeout: '200ms' });
 * await client.$close();
 */
export function createClient<S extends ServiceType>(
  service: S,
  address: ClientAddress,
  options: ClientOptions = {},
): Client<S> {
  checkOptions(service, options);
  const { clock = systemClock, random = systemRandom } = options;
  const logger = correlated(options.logger ?? stderrLogger);
  const events = new EventHub<ClientEvents>('hawser:client', clientEventNames, (error, name) =>
    logger.error({ err: error }, `a listener of the event ${name} failed`),
  );
  const budget = new RetryBudget(clock, options.budget);
  const breaker = options.breaker === false ? undefined : breakerTerms(options.breaker);
  const throttle =
    options.throttle === false ? undefined : new Throttle(throttleTerms(options.throttle), clock, random);
  const negotiation = new ClientNegotiation({
    service,
    versions: options.versions,
    active: options.features?.active ?? 'all',
    notices: new DeprecationNotices(events, logger, clock),
    events,
  });
  const around = negotiation.around.bind(negotiation);
  // Made now, so that a certificate that is none is complained about here, and once for all connections.
  const tls = securityOf(options.tls, { clock, logger });
  const targets: TargetOptions = { ...options, logger, tls };
  const transport = transportOf(service, address, targets, { events, random, breaker, around });
  const balancer = transport instanceof Balancer ? transport : undefined;
  const interceptors = (options.interceptors ?? []).map((one) =>
    typeof one === 'function'
      ? place(clientStages, one, { before: 'encode' })
      : place(clientStages, one.interceptor, one),
  );
  const shared: ClientShared = {
    clock,
    random,
    budget,
    events,
    hedges: new HedgeShare(),
    shortest: new ShortestAnswer(clock),
    throttle,
    elsewhere: balancer === undefined ? () => false : (call) => balancer.elsewhere(call),
    carriesHeaders: () => transport.carriesHeaders !== false,
    balanced: balancer !== undefined,
    prompt:
      transport.settlesOnAbort === true &&
      interceptors.every((one) => rankOf(clientStages, one) < clientStages.indexOf('retry') * 3),
  };
  const addresses = () =>
    balancer?.status() ?? [{ address: transport.address, inFlight: undefined, breaker: 'closed' as const }];
  const metrics = new ClientMetrics({
    events,
    service: service.name,
    target: transport.address,
    balance: () => budget.balance,
    addresses,
  });
  const telemetry =
    options.telemetry === false
      ? undefined
      : { clock, metrics, target: transport.address, longStream: longStream(options.telemetry) };
  const fallback = clientFallback(options.fallback, shared);
  const stages: Staged[] = [
    ...traced(telemetry),
    { stage: 'trace', side: 0, interceptor: clientPropagation },
    { stage: 'trace', side: 1, interceptor: clientCriticality },
    { stage: 'fallback', side: 0, interceptor: fallback.outer },
    { stage: 'deadline', side: 0, interceptor: clientDeadline(shared, options) },
    { stage: 'key', side: 0, interceptor: clientKey(shared, options) },
    { stage: 'encode', side: 0, interceptor: clientCodec },
    { stage: 'encode', side: 1, interceptor: fallback.inner },
    ...(throttle === undefined
      ? []
      : [{ stage: 'throttle', side: 0, interceptor: clientThrottle(throttle, events, clock) } as const]),
    { stage: 'retry', side: 0, interceptor: clientRetry(shared, options) },
    ...interceptors,
  ];
  const headers = options.headers === undefined ? undefined : new HeaderMap(options.headers);
  if (headers?.has(keyHeader)) {
    throw new TypeError(
      `headers names ${keyHeader}, and then every call would be the same one; give each call its own idempotencyKey`,
    );
  }
  const binding: Binding = {
    encoding: transport.encoding,
    headers,
    compose: (method) => compose(clientStages, method, stages, transport.bind(method)),
    carriesHeaders: () => (balancer === undefined ? transport.carriesHeaders !== false : balancer.mayCarryHeaders),
  };
  const bind = (method: MethodType): Bound => new BoundMethod(method, binding);
  const subscriptions = new ClientSubscriptions({
    connect: () => bind(connectMethod),
    polls: () => polls(pollTransports(service, address, targets, pollConnections), options, random),
    clock,
    random,
    logger,
    malformed: (method, update) => events.emit('malformed', { method, ...update }),
    options: options.subscriptions ?? {},
  });
  const close = (how: CloseOptions = {}): Promise<void> => {
    checkCloseNames(how, '$close');
    const { grace = 0 } = how;
    const graceMs = milliseconds(grace, 'grace');
    const parting = subscriptions.close();
    const end = (): Promise<void> => transport.close(graceMs).finally(() => metrics.close());
    return parting === undefined ? end() : parting.then(end);
  };
  const subscribe =
    (method: MethodType) =>
    (request: object = {}, how: SubscribeOptions = {}) =>
      subscriptions.subscribe(method, request, how);
  const calls: Record<string, unknown> = Object.create(null);
  const client: Record<string | symbol, unknown> = Object.create(null);
  for (const [localName, method] of Object.entries<MethodType>(service.methods)) {
    const call = caller(bind(method));
    calls[localName] = method.policy.topic === undefined ? call : Object.assign(call, { subscribe: subscribe(method) });
    if (!isCalledByLanguage(localName)) client[localName] = calls[localName];
  }
  // Not enumerable, as JSON.stringify(client) would look for `toJSON` in it.
  Object.defineProperty(client, '$call', { value: Object.freeze(calls) });
  client.$close = close;
  client.$on = events.on.bind(events);
  client.$addresses = addresses;
  client.$negotiated = () => negotiation.status();
  client.$has = (feature: string) => negotiation.has(feature);
  client.$exportCursors = () => subscriptions.export();
  client.$importCursors = subscriptions.import.bind(subscriptions);
  client[Symbol.asyncDispose] = () => close();
  return Object.freeze(client) as unknown as Client<S>;
}

/** What makes a client of the service that is polled, of one of the servers, where subscriptions have no stream. */
function polls(
  transports: (() => ClientTransport)[] | undefined,
  options: ClientOptions,
  random: Random,
): (() => Polls) | undefined {
  if (transports === undefined) return undefined;
  const { headers, interceptors, telemetry, logger, clock } = options;
  const own = { headers, interceptors, telemetry, logger, clock, random };
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return () => {
    const transport = (transports[Math.floor(random.next() * transports.length)] as () => ClientTransport)();
    return createClient(PollSubscriptions, transport, { ...given, breaker: false, throttle: false });
  };
}

function traced(telemetry: ClientTelemetry | undefined): Staged[] {
  if (telemetry === undefined) return [];
  return [
    { stage: 'trace', side: 0, interceptor: clientTracing(telemetry) },
    { stage: 'attempt-trace', side: 0, interceptor: attemptTracing(telemetry) },
  ];
}

function caller(bound: Bound): (request?: unknown, options?: CallOptions) => unknown {
  const invoke = streamsResponse(bound.method.kind) ? invokeStream : invokeUnary;
  if (!streamsRequest(bound.method.kind)) return (request = {}, options) => invoke(bound, request, options);
  return (requests, options) => {
    if (
      typeof requests !== 'object' ||
      requests === null ||
      !(Symbol.asyncIterator in requests || Symbol.iterator in requests)
    ) {
      throw new TypeError(
        `${bound.method.path} takes a stream of requests: pass an array, a generator or an AsyncIterable`,
      );
    }
    return invoke(bound, requests, options);
  };
}
