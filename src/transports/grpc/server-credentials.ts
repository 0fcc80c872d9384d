/** TLS options of a listener as grpc-js takes them. */
import { ServerCredentials } from '@grpc/grpc-js';
import { checkServerTls, type ServerTls } from '../tls.js';
import { checkMaterial } from '../tls-context.js';

/** Throws a TypeError that names the option. */
export function serverCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  checkServerTls(tls);
  checkMaterial(tls);
  const { cert, key, reload } = tls;
  if (reload !== undefined || cert === undefined || key === undefined) {
    throw new TypeError("tls.reload needs Hawser's own HTTP/2; leave grpc.engine: 'node' out, or tls.reload");
  }
  return ServerCredentials.createSsl(
    bytes(tls.ca),
    [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }],
    tls.requireClientCert ?? false,
  );
}

function bytes(pem: string | Buffer | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem);
}
