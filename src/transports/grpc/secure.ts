/** TLS options as grpc-js credentials, checked here: what OpenSSL says of a bad certificate names no option. */
import { createSecureContext } from 'node:tls';
import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';
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

/** Throws a TypeError that names the option. */
export function clientCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  checkClientTls(tls);
  check(tls);
  return credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert));
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
