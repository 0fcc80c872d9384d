/** Certificates made for one test run: an authority, and a server and a client that it signed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-tls-'));
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  };
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=Hawser test authority',
  );
  const sign = (name: string, subject: string, names: string): { cert: string; key: string } => {
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`);
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.crt`, '-days', '2', '-extfile', `${name}.ext`],
    );
    return { cert: read(`${name}.crt`), key: read(`${name}.key`) };
  };
  try {
    return {
      server: sign('server', '/CN=market', 'DNS:localhost,DNS:market.example,IP:127.0.0.1'),
      client: sign('client', '/O=Fishers/CN=boat-7', 'URI:spiffe://sea/boat-7'),
      ca: read('ca.crt'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
