/**
 * The names that spans and metrics carry. `rpc.*`, `server.*`, `client.*`, `network.*` and `error.type` are
 * OpenTelemetry's semantic conventions (RPC, 1.45), spelled out here so that the runtime needs no package for them; a test
 * compares them with the package. `hawser.*` are our own.
 */
import type { MethodType } from '../contract/method.js';

export const attribute = {
  system: 'rpc.system.name',
  method: 'rpc.method',
  status: 'rpc.status_code',
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  clientAddress: 'client.address',
  clientPort: 'client.port',
  peerAddress: 'network.peer.address',
  peerPort: 'network.peer.port',

  correlationId: 'hawser.correlation_id',
  /** The reason of an RpcError: `BREAKER_OPEN`. */
  reason: 'hawser.error.reason',
  /** Whether the handler ran: `not-executed`, `executed`, `unknown`. */
  disposition: 'hawser.disposition',
  /** Attempts that a call took. */
  attempts: 'hawser.attempts',
  attemptNumber: 'hawser.attempt.number',
  attemptKind: 'hawser.attempt.kind',
  /** An attempt that lost: another of the same call was faster. */
  superseded: 'hawser.attempt.superseded',
  /** s in the server's queue */
  queueDelay: 'hawser.queue.delay',
  /** Of the spans of a long stream: `open`, `close`. */
  streamPhase: 'hawser.stream.phase',
  /** s that a long stream lasted */
  streamDuration: 'hawser.stream.duration',
  /** What a link is to: `idempotent-replay` the call that ran, `stream` the beginning of a long one. */
  link: 'hawser.link',

  service: 'hawser.service',
  cause: 'hawser.retry.cause',
  giveUp: 'hawser.give_up.reason',
  stage: 'hawser.stage',
  from: 'hawser.breaker.from',
  to: 'hawser.breaker.to',
  rejection: 'hawser.rejection.reason',
  criticality: 'hawser.criticality',
  outcome: 'hawser.idempotency.outcome',
  store: 'hawser.store',
  /** The bound that refused something: the reason of its error, or of the line in the log. */
  limit: 'hawser.limit',
} as const;

/** OpenTelemetry has a name for gRPC and none for Thrift. By the IDL, also in memory: it is the programming model that counts. */
export function systemOf(method: MethodType): 'grpc' | 'thrift' {
  return method.service.idl === 'proto' ? 'grpc' : 'thrift';
}

/** `market.v1.TradeHistory/GetLastSale`: `rpc.method`, and the name of the span. */
export function methodName(method: MethodType): string {
  return method.path.slice(1);
}

/** `127.0.0.1:50051`, `[::1]:50051`, `unix:/path`, `memory`, `a:1,b:2` as the two attributes of an address. */
export function hostAndPort(address: string): { readonly host: string; readonly port?: number } {
  if (address.startsWith('unix:')) return { host: address.slice('unix:'.length) };
  const match = /^(?:\[([^\]]+)\]|([^:,]+)):(\d{1,5})$/.exec(address);
  if (match === null) return { host: address };
  return { host: match[1] ?? match[2] ?? address, port: Number(match[3]) };
}
