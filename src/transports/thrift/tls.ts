/** TLS on a client's Thrift connection: what a user writes, and what it means to Node. */
import type { ConnectionOptions } from 'node:tls';
import type { Endpoint } from '../endpoint.js';
import type { ClientTls } from '../tls.js';
import { clientContext } from '../tls-context.js';

/** Made once for all connections to an address. Throws a TypeError when the certificates or keys are not usable. */
export function clientTlsOptions(tls: ClientTls, endpoint: Endpoint): ConnectionOptions {
  const name = tls.serverName ?? ('host' in endpoint ? endpoint.host : undefined);
  return {
    secureContext: clientContext(tls),
    // An IP address is no server name (RFC 6066); Node compares it with the certificate all the same.
    ...(name === undefined || isAddress(name) ? {} : { servername: name }),
  };
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
