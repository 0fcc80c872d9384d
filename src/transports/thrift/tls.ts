/** TLS on a client's Thrift connection: what a user writes, and what it means to Node. */
import type { ConnectionOptions } from 'node:tls';
import type { ClientSecurity } from '../client-security.js';
import type { Endpoint } from '../endpoint.js';

/** For a connection that begins now. `hostName`: what the address was looked up from, if it was. */
export function clientTlsOptions(security: ClientSecurity, endpoint: Endpoint, hostName?: string): ConnectionOptions {
  const name = security.serverName ?? hostName ?? ('host' in endpoint ? endpoint.host : undefined);
  return {
    secureContext: security.context,
    // An IP address is no server name (RFC 6066); Node compares it with the certificate all the same.
    ...(name === undefined || isAddress(name) ? {} : { servername: name }),
  };
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
