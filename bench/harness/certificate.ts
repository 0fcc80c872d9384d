/** A certificate for localhost that signs itself, made by openssl. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

let made: Promise<TlsFiles> | undefined;

/** Rejects with an Error where there is no openssl. */
export function certificate(): Promise<TlsFiles> {
  made ??= make();
  return made;
}

async function make(): Promise<TlsFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-bench-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  try {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', ...curve, ...names],
      ...['-days', '2', '-keyout', key, '-out', cert],
    ]);
    return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') throw new Error('there is no openssl');
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
