/**
 * Compression under fire: many short calls with gzip both ways whose connections are cut, that are left early, aborted and late,
 * and answers that do not inflate, while the C library watches both ends' heap. `HAWSER_SOAK=1` makes 500,000 calls of it.
 */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWith } from '../requires.js';
import { checkedNode, ended, gzipRun } from './gzip/run.js';

const soak = process.env.HAWSER_SOAK !== undefined;
const calls = soak ? 500_000 : 4_000;
const folders = ['/lib/x86_64-linux-gnu', '/lib/aarch64-linux-gnu', '/usr/lib64', '/lib64', '/usr/lib'];
const checks = folders.some((folder) => existsSync(`${folder}/libc_malloc_debug.so.0`));

/** A typed array of 4 bytes, of which zlib's handle writes 8; then the array is freed. */
const overrun = `
  const handle = require('node:zlib').createDeflate()._handle;
  let written = new Uint32Array(new ArrayBuffer(4));
  handle.init(15, 6, 8, 0, written, () => {}, undefined);
  handle.writeSync(0, Buffer.from('x'), 0, 1, Buffer.alloc(32), 0, 32);
  structuredClone(written.buffer, { transfer: [written.buffer] });
  written = undefined;
  setInterval(() => gc(), 10);
  setTimeout(() => process.exit(0), 2_000);
`;

describeWith('libc_malloc_debug.so.0 (glibc)', checks, 'gzip under a heap that is checked', () => {
  it('is checked: a program that writes beyond a block is ended for it', async () => {
    const { signal, stderr } = await ended(checkedNode(['-e', overrun]));
    // Node 22 and later look at the array themselves.
    expect(stderr).toMatch(/free\(\): invalid pointer|invalid size|corrupt|array->Length\(\)/);
    expect(signal).toBe('SIGABRT');
  });

  const timeout = soak ? 3_600_000 : 120_000;
  // The HTTP/2 server of Node 22, which the peer has, ends its process by an assertion when streams are reset like this.
  it.skipIf(process.versions.node.startsWith('22.'))(
    `survives ${calls} calls that are cut, aborted, late, left early, too large or answered with what does not inflate`,
    {
      timeout,
    },
    async () => {
      const seed = Number(process.env.HAWSER_SEED ?? Math.floor(Math.random() * 1e6));
      console.log(`gzip: seed ${seed}, ${calls} calls`);
      const { client, peer } = await gzipRun(seed, calls);
      console.log(`gzip: ${client.stdout.trim()}`);
      expect(client.stderr).toBe('');
      expect(peer.stderr).toBe('');
      expect([client.code, client.signal, peer.code, peer.signal]).toEqual([0, null, 0, null]);
      const became = JSON.parse(client.stdout) as Record<string, number>;
      expect(Object.values(became).reduce((a, b) => a + b, 0)).toBe(calls);
      // Each thing that is to be survived took place.
      const kinds = ['ended', 'CANCELLED', 'DEADLINE_EXCEEDED', 'INTERNAL', 'RESOURCE_EXHAUSTED', 'UNAVAILABLE'];
      for (const kind of kinds) expect(became[kind], kind).toBeGreaterThan(calls / 100);
    },
  );
});
