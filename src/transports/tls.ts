/** TLS as both wires take it. Certificates and keys are PEM. */
import { flag, pem, text } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';

export interface ServerTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Who signs client certificates. */
  readonly ca?: string | Buffer;
  /** Mutual TLS: a client without a certificate signed by `ca` is turned away. */
  readonly requireClientCert?: boolean;
}

export interface ClientTls {
  /** Who signs the server's certificate; the system's authorities by default. */
  readonly ca?: string | Buffer;
  /** The client's own certificate and key, for mutual TLS. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** The name to expect in the server's certificate, when it is not the address's host. */
  readonly serverName?: string;
}

const checkServerNames = knownOptions<ServerTls>({ cert: pem, key: pem, ca: pem, requireClientCert: flag });
const checkClientNames = knownOptions<ClientTls>({ ca: pem, cert: pem, key: pem, serverName: text });

/** Throws a TypeError when a part is missing: Node would listen without it, and every handshake would fail. */
export function checkServerTls(tls: Partial<ServerTls>): void {
  checkServerNames(tls, 'tls');
  const { cert, key, ca, requireClientCert } = tls;
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? 'cert' : 'key';
    throw new TypeError(`tls has no ${missing}; a server needs { cert, key }: its certificate and private key, in PEM`);
  }
  if (requireClientCert === true && ca === undefined) {
    throw new TypeError('tls.requireClientCert needs tls.ca: the authority that signs client certificates');
  }
}

/** Throws a TypeError when a certificate comes without its key, or a key without its certificate. */
export function checkClientTls(tls: ClientTls): void {
  checkClientNames(tls, 'tls');
  const { cert, key } = tls;
  if ((cert === undefined) === (key === undefined)) return;
  throw new TypeError('tls.cert and tls.key go together: the certificate that the client shows, and its private key');
}
