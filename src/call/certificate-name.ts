/**
 * The principal that a certificate proves: its first alternative name of the kind URI, then DNS, then email; else its subject.
 * Subjects alone would not do: SPIFFE issues certificates without one, and all of those would be one caller.
 */
import { anonymous, type Peer, type PeerCertificate } from './peer.js';

/** In the order of preference, as OpenSSL names them. */
const kinds = ['URI', 'DNS', 'email'] as const;

/** Undefined for a certificate that names nobody: it has neither such a name nor a subject. */
export function certificatePrincipal({ alternativeNames, subject }: PeerCertificate): string | undefined {
  const names = alternativeNames === '' ? [] : parseNames(alternativeNames);
  for (const wanted of kinds) {
    const found = names.find(([kind, name]) => kind === wanted && name !== '');
    if (found !== undefined) return found[1];
  }
  return subject === '' ? undefined : subject;
}

/**
 * What a peer is called as far as its connection tells. Calls under a certificate that names nobody are refused before this
 * matters; where they are not (health), each such certificate is a caller of its own.
 */
export function peerPrincipal({ certificate }: Peer): string {
  if (certificate === undefined) return anonymous;
  return certificatePrincipal(certificate) ?? `SHA256:${certificate.fingerprint}`;
}

/** Of `DNS:a.example, URI:"spiffe://a,b"`. A name with a comma, a quote or a control character is a JSON string. */
function parseNames(text: string): [kind: string, name: string][] {
  const names: [string, string][] = [];
  for (const [, kind = '', quoted, plain = ''] of text.matchAll(/([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g)) {
    names.push([kind, quoted === undefined ? plain : unquoted(quoted)]);
  }
  return names;
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    // A form that this version of Node has and this parser does not know: kept as it is, it is still one name.
    return text;
  }
}
