/** TLS as both wires take it. Certificates and keys are PEM. */
import { type Duration, timerDuration } from '../contract/duration.js';
import { flag, pem, text } from '../contract/option-kinds.js';
import { knownOptions, shown } from '../contract/option-names.js';

export interface TlsMaterial {
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly ca?: string | Buffer;
}

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/**
 * Where certificates come from while the program runs: files, which are there from the beginning, or a function, which is asked
 * for the first time after `reloadEvery` and gives what has changed. Connections that are open stay as they are.
 */
export type TlsReload = TlsFiles | (() => TlsMaterial | Promise<TlsMaterial>);

export interface Reloadable {
  readonly reload?: TlsReload;
  /** How long after one look for new certificates comes the next; 1 m by default. */
  readonly reloadEvery?: Duration;
}

/** `cert` and `key` are given here, or as files of `reload`. */
export interface ServerTls extends Reloadable {
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Who signs client certificates. */
  readonly ca?: string | Buffer;
  /** Mutual TLS: a client without a certificate signed by `ca` is turned away. */
  readonly requireClientCert?: boolean;
}

export interface ClientTls extends Reloadable {
  /** Who signs the server's certificate; the system's authorities by default. */
  readonly ca?: string | Buffer;
  /** The client's own certificate and key, for mutual TLS. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** The name to expect in the server's certificate, when it is not the address's host. */
  readonly serverName?: string;
}

const checkFiles = knownOptions<TlsFiles>({ cert: text, key: text, ca: text });

function reload(value: unknown, name: string): void {
  if (typeof value === 'function') return;
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(
      `${name} is ${shown(value)}; it is a function that gives { cert, key, ca }, or their paths: { cert: '/run/tls/tls.crt', key: '/run/tls/tls.key' }`,
    );
  }
  checkFiles(value, name);
}

const reloadable = {
  reload,
  reloadEvery: (every: unknown, name: string): void => void timerDuration(every as Duration, name),
};
const checkServerNames = knownOptions<ServerTls>({
  cert: pem,
  key: pem,
  ca: pem,
  requireClientCert: flag,
  ...reloadable,
});
const checkClientNames = knownOptions<ClientTls>({ ca: pem, cert: pem, key: pem, serverName: text, ...reloadable });

/** Throws a TypeError when a part is missing: Node would listen without it, and every handshake would fail. */
export function checkServerTls(tls: ServerTls): void {
  checkServerNames(tls, 'tls');
  const given = parts(tls);
  if (!given.cert || !given.key) {
    const missing = given.cert ? 'key' : 'cert';
    throw new TypeError(`tls has no ${missing}; a server needs { cert, key }: its certificate and private key, in PEM`);
  }
  if (tls.requireClientCert === true && !given.ca) {
    throw new TypeError('tls.requireClientCert needs tls.ca: the authority that signs client certificates');
  }
}

/** Throws a TypeError when a certificate comes without its key, or a key without its certificate. */
export function checkClientTls(tls: ClientTls): void {
  checkClientNames(tls, 'tls');
  const { cert, key } = parts(tls);
  if (cert === key) return;
  throw new TypeError('tls.cert and tls.key go together: the certificate that the client shows, and its private key');
}

/** Which parts there are, as text or as files. Throws a TypeError for one that is both. */
function parts({ cert, key, ca, reload, reloadEvery }: ServerTls | ClientTls): Record<keyof TlsFiles, boolean> {
  if (reload === undefined && reloadEvery !== undefined) {
    throw new TypeError('tls.reloadEvery needs tls.reload: the files to look at, or a function to ask');
  }
  const files: TlsFiles = typeof reload === 'object' ? reload : {};
  const given = { cert, key, ca };
  for (const name of ['cert', 'key', 'ca'] as const) {
    if (given[name] !== undefined && files[name] !== undefined) {
      throw new TypeError(`tls.${name} and tls.reload.${name} are both given; leave one out`);
    }
  }
  return {
    cert: cert !== undefined || files.cert !== undefined,
    key: key !== undefined || files.key !== undefined,
    ca: ca !== undefined || files.ca !== undefined,
  };
}
