/** The socket of a client's connection, plain or TLS. */
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ClientSecurity } from '../client-security.js';
import type { Endpoint } from '../endpoint.js';
import { type HttpProxy, openTunnel } from '../proxy.js';

export interface ConnectionTarget {
  /** For messages to people. */
  readonly address: string;
  readonly endpoint: Endpoint;
  /** `:authority` */
  readonly authority: string;
  /** For names that another DNS server than the system's knows. */
  readonly lookup?: LookupFunction | undefined;
  readonly proxy?: HttpProxy | undefined;
  readonly tls?: { readonly security: ClientSecurity; readonly serverName: string | undefined } | undefined;
}

/**
 * `ready` gets the socket that calls can go over: through a proxy and with TLS it is another than the one that is returned, which is
 * destroyed with it. `failed` may be told of both.
 */
export function openSocket(
  target: ConnectionTarget,
  ready: (socket: Socket) => void,
  failed: (error: Error) => void,
): Socket {
  const { endpoint, proxy, tls } = target;
  if (proxy === undefined || 'path' in endpoint) {
    const socket = socketOf(target);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => ready(socket));
    socket.on('error', failed);
    return socket;
  }
  const tunnel = openTunnel(proxy, endpoint, (socket) => {
    if (tls === undefined) {
      ready(socket);
      return;
    }
    const secure = connectTls({ ...tlsOptions(target, tls), socket });
    secure.once('secureConnect', () => ready(secure));
    secure.on('error', failed);
    // What is wrong with TLS is told first.
    secure.once('close', () => socket.destroy());
  });
  tunnel.on('error', failed);
  return tunnel;
}

export function socketOf(target: ConnectionTarget): Socket {
  const { endpoint, lookup, tls } = target;
  const where = 'path' in endpoint ? endpoint : { ...endpoint, ...(lookup === undefined ? {} : { lookup }) };
  return tls === undefined ? connectTcp(where) : connectTls({ ...tlsOptions(target, tls), ...where });
}

function tlsOptions({ endpoint }: ConnectionTarget, tls: NonNullable<ConnectionTarget['tls']>): ConnectionOptions {
  const host = 'host' in endpoint ? endpoint.host : 'localhost';
  const name = tls.serverName ?? host;
  return {
    ALPNProtocols: ['h2'],
    secureContext: tls.security.context,
    // Also where the socket is there already, and Node has no host to hold the certificate against.
    host: name,
    // An address is no name: RFC 6066, 3.
    ...(isIP(name) === 0 ? { servername: name } : {}),
  };
}
