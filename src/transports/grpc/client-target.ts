/** Where a client of gRPC connects to, out of an address and TLS options. */
import { Resolver } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { ClientSecurity } from '../client-security.js';
import { type Endpoint, parseEndpoint } from '../endpoint.js';
import { type ProxyOption, proxyFor } from '../proxy.js';
import type { ConnectionTarget } from './client-socket.js';

/**
 * `hostName`: what the address was looked up from, if it was. Throws a TypeError for an address that cannot be meant.
 */
export function connectionTarget(
  address: string,
  security: ClientSecurity | undefined,
  hostName?: string,
  proxy?: ProxyOption,
): ConnectionTarget {
  const dns = /^dns:(?:\/\/([^/]*)\/)?(.+)$/.exec(address);
  const endpoint = parseEndpoint(dns?.[2] ?? address);
  const server = dns?.[1] ?? '';
  const serverName = security?.serverName ?? hostName;
  return {
    address,
    endpoint,
    authority: security?.serverName ?? authorityOf(endpoint, hostName),
    proxy: proxyFor(endpoint, security !== undefined, proxy),
    lookup: server === '' ? undefined : lookupAt(server, address),
    tls: security === undefined ? undefined : { security, serverName },
  };
}

function authorityOf(endpoint: Endpoint, hostName?: string): string {
  if ('path' in endpoint) return 'localhost';
  const { port } = endpoint;
  const host = hostName ?? endpoint.host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Asks one DNS server, IPv4 addresses before IPv6 ones. */
function lookupAt(server: string, address: string): LookupFunction {
  const resolver = new Resolver({ timeout: 5_000, tries: 2 });
  try {
    resolver.setServers([server]);
  } catch (error) {
    throw new TypeError(`the address ${address} names the DNS server ${server}; write its IP address`, {
      cause: error,
    });
  }
  return (name, options, done) => {
    resolver.resolve4(name, (error4, four) => {
      resolver.resolve6(name, (error6, six) => {
        const found = [
          ...(error4 === null ? four.map((one) => ({ address: one, family: 4 })) : []),
          ...(error6 === null ? six.map((one) => ({ address: one, family: 6 })) : []),
        ];
        const [first] = found;
        if (first === undefined) done(error4, '', 4);
        else if (options.all === true) done(null, found);
        else done(null, first.address, first.family);
      });
    });
  };
}
