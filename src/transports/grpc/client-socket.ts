/** The socket of a client's connection, plain or TLS. */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ClientSecurity } from '../client-security.js';
import type { Endpoint } from '../endpoint.js';

export interface ConnectionTarget {
  /** For messages to people. */
  readonly address: string;
  readonly endpoint: Endpoint;
  /** `:authority` */
  readonly authority: string;
  /** For names that another DNS server than the system's knows. */
  readonly lookup?: LookupFunction | undefined;
  readonly tls?: { readonly security: ClientSecurity; readonly serverName: string | undefined } | undefined;
}

export function socketOf({ endpoint, lookup, tls }: ConnectionTarget): Socket {
  const where = 'path' in endpoint ? endpoint : { ...endpoint, ...(lookup === undefined ? {} : { lookup }) };
  if (tls === undefined) return connectTcp(where);
  const host = 'host' in endpoint ? endpoint.host : 'localhost';
  const name = tls.serverName ?? host;
  return connectTls({
    ...where,
    ALPNProtocols: ['h2'],
    secureContext: tls.security.context,
    // An address is no name: RFC 6066, 3.
    ...(isIP(name) === 0 ? { servername: name } : {}),
  });
}
