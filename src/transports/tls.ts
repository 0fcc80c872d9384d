/** TLS as both wires take it. Certificates and keys are PEM. */
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
