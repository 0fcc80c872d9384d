/** TLS options as grpc-js and node:tls take them, checked here: what OpenSSL says of a bad certificate names no option. */
import { createSecureContext, type SecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { type ClientTls, checkClientTls, checkServerTls, type ServerTls } from '../tls.js';

/** Throws a TypeError that names the option. */
export function serverCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  checkServerTls(tls);
  check(tls);
  return ServerCredentials.createSsl(
    bytes(tls.ca),
    [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }],
    tls.requireClientCert ?? false,
  );
}

/** Made once for all connections to an address. Throws a TypeError that names the option. */
export function clientContext(tls: ClientTls): SecureContext {
  checkClientTls(tls);
  check(tls);
  const { ca, cert, key } = tls;
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    minVersion: 'TLSv1.2',
  });
}

function bytes(pem: string | Buffer | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem);
}

function check({ ca, cert, key }: ClientTls): void {
  attempt('tls.ca', ca, 'PEM certificates', () => createSecureContext({ ca }));
  attempt('tls.cert', cert, 'a PEM certificate', () => createSecureContext({ cert }));
  attempt('tls.key', key, 'a PEM private key', () => createSecureContext({ key }));
  attempt('tls.key', key, 'the private key of tls.cert', () => createSecureContext({ cert, key }));
}

function attempt(name: string, value: unknown, what: string, read: () => unknown): void {
  if (value === undefined) return;
  try {
    read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TypeError(`${name} is not ${what} (${why})`, { cause: error });
  }
}
