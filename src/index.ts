/** `hawser`: servers, clients and what they share. */
export type { Call, CallOptions } from './call/call.js';
export { type Clock, systemClock } from './call/clock.js';
export { currentCall } from './call/current.js';
export type { Deadline } from './call/deadline.js';
export { HeaderMap, type HeadersInit, type HeaderValue } from './call/headers.js';
export type { ClientStage, Handler, Interceptor, Placement, ServerStage } from './call/interceptor.js';
export { type Logger, silentLogger, stderrLogger } from './call/logger.js';
export type { Peer, PeerCertificate } from './call/peer.js';
export { type Random, systemRandom } from './call/random.js';
export { type Disposition, type ErrorDetail, isRpcError, RpcError, type RpcErrorOptions } from './call/rpc-error.js';
export type { ClientTransport } from './call/transport.js';
export {
  type ClientAddress,
  type ClientOptions,
  createClient,
  type Resolver,
  type Target,
} from './client/create-client.js';
export type { AddressStatus, CallInfo, Client, StreamCall, UnaryCall } from './client/types.js';
export type { Code } from './contract/code.js';
export type { Codec, Encoding } from './contract/codec.js';
export { DeclaredError } from './contract/declared-error.js';
export { type DecodeLimits, defaultDecodeLimits, setDecodeLimits } from './contract/decode-budget.js';
export type { Duration } from './contract/duration.js';
export type { MethodKind, MethodType } from './contract/method.js';
export type { Criticality, Policy } from './contract/policy.js';
export type { ServiceType } from './contract/service.js';
export type { AdmissionOptions } from './interceptors/admission/admission.js';
export type { QuotaLimiter, QuotaRate } from './interceptors/admission/gcra.js';
export type { AdmissionStatus } from './interceptors/admission/limiter.js';
export type { Authenticate, Identity } from './interceptors/authenticate.js';
export type { Authorize, AuthorizedCall, Resource, Visible } from './interceptors/authorize.js';
export type { BreakerOptions } from './interceptors/breaker.js';
export type { BudgetOptions } from './interceptors/budget.js';
export type {
  AddressesEvent,
  AttemptEvent,
  BreakerEvent,
  ClientDiscardedEvent,
  ClientEvents,
  DeprecatedEvent,
  FallbackEvent,
  GiveUpEvent,
  HedgeEvent,
  RetryEvent,
} from './interceptors/client-events.js';
export type { Negotiated } from './interceptors/client-negotiation.js';
export type { VersionOptions } from './interceptors/contract-range.js';
export type { HedgeOptions, MethodOptions, RetryOptions } from './interceptors/effective-policy.js';
export type { Fallback, FallbackKind, Fallbacks, StaleOptions } from './interceptors/fallback.js';
export type { FeatureOptions, ServerFeatureOptions } from './interceptors/features.js';
export { childKey, newIdempotencyKey } from './interceptors/idempotency-key.js';
export type {
  Execution,
  IdempotencyStore,
  NewRecord,
  RecordId,
  StoredOutcome,
  StoredRecord,
  Work,
} from './interceptors/idempotency-store.js';
export type { QuotaOptions } from './interceptors/quota.js';
export type {
  AdmittedEvent,
  DiscardStage,
  ExpiryEvent,
  IdempotencyEvent,
  IdempotencyOutcome,
  RejectedEvent,
  RejectReason,
  ServerDiscardedEvent,
  ServerEvents,
} from './interceptors/server-events.js';
export type { ThrottleOptions } from './interceptors/throttle.js';
export { adapt, type Mapping, type Mappings } from './server/adapt.js';
export { createServer } from './server/create-server.js';
export type { HandlerOf, Handlers, ServerCall } from './server/handlers.js';
export type { ServerTopic } from './server/topic-handle.js';
export type { TopicOptions } from './server/topics.js';
export type { CloseOptions, ListenAddress, ListenOptions, Server, ServerOptions } from './server/types.js';
export { memoryTopics } from './stores/memory/topic-store.js';
export { type MemoryStore, type MemoryStoreOptions, type MemoryTransaction, memoryStore } from './stores/memory.js';
export { type ConsumeOptions, type Consumer, consume, type Subscribable } from './subscription/consume.js';
export type { OffsetStore, Offsets } from './subscription/offset-store.js';
export type { Epoch, Position } from './subscription/position.js';
export type { PublishExpectation, PublishOptions } from './subscription/publish-terms.js';
export type { Cursors } from './subscription/subscriber/cursors.js';
export type { OutcomeName, SubscriptionEvents } from './subscription/subscriber/events.js';
export type { From, SubscribeOptions } from './subscription/subscriber/options.js';
export type { Change, Subscription, SubscriptionStats } from './subscription/subscriber/subscription.js';
export type { TopicStore, TopicStores } from './subscription/topic-store.js';
export { useOpenTelemetry } from './telemetry/given-api.js';
export { correlation, type LogFields, logFields } from './telemetry/log-fields.js';
export type { TelemetryOptions } from './telemetry/options.js';
export { MemoryNetwork, type MemoryNode } from './transports/memory/network.js';
export type { MemoryNetworkOptions, SizeLimits } from './transports/memory/size-limits.js';
export type { ClientTls, ServerTls, TlsFiles, TlsMaterial, TlsReload } from './transports/tls.js';
