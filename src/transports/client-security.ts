/** TLS of a client's connections: one for all of its addresses, as the options say or a reload has said since. */
import type { SecureContext } from 'node:tls';
import type { Clock } from '../call/clock.js';
import type { Logger } from '../call/logger.js';
import { Certificates } from './certificates.js';
import { type ClientTls, checkClientTls } from './tls.js';
import { clientContext } from './tls-context.js';

export interface SecurityTerms {
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ClientSecurity {
  /** The name to expect in the server's certificate, when it is not the address's host. */
  readonly serverName: string | undefined;
  readonly #certificates: Certificates<SecureContext>;

  /** Throws a TypeError that names the option, an Error for a file that cannot be read. */
  constructor(tls: ClientTls, terms: SecurityTerms) {
    checkClientTls(tls);
    this.serverName = tls.serverName;
    this.#certificates = new Certificates({ tls, make: clientContext, ...terms });
  }

  /** For a connection that begins now. */
  get context(): SecureContext {
    return this.#certificates.current;
  }

  /** While a transport uses it, new certificates are looked for. */
  use(): void {
    this.#certificates.use();
  }

  release(): void {
    this.#certificates.release();
  }
}

/** Of a transport that was given its options, or shares what its client has. */
export function securityOf(
  tls: ClientTls | ClientSecurity | undefined,
  terms: SecurityTerms,
): ClientSecurity | undefined {
  return tls === undefined || tls instanceof ClientSecurity ? tls : new ClientSecurity(tls, terms);
}
