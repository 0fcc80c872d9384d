/**
 * The certificate of a peer, the same for every wire: read by Node's X.509 parser, whose text is unambiguous. Attributes of the
 * subject are escaped as RFC 4514 says, so that a comma within a name is not one between names, and alternative names that
 * hold a comma or a quote come as JSON strings.
 */
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from '../call/peer.js';

/** Certificates are read once: this many of the last are kept. */
const kept = 1_000;
const known = new Map<string, PeerCertificate>();

export function describeCertificate(certificate: X509Certificate): PeerCertificate {
  return {
    // Node puts one attribute on a line, escapes included; a line break within a value is `\0A`.
    subject: (certificate.subject ?? '').split('\n').join(', '),
    alternativeNames: certificate.subjectAltName ?? '',
    fingerprint: certificate.fingerprint256,
  };
}

/** From DER. `fingerprint`: its SHA-256, under which it is remembered. */
export function readCertificate(der: Buffer, fingerprint: string): PeerCertificate {
  let certificate = known.get(fingerprint);
  if (certificate === undefined) {
    certificate = describeCertificate(new X509Certificate(der));
    if (known.size >= kept) known.delete(known.keys().next().value as string);
    known.set(fingerprint, certificate);
  }
  return certificate;
}
