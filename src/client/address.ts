/**
 * Where a client connects to. `grpc://h:p`, `grpcs://h:p`, `dns:///name:port`, `unix:/path`,
 * `thrift://h:p?wire=header|binary|compact`, `thrifts://`, `thrift+unix:/path`; `dns:` of either wire; several
 * as a comma list or an array. A bare `h:p` speaks the wire of the service's IDL.
 */
export type ThriftWire = 'binary' | 'compact' | 'header';
export type ThriftFraming = 'framed' | 'unframed';

export type Address =
  | { readonly wire: 'grpc'; readonly target: string; readonly tls: boolean }
  | {
      readonly wire: 'thrift';
      /** `host:port` or `unix:/path` */
      readonly target: string;
      readonly tls: boolean;
      readonly protocol: ThriftWire;
      readonly framing: ThriftFraming;
      /** The name before the `:` of a multiplexed call. */
      readonly multiplex: string | undefined;
      readonly zlib: boolean;
    };

const forms =
  'write grpc://host:port, grpcs://host:port, dns:///name:port, unix:/path, thrift://host:port?wire=binary|compact|header, thrifts://host:port, thrift+unix:/path, or host:port';

/**
 * All addresses of one client. A scheme and the options of the first hold for bare ones that
 * follow it in a list: `grpc://a:1,b:2`. Throws a TypeError that names what is wrong.
 */
export function parseAddresses(text: string | readonly string[], idl: 'proto' | 'thrift'): Address[] {
  const given = typeof text === 'string' ? text.split(',') : text.flatMap((one) => one.split(','));
  const addresses: Address[] = [];
  for (const one of given) {
    const address = parseOne(one.trim(), idl, addresses.at(-1));
    if (addresses.some((other) => other.target === address.target)) {
      throw new TypeError(`the address ${one.trim()} is in the list twice; name each server once`);
    }
    addresses.push(address);
  }
  const first = addresses[0];
  if (first === undefined) throw new TypeError(`a client needs an address: ${forms}`);
  for (const other of addresses) {
    if (other.wire === 'thrift' && first.wire === 'thrift' && other.protocol !== first.protocol) {
      throw new TypeError(
        `the addresses ${first.target} and ${other.target} differ in wire (${first.protocol}, ${other.protocol}); a request is encoded once for all of them`,
      );
    }
  }
  return addresses;
}

function parseOne(text: string, idl: 'proto' | 'thrift', previous: Address | undefined): Address {
  const match = /^([a-z][a-z0-9+.-]*):(?=\/)/.exec(text);
  const scheme = match?.[1];
  if (scheme === undefined) {
    if (previous !== undefined) return { ...previous, target: hostPort(text, text) };
    return idl === 'proto'
      ? { wire: 'grpc', target: hostPort(text, text), tls: false }
      : thrift(text, hostPort(text, text), false, new URLSearchParams());
  }
  const rest = text.slice(scheme.length + 1);
  const address = withScheme(text, scheme, rest, idl);
  if ((address.wire === 'grpc') !== (idl === 'proto')) {
    throw new TypeError(
      idl === 'proto'
        ? `${text} speaks Thrift, but the service comes from a .proto file and speaks gRPC; use grpc://`
        : `${text} speaks gRPC, but the service comes from a .thrift file; use thrift://`,
    );
  }
  return address;
}

function withScheme(text: string, scheme: string, rest: string, idl: 'proto' | 'thrift'): Address {
  switch (scheme) {
    case 'grpc':
    case 'grpcs':
      return { wire: 'grpc', target: hostPort(authority(rest), text), tls: scheme === 'grpcs' };
    case 'dns':
      return dns(text, rest, idl);
    case 'unix':
      return idl === 'proto'
        ? { wire: 'grpc', target: `unix:${rest}`, tls: false }
        : thrift(text, `unix:${path(rest)}`, false, query(rest));
    case 'thrift':
    case 'thrifts':
      return thrift(text, hostPort(authority(rest), text), scheme === 'thrifts', query(rest));
    case 'thrift+unix':
      return thrift(text, `unix:${path(rest)}`, false, query(rest));
    default:
      throw new TypeError(`the address ${text} has the unknown scheme ${scheme}; ${forms}`);
  }
}

/** `dns:///name:port`; with a DNS server of its own (`dns://8.8.8.8/name:port`) only grpc-js can look it up. */
function dns(text: string, rest: string, idl: 'proto' | 'thrift'): Address {
  const match = /^\/\/([^/]*)\/([^/]+)$/.exec(path(rest));
  if (match === null) throw new TypeError(`the address ${text} names no host; write dns:///name:port`);
  if (idl === 'proto') {
    const target = match[1] === '' ? hostPort(match[2] as string, text) : `${match[2]}`;
    return { wire: 'grpc', target: `dns://${match[1]}/${target}`, tls: false };
  }
  if (match[1] !== '') {
    throw new TypeError(
      `the address ${text} names a DNS server; for Thrift the system's is asked: write dns:///name:port`,
    );
  }
  return thrift(text, `dns:///${hostPort(match[2] as string, text)}`, false, query(rest));
}

/** The name behind `dns:///name:port`; undefined for an address that is not looked up by us. */
export function dnsName(address: Address): { readonly name: string; readonly port: number } | undefined {
  const match = /^dns:\/\/\/(.+):(\d+)$/.exec(address.target);
  if (match === null) return undefined;
  return { name: (match[1] as string).replace(/^\[|\]$/g, ''), port: Number(match[2]) };
}

function thrift(text: string, target: string, tls: boolean, options: URLSearchParams): Address {
  for (const key of options.keys()) {
    if (!['wire', 'framing', 'service', 'zlib'].includes(key)) {
      throw new TypeError(
        `the address ${text} has the unknown option ${key}; options are wire, framing, service, zlib`,
      );
    }
  }
  return {
    wire: 'thrift',
    target,
    tls,
    protocol: oneOf(text, options, 'wire', ['binary', 'compact', 'header']),
    framing: oneOf(text, options, 'framing', ['framed', 'unframed']),
    multiplex: options.get('service') ?? undefined,
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

function authority(rest: string): string {
  return path(rest).replace(/^\/\//, '').replace(/\/$/, '');
}

function path(rest: string): string {
  const question = rest.indexOf('?');
  return question < 0 ? rest : rest.slice(0, question);
}

function query(rest: string): URLSearchParams {
  const question = rest.indexOf('?');
  return new URLSearchParams(question < 0 ? '' : rest.slice(question + 1));
}

function hostPort(value: string, text: string): string {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^\s:/?#[\]]+):(\d{1,5})$/.exec(value);
  if (match === null) throw new TypeError(`the address ${JSON.stringify(text)} is not understood; ${forms}`);
  if (Number(match[2]) > 65_535 || Number(match[2]) === 0) {
    throw new TypeError(`the address ${text} has the port ${match[2]}; a port is 1 to 65535`);
  }
  return value;
}
