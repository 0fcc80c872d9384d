/**
 * Where a client connects to. `grpc://h:p`, `dns:///name:port`, `unix:/path`, `thrift://h:p?wire=header|binary|compact`; with TLS
 * `grpcs://`, `grpcs+dns:///`, `grpcs+unix:`, and the same with `thrifts`; several as a comma list or an array. A bare
 * `h:p`, and `dns:` and `unix:` alone, speak the wire of the service's IDL, in plaintext.
 */
import { isIPv4, isIPv6 } from 'node:net';

export type ThriftWire = 'binary' | 'compact' | 'header';
export type ThriftFraming = 'framed' | 'unframed';

interface Place {
  /** `host:port`, `dns:///name:port`, `unix:/path` */
  readonly target: string;
  readonly tls: boolean;
  /** What DNS was asked for, where `target` is its answer: the name that a certificate is held against. */
  readonly name?: string;
}

export interface GrpcAddress extends Place {
  readonly wire: 'grpc';
}

export interface ThriftAddress extends Place {
  readonly wire: 'thrift';
  readonly protocol: ThriftWire;
  readonly framing: ThriftFraming;
  /** The name before the `:` of a multiplexed call. */
  readonly multiplex: string | undefined;
  readonly zlib: boolean;
}

export type Address = GrpcAddress | ThriftAddress;

type Idl = 'proto' | 'thrift';

const forms: Readonly<Record<Idl, string>> = {
  proto:
    'write host:port, grpc://host:port, dns:///name:port or unix:/path; with TLS grpcs://host:port, grpcs+dns:///name:port or grpcs+unix:/path',
  thrift:
    'write host:port, thrift://host:port?wire=binary|compact|header, dns:///name:port or unix:/path; with TLS thrifts://host:port, thrifts+dns:///name:port or thrifts+unix:/path',
};

/**
 * All addresses of one client. A scheme and the options of the first hold for bare ones that
 * follow it in a list: `grpc://a:1,b:2`. Throws a TypeError that names what is wrong.
 */
export function parseAddresses(text: string | readonly string[], idl: Idl): Address[] {
  const list = typeof text === 'string' ? [text] : text;
  for (const one of list) refuseUser(one);
  const addresses: Address[] = [];
  for (const one of list.flatMap((given) => given.split(','))) {
    const address = parseOne(one.trim(), idl, addresses.at(-1));
    if (addresses.some((other) => other.target === address.target)) {
      throw new TypeError(`the address ${one.trim()} is in the list twice; name each server once`);
    }
    addresses.push(address);
  }
  const first = addresses[0];
  if (first === undefined) throw new TypeError(`a client needs an address: ${forms[idl]}`);
  for (const other of addresses) checkAlike(first, other);
  return addresses;
}

function checkAlike(first: Address, other: Address): void {
  if (other.wire === 'thrift' && first.wire === 'thrift' && other.protocol !== first.protocol) {
    throw new TypeError(
      `the addresses ${first.target} and ${other.target} differ in wire (${first.protocol}, ${other.protocol}); a request is encoded once for all of them`,
    );
  }
  if (other.tls !== first.tls) {
    const [secret, open] = first.tls ? [first, other] : [other, first];
    throw new TypeError(
      `the address ${secret.target} has TLS and ${open.target} has none, so what a caller sends would be secret by chance; write ${withTls(open)}, or make two clients`,
    );
  }
}

/** Throws a TypeError for TLS options, called `name`, that an address would not heed: its calls would go out in plaintext. */
export function checkTlsWanted(addresses: readonly Address[], name = 'tls'): void {
  const open = addresses.find((one) => !one.tls);
  if (open === undefined) return;
  throw new TypeError(
    `${name} is given, and ${open.target} would be called in plaintext; write ${withTls(open)}, or leave ${name} out`,
  );
}

function withTls({ wire, target }: Address): string {
  const family = /^(dns|unix):/.test(target) ? `+${target}` : `://${target}`;
  return `${wire}s${family}`;
}

/** Before anything of it is shown: a password belongs into no message. */
function refuseUser(text: string): void {
  for (const piece of text.split(',')) {
    if (/^\s*([a-z]+\+)?unix:/.test(piece) || !/^[^?]*@/.test(piece)) continue;
    throw new TypeError(
      'an address has a user before its host (user@host), and no wire has users there; send credentials as headers: createClient(service, address, { headers: { authorization: "..." } })',
    );
  }
}

const schemes = /^(?:(grpc|thrift)(s?)(?:\+(dns|unix))?|(dns|unix))$/;

function parseOne(text: string, idl: Idl, previous: Address | undefined): Address {
  const scheme = /^([a-z][a-z0-9+.-]*):(?=\/)/.exec(text)?.[1] ?? /^((?:[a-z]+\+)?unix):(?!\d+$)/.exec(text)?.[1];
  if (scheme === undefined) {
    const target = hostPort(text, text, idl);
    if (previous !== undefined) return { ...previous, target };
    return made(text, idl === 'proto' ? 'grpc' : 'thrift', target, false, '');
  }
  const match = schemes.exec(scheme);
  if (match === null) throw new TypeError(`the address ${text} has the unknown scheme ${scheme}; ${forms[idl]}`);
  const own = idl === 'proto' ? 'grpc' : 'thrift';
  const wire = (match[1] ?? own) as Address['wire'];
  if (wire !== own) {
    throw new TypeError(
      idl === 'proto'
        ? `${text} speaks Thrift, but the service comes from a .proto file and speaks gRPC; use grpc://`
        : `${text} speaks gRPC, but the service comes from a .thrift file; use thrift://`,
    );
  }
  const family = match[3] ?? match[4];
  const rest = text.slice(scheme.length + 1);
  // A question mark may stand in the path of a socket, but for Thrift, which has options.
  const question = family === 'unix' && wire === 'grpc' ? -1 : rest.indexOf('?');
  const path = question < 0 ? rest : rest.slice(0, question);
  const options = question < 0 ? '' : rest.slice(question + 1);
  if (wire === 'grpc' && question >= 0) {
    throw new TypeError(
      `the address ${text} has the options ?${options}, and gRPC has none in an address; ${forms[idl]}`,
    );
  }
  return made(text, wire, targetOf(text, family, path, idl), match[2] === 's', options);
}

function targetOf(text: string, family: string | undefined, path: string, idl: Idl): string {
  if (family === 'unix') {
    if (!/^(?:\/\/(?=\/))?[^\0]+$/.test(path) || path === '/') {
      throw new TypeError(`the address ${JSON.stringify(text)} names no socket; write unix:/path`);
    }
    return `unix:${path}`;
  }
  if (family === 'dns') return dns(text, path, idl);
  return hostPort(/^\/\/([^/]*)\/?$/.exec(path)?.[1] ?? path, text, idl);
}

/** `dns:///name:port`; with a DNS server of its own (`dns://8.8.8.8/name:port`) one connection asks for itself. */
function dns(text: string, path: string, idl: Idl): string {
  const match = /^\/\/([^/]*)\/([^/]+)$/.exec(path);
  if (match === null) throw new TypeError(`the address ${text} names no host; write dns:///name:port`);
  const server = match[1] as string;
  if (server !== '' && idl === 'thrift') {
    throw new TypeError(
      `the address ${text} names a DNS server; for Thrift the system's is asked: write dns:///name:port`,
    );
  }
  return `dns://${server}/${hostPort(match[2] as string, text, idl)}`;
}

/** The name behind `dns:///name:port`; undefined for an address that is not looked up by us. */
export function dnsName(address: Address): { readonly name: string; readonly port: number } | undefined {
  const match = /^dns:\/\/\/(.+):(\d+)$/.exec(address.target);
  if (match === null) return undefined;
  return { name: (match[1] as string).replace(/^\[|\]$/g, ''), port: Number(match[2]) };
}

function made(text: string, wire: Address['wire'], target: string, tls: boolean, options: string): Address {
  return wire === 'grpc' ? { wire, target, tls } : thrift(text, target, tls, new URLSearchParams(options));
}

function thrift(text: string, target: string, tls: boolean, options: URLSearchParams): ThriftAddress {
  for (const key of options.keys()) {
    if (!['wire', 'framing', 'service', 'zlib'].includes(key)) {
      throw new TypeError(
        `the address ${text} has the unknown option ${key}; options are wire, framing, service, zlib`,
      );
    }
    if (options.getAll(key).length > 1) throw new TypeError(`the address ${text} has the option ${key} twice`);
  }
  const multiplex = options.get('service') ?? undefined;
  if (multiplex === '') throw new TypeError(`the address ${text} has an empty service; name it, or leave it out`);
  return {
    wire: 'thrift',
    target,
    tls,
    protocol: oneOf(text, options, 'wire', ['binary', 'compact', 'header']),
    framing: oneOf(text, options, 'framing', ['framed', 'unframed']),
    multiplex,
    zlib: oneOf(text, options, 'zlib', ['0', '1']) === '1',
  };
}

/** The first is the default. */
function oneOf<T extends string>(text: string, options: URLSearchParams, key: string, values: readonly [T, ...T[]]): T {
  const given = options.get(key);
  if (given === null) return values[0];
  const value = values.find((one) => one === given);
  if (value === undefined)
    throw new TypeError(`the address ${text} has ${key}=${given}; it must be ${values.join(' or ')}`);
  return value;
}

/** Labels of letters (of any script), digits, `-` and `_`. */
const hostName = /^(?!\.)(?:[\p{L}\p{M}\p{N}_-]+\.)*[\p{L}\p{M}\p{N}_-]+\.?$/u;

function hostPort(value: string, text: string, idl: Idl): string {
  const match = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(value);
  const [, six, name, port] = match ?? [];
  const refuse = (what: string): never => {
    throw new TypeError(`the address ${JSON.stringify(text)} ${what}; ${forms[idl]}`);
  };
  if (match === null) return refuse(isIPv6(value) ? 'is IPv6 without brackets and a port' : 'is not understood');
  if (name === '') return refuse('names no host');
  if (six !== undefined && !isIPv6(six))
    return refuse(`has ${JSON.stringify(six)} in brackets, which is no IPv6 address`);
  if (name !== undefined && !hostName.test(name))
    return refuse(`is not understood: ${JSON.stringify(name)} is no host`);
  if (name !== undefined && /^[\d.]+$/.test(name) && !isIPv4(name))
    return refuse(`has ${name}, which is no IPv4 address`);
  if (Number(port) > 65_535 || Number(port) === 0) {
    throw new TypeError(`the address ${text} has the port ${port}; a port is 1 to 65535`);
  }
  return value;
}
