/**
 * From what `createClient` was given to a transport: one address is its own transport, several are balanced,
 * and those that are asked for (a function, DNS) are balanced as they come and go.
 */
import { type Clock, systemClock } from '../call/clock.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import type { Random } from '../call/random.js';
import type { ClientTransport } from '../call/transport.js';
import type { ServiceType } from '../contract/service.js';
import type { BreakerTerms } from '../interceptors/breaker.js';
import type { ClientEventHub } from '../interceptors/client-events.js';
import type { ClientSecurity } from '../transports/client-security.js';
import { type GrpcClientOptions, grpcTransport } from '../transports/grpc/client.js';
import type { MemoryNode } from '../transports/memory/network.js';
import { type ThriftClientOptions, thriftTransport } from '../transports/thrift/client.js';
import { type Address, checkTlsWanted, dnsName, parseAddresses } from './address.js';
import { Balancer } from './balancer.js';
import {
  type AddressSource,
  type DnsLookup,
  fixedAddresses,
  ResolvedAddresses,
  systemLookup,
  type Targets,
} from './resolver.js';

/** One server: an address, a place in memory, or a transport. */
export type Target = string | MemoryNode | ClientTransport;

/**
 * Asked for the servers on the first call, and again when one fails or sends its connections away, every 30 s at most where that
 * brings nothing new. Servers that stay in the list keep their connections.
 */
export type Resolver = () => readonly Target[] | Promise<readonly Target[]>;

/** Where servers are. */
export type ClientAddress = Target | readonly Target[] | Resolver;

export interface TargetOptions {
  readonly tls?: ClientSecurity | undefined;
  readonly grpc?: GrpcClientOptions;
  readonly thrift?: ThriftClientOptions;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Asked in the place of the system's resolver for `dns:///` addresses: name and port to `host:port` of each server. */
  readonly lookup?: DnsLookup;
}

export interface Balancing {
  readonly events: ClientEventHub;
  readonly random: Random;
  readonly breaker: BreakerTerms | undefined;
  /** Stands around the transport of each address. */
  readonly around: (transport: ClientTransport, address?: string) => ClientTransport;
}

/** A Balancer where endpoints are chosen for each attempt, else the one transport. Throws a TypeError for what is no address. */
export function transportOf(
  service: ServiceType,
  given: ClientAddress,
  options: TargetOptions,
  balancing: Balancing,
): ClientTransport {
  const { clock = systemClock, logger = stderrLogger, tls } = options;
  const balance = (address: string, encoding: ClientTransport['encoding'], source: AddressSource) =>
    new Balancer({ address, encoding, source, clock, ...balancing });
  if (typeof given === 'function') {
    const name = given.name === '' ? 'the resolver function' : `the resolver ${given.name}`;
    // Requests are encoded before a server is chosen, so what a resolver gives must speak this.
    const encoding = service.idl === 'proto' ? 'proto' : 'binary';
    const ask = async () => sameEncoding(await resolve(service, await given(), options), encoding);
    return balance(name, encoding, new ResolvedAddresses({ name, ask, clock, logger }));
  }
  const list = (Array.isArray(given) ? given : [given]) as readonly Target[];
  const parsed = parse(service, list, tls);
  const text = list.map((one) => (typeof one === 'string' ? one : one.address)).join(',');
  if (parsed.kind === 'addresses' && parsed.addresses.some((one) => dnsName(one) !== undefined)) {
    const [first] = parsed.addresses;
    const encoding = first?.wire !== 'thrift' ? 'proto' : first.protocol === 'compact' ? 'compact' : 'binary';
    const ask = () => lookUp(parsed.addresses, options);
    return balance(text, encoding, new ResolvedAddresses({ name: text, ask, clock, logger }));
  }
  // Each is made now, so that TLS files and limits are complained about here and not in the first call.
  const targets = new Map(
    [...(parsed.kind === 'places' ? parsed.targets : connectable(parsed.addresses, options))].map(
      ([name, connect]) => [name, once(connect())] as const,
    ),
  );
  const [only] = targets.values();
  if (only !== undefined && targets.size === 1 && !mayEject(balancing.breaker, 1)) return balancing.around(only());
  const encoding = only?.().encoding ?? 'proto';
  return balance(text, encoding, fixedAddresses(sameEncoding(targets, encoding)));
}

/** Whether a breaker may leave out an address when there are so many. */
function mayEject(breaker: BreakerTerms | undefined, addresses: number): boolean {
  return breaker !== undefined && Math.floor(addresses * breaker.maxEjected) >= 1;
}

type Parsed =
  | { readonly kind: 'addresses'; readonly addresses: readonly Address[] }
  | { readonly kind: 'places'; readonly targets: Targets };

/** Throws a TypeError for what is no address, and for TLS options that it would not heed. */
function parse(service: ServiceType, list: readonly Target[], tls: ClientSecurity | undefined): Parsed {
  if (list.every((one) => typeof one === 'string')) {
    const addresses = parseAddresses(list, service.idl);
    if (tls !== undefined) checkTlsWanted(addresses);
    return { kind: 'addresses', addresses };
  }
  const targets = new Map<string, () => ClientTransport>();
  const seen = new Set<Target>();
  for (const one of list) {
    if (typeof one !== 'object' || one === null || !('bind' in one || 'connect' in one)) {
      throw new TypeError(
        `a client of ${service.name} needs addresses such as "127.0.0.1:50051", places in memory, or transports, and not a mixture with ${typeof one === 'string' ? JSON.stringify(one) : typeof one}`,
      );
    }
    if (seen.has(one)) throw new TypeError(`the server ${one.address} is in the list twice; name each server once`);
    seen.add(one);
    let name = one.address;
    for (let n = 2; targets.has(name); n++) name = `${one.address}#${n}`;
    targets.set(name, () => ('bind' in one ? one : one.connect(service)));
  }
  if (tls !== undefined) {
    throw new TypeError(
      'tls is given, and places in memory and transports have their own way to a server, which would not heed it; leave tls out',
    );
  }
  return { kind: 'places', targets };
}

async function resolve(service: ServiceType, list: readonly Target[], options: TargetOptions): Promise<Targets> {
  if (!Array.isArray(list)) throw new TypeError(`it gave ${typeof list}, not a list of addresses`);
  if (list.length === 0) throw new Error('it gave no address');
  const parsed = parse(service, list, options.tls);
  return parsed.kind === 'places' ? parsed.targets : lookUp(parsed.addresses, options);
}

/** Names that DNS knows become the addresses behind them. */
async function lookUp(addresses: readonly Address[], options: TargetOptions): Promise<Targets> {
  const { lookup = systemLookup } = options;
  const found = await Promise.all(
    addresses.map(async (one): Promise<Address[]> => {
      const dns = dnsName(one);
      if (dns === undefined) return [one];
      return (await lookup(dns.name, dns.port)).map((target) => ({ ...one, target, name: dns.name }));
    }),
  );
  return connectable(found.flat(), options);
}

function connectable(addresses: readonly Address[], options: TargetOptions): Map<string, () => ClientTransport> {
  return new Map(addresses.map((one) => [one.target, () => connect(one, options)]));
}

/** Throws an Error when a server speaks another encoding than the client writes. */
function sameEncoding(targets: Targets, encoding: ClientTransport['encoding']): Targets {
  return new Map(
    [...targets].map(([name, connect]) => [
      name,
      () => {
        const transport = connect();
        if (transport.encoding === encoding) return transport;
        throw new TypeError(
          `${name} speaks ${transport.encoding} and this client writes ${encoding}; a request is encoded once for all servers`,
        );
      },
    ]),
  );
}

/**
 * Transports for a client that polls, with `connections` each, one for each server; undefined where the wire has streams, or
 * where it is not known. Throws an RpcError for servers that change: a subscription that is polled stays with one.
 */
export function pollTransports(
  service: ServiceType,
  given: ClientAddress,
  options: TargetOptions,
  connections: number,
): (() => ClientTransport)[] | undefined {
  if (service.idl !== 'thrift' || typeof given === 'function') return undefined;
  const parsed = parse(service, (Array.isArray(given) ? given : [given]) as readonly Target[], undefined);
  if (parsed.kind === 'places') return undefined;
  const looked = parsed.addresses.find((one) => dnsName(one) !== undefined);
  if (looked !== undefined) {
    throw ownError(
      'POLLS_NEED_ADDRESSES',
      `a subscription over Thrift is polled from one server, and ${looked.target} may be several; give createClient their addresses`,
      { disposition: 'not-executed' },
    );
  }
  return parsed.addresses.map(
    (one) => () =>
      connect(one.wire === 'thrift' ? { ...one, multiplex: 'Subscriptions' } : one, {
        ...options,
        thrift: { ...options.thrift, maxConnections: connections },
      }),
  );
}

function once(transport: ClientTransport): () => ClientTransport {
  return () => transport;
}

function connect(address: Address, options: TargetOptions): ClientTransport {
  const common = {
    address: address.target,
    clock: options.clock ?? systemClock,
    logger: options.logger ?? stderrLogger,
    ...(address.tls ? { tls: options.tls ?? {} } : {}),
    ...(address.name === undefined ? {} : { hostName: address.name }),
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
