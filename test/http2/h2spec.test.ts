/** The conformance suite of HTTP/2, strict, against a bare server of the engine. `go install` brings the tool: see .ci/run. */
import { execFile } from 'node:child_process';
import type { TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { makeCertificates } from '../transports/grpc/certificates.js';
import { plainServer } from './plain-server.js';

const run = promisify(execFile);

/** The last line of the report: how many cases there were, and how they ended. */
async function h2spec(tls: TlsOptions | undefined): Promise<string> {
  const server = await plainServer(tls);
  const target = ['--strict', '--host', '127.0.0.1', '--port', String(server.port), '--timeout', '10'];
  try {
    const { stdout } = await run('h2spec', tls === undefined ? target : [...target, '--tls', '--insecure'], {
      timeout: 240_000,
      maxBuffer: 1 << 24,
    }).catch((error: { stdout: string }) => ({ stdout: error.stdout }));
    return stdout.trimEnd().split('\n').at(-1) ?? '';
  } finally {
    server.close();
  }
}

describeWith('h2spec', hasTool('h2spec'), 'h2spec, strict', () => {
  const all = '146 tests, 146 passed, 0 skipped, 0 failed';

  it('finds no fault over a plain socket', async () => {
    expect(await h2spec(undefined)).toBe(all);
  }, 300_000);

  it('finds no fault over TLS', async () => {
    const { cert, key } = makeCertificates().server;
    expect(await h2spec({ cert, key })).toBe(all);
  }, 300_000);
});
