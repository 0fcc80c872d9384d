/** An authority that signs certificates while a test runs, by openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'hawser-authority-'));
  /** Its own certificate. */
  readonly ca: string;

  constructor(name = 'authority') {
    const files = ['-keyout', 'ca.key', '-out', 'ca.crt'];
    this.#openssl('req', '-x509', ...curve, ...files, '-days', '2', '-subj', `/CN=${name}`);
    this.ca = this.#read('ca.crt');
  }

  /** For `localhost` and 127.0.0.1, and for the name as a URI. */
  sign(name: string): Identity {
    const names = `DNS:localhost,IP:127.0.0.1,URI:spiffe://sea/${name}`;
    writeFileSync(join(this.folder, `${name}.ext`), `subjectAltName=${names}\n`);
    this.#openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    this.#openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.crt`, '-days', '2', '-extfile', `${name}.ext`],
    );
    return { cert: this.#read(`${name}.crt`), key: this.#read(`${name}.key`) };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'ignore' });
  }

  #read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }
}
