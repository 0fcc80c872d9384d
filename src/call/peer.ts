/** Who is at the other end of a connection, as far as it is known. */
export interface Peer {
  /** `127.0.0.1:50051`, `unix:/run/market.sock`, `memory` */
  readonly address: string;
  /** The certificate that the peer proved to own (mutual TLS). */
  readonly certificate?: PeerCertificate;
}

export interface PeerCertificate {
  readonly subject: string;
  /** DNS, URI and IP names, as in `DNS:market.example, URI:spiffe://...`. */
  readonly alternativeNames: string;
  /** SHA-256, hex with colons. */
  readonly fingerprint: string;
}

/** The principal of a caller whose identity nothing has established. */
export const anonymous = 'anonymous';
