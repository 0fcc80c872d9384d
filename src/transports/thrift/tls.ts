/** TLS on a Thrift connection, either side: what a user writes, and what it means to Node. */
import type { Socket } from 'node:net';
import {
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  TLSSocket,
  type TlsOptions,
} from 'node:tls';
import type { Peer } from '../../call/peer.js';
import { describeCertificate } from '../certificate.js';
import { type Endpoint, formatHostPort } from '../endpoint.js';
import { type ClientTls, checkClientTls, checkServerTls, type ServerTls } from '../tls.js';

const handshakeTimeout = 10_000;

/** Throws a TypeError when a part is missing. */
export function serverTlsOptions(tls: ServerTls): TlsOptions {
  checkServerTls(tls);
  const { cert, key, ca } = tls;
  const material = { cert, key, ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2' } as const;
  checked(material);
  return {
    ...material,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.requireClientCert === true,
    handshakeTimeout,
  };
}

/** Made once for all connections to an address. Throws a TypeError when the certificates or keys are not usable. */
export function clientTlsOptions(tls: ClientTls, endpoint: Endpoint): ConnectionOptions {
  checkClientTls(tls);
  const { ca, cert, key, serverName } = tls;
  const name = serverName ?? ('host' in endpoint ? endpoint.host : undefined);
  return {
    secureContext: checked({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      minVersion: 'TLSv1.2',
    }),
    // An IP address is no server name (RFC 6066); Node compares it with the certificate all the same.
    ...(name === undefined || isAddress(name) ? {} : { servername: name }),
  };
}

function checked(material: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(material);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`the tls option is not usable: ${reason}; cert, key and ca are PEM`, { cause: error });
  }
}

/** Who is at the other end. A certificate counts only when the handshake has verified it. */
export function peerOf(socket: Socket, path: string | undefined): Peer {
  const address = path === undefined ? formatHostPort(socket.remoteAddress, socket.remotePort) : `unix:${path}`;
  const x509 = socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate() : undefined;
  const certificate = x509 === undefined ? undefined : describeCertificate(x509);
  return certificate === undefined ? { address } : { address, certificate };
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
