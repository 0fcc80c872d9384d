/** A typed client of one service. */
import type { CallOptions } from '../call/call.js';
import { type Clock, systemClock } from '../call/clock.js';
import { HeaderMap, type HeadersInit } from '../call/headers.js';
import {
  type ClientStage,
  clientStages,
  compose,
  type Interceptor,
  type Placement,
  place,
  type Staged,
} from '../call/interceptor.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import type { ClientTransport } from '../call/transport.js';
import { milliseconds } from '../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import type { ServiceType } from '../contract/service.js';
import { clientCodec } from '../interceptors/codec.js';
import { clientCorrelation } from '../interceptors/correlation.js';
import { clientDeadline } from '../interceptors/deadline.js';
import { type GrpcClientOptions, grpcTransport } from '../transports/grpc/client.js';
import type { MemoryNode } from '../transports/memory/network.js';
import { type ThriftClientOptions, thriftTransport } from '../transports/thrift/client.js';
import type { ClientTls } from '../transports/tls.js';
import { type Address, parseAddresses } from './address.js';
import { endpoints } from './endpoints.js';
import { type Bound, invokeStream, invokeUnary } from './invoke.js';
import type { Client } from './types.js';

export interface ClientOptions {
  /** Deadline of a call that is given none, ms or `"2s"`. Goes before what the IDL says. */
  readonly timeout?: number | string;
  /** Sent with every call; a call's own header of the same name takes its place. */
  readonly headers?: HeadersInit;
  /** For `grpcs://` and `thrifts://`. */
  readonly tls?: ClientTls;
  /** Outermost first. One without a place stands before the encoding, where it sees messages. */
  readonly interceptors?: readonly (Interceptor | ({ readonly interceptor: Interceptor } & Placement<ClientStage>))[];
  readonly grpc?: GrpcClientOptions;
  readonly thrift?: ThriftClientOptions;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** Where servers are: addresses, places in memory, or a transport. */
export type ClientAddress = string | readonly string[] | MemoryNode | readonly MemoryNode[] | ClientTransport;

/**
 * Connects on the first call. Throws a TypeError for an address or an option that cannot be meant.
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
  const transport = transportFor(service, address, options);
  const clock = options.clock ?? systemClock;
  const timeout = options.timeout === undefined ? undefined : milliseconds(options.timeout, 'timeout');
  const stages: Staged[] = [
    { stage: 'trace', side: 0, interceptor: clientCorrelation },
    { stage: 'deadline', side: 0, interceptor: clientDeadline(clock, timeout) },
    { stage: 'encode', side: 0, interceptor: clientCodec },
    ...(options.interceptors ?? []).map((one) =>
      typeof one === 'function'
        ? place(clientStages, one, { before: 'encode' })
        : place(clientStages, one.interceptor, one),
    ),
  ];
  const headers = options.headers === undefined ? undefined : new HeaderMap(options.headers);
  const close = ({ grace = 0 }: { readonly grace?: number | string } = {}): Promise<void> =>
    transport.close(milliseconds(grace, 'grace'));
  const client: Record<string | symbol, unknown> = Object.create(null);
  for (const [localName, method] of Object.entries<MethodType>(service.methods)) {
    const handler = compose(clientStages, method, stages, transport.bind(method));
    client[localName] = caller({ method, handler, encoding: transport.encoding, headers });
  }
  client.$close = close;
  client[Symbol.asyncDispose] = () => close();
  return Object.freeze(client) as unknown as Client<S>;
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

function transportFor(service: ServiceType, address: ClientAddress, options: ClientOptions): ClientTransport {
  if (typeof address === 'object' && 'bind' in address) return address;
  if (typeof address === 'object' && 'connect' in address) return address.connect(service);
  if (areNodes(address)) return endpoints(address.map((node) => node.connect(service)));
  if (typeof address !== 'string' && !Array.isArray(address)) {
    throw new TypeError(
      `a client of ${service.name} needs an address such as "127.0.0.1:50051", not ${typeof address}`,
    );
  }
  return endpoints(parseAddresses(address, service.idl).map((one) => connect(one, options)));
}

function areNodes(address: string | readonly string[] | readonly MemoryNode[]): address is readonly MemoryNode[] {
  return Array.isArray(address) && address.length > 0 && address.every((one) => typeof one === 'object');
}

function connect(address: Address, options: ClientOptions): ClientTransport {
  const common = {
    address: address.target,
    clock: options.clock ?? systemClock,
    logger: options.logger ?? stderrLogger,
    ...(address.tls ? { tls: options.tls ?? {} } : {}),
  };
  if (address.wire === 'grpc') return grpcTransport({ ...options.grpc, ...common });
  const { protocol, framing, multiplex, zlib } = address;
  return thriftTransport({
    ...options.thrift,
    ...common,
    wire: protocol,
    framing,
    zlib,
    ...(multiplex === undefined ? {} : { multiplex }),
  });
}
