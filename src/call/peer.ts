/** Who is at the other end of a connection, as far as it is known. */
export interface Peer {
  /** `127.0.0.1:50051`, `unix:/run/market.sock`, `memory` */
  readonly address: string;
  /** The certificate that the peer proved to own (mutual TLS). */
  readonly certificate?: PeerCertificate;
}

export interface PeerCertificate {
  /** `O=Fishers, CN=boat-7`, values escaped as RFC 4514 says; empty for a certificate without one. */
  readonly subject: string;
  /** DNS, URI and IP names, as in `DNS:market.example, URI:spiffe://...`; a name that holds a comma or a quote is a JSON string. */
  readonly alternativeNames: string;
  /** SHA-256, hex with colons. */
  readonly fingerprint: string;
}

/** The principal of a caller whose identity nothing has established. */
export const anonymous = 'anonymous';
