/** TLS options as node:tls takes them, checked here: what OpenSSL says of a bad certificate names no option. */
import { createSecureContext, type SecureContext, type TlsOptions } from 'node:tls';
import type { ServerTls, TlsMaterial } from './tls.js';

/** Made once for many connections. Throws a TypeError that names the option. */
export function clientContext(material: TlsMaterial): SecureContext {
  checkMaterial(material);
  const { ca, cert, key } = material;
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    minVersion: 'TLSv1.2',
  });
}

/**
 * With `ca` a client is asked for a certificate, and one that does not hold counts for nothing; with `requireClientCert` it ends
 * the connection. Throws a TypeError that names the option.
 */
export function serverTlsOptions(tls: ServerTls): TlsOptions {
  checkMaterial(tls);
  const { cert, key, ca, requireClientCert = false } = tls;
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    requestCert: ca !== undefined,
    rejectUnauthorized: requireClientCert,
    minVersion: 'TLSv1.2',
  };
}

/** Throws a TypeError that names the option. */
export function checkMaterial({ ca, cert, key }: TlsMaterial): void {
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
