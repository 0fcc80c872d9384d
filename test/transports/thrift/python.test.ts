/** Against Apache Thrift for Python: their clients call our server, our client calls their servers. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from 'hawser';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeWith, hasTool } from '../../requires.js';
import { closeAll, closing, serveParley } from './harness.js';
import { Harbour, Parley } from './parley.js';

const python = '/usr/bin/python3';
const here = import.meta.dirname;
const run = promisify(execFile);
const present = hasTool('thrift', ['--version']) && hasTool(python, ['-c', 'import thrift']);

afterEach(closeAll);

describeWith('the thrift compiler and python3-thrift', present, 'Apache Thrift for Python', () => {
  let genpy = '';

  beforeAll(() => {
    genpy = mkdtempSync(join(tmpdir(), 'parley-'));
    execFileSync('thrift', ['--gen', 'py', '-out', genpy, join(here, 'parley.thrift')], { timeout: 20_000 });
  });

  afterAll(() => rmSync(genpy, { recursive: true, force: true }));

  describe('its client gets from our server what it asks for', () => {
    it.each([
      ['binary', []],
      ['accel', []],
      ['old', []],
      ['compact', []],
      ['binary', ['buffered']],
      ['accel', ['buffered']],
      ['compact', ['buffered']],
      ['header', []],
      ['header', ['compact']],
      ['header', ['zlib']],
      ['header', ['compact', 'zlib']],
      ['binary', ['multiplexed']],
      ['compact', ['multiplexed', 'buffered']],
      ['header', ['multiplexed']],
    ])('over %s %j', async (wire, options) => {
      const served = await serveParley({ unframed: true, zlib: true }, { harbour: options.includes('multiplexed') });
      const { stdout } = await run(
        python,
        [join(here, 'python-client.py'), genpy, String(served.port), wire, ...options],
        {
          timeout: 20_000,
        },
      );
      const seen = JSON.parse(stdout);
      expect(seen).toMatchObject({
        echo: 'héllo € 🐟',
        add: 2147482997,
        blob: 100_000,
        refused: ['not today', 7],
        'after oneway': 'still in step',
        unknown: ['nosuch', 3, 77, 1],
      });
      expect(seen.failed[0]).toBe(6);
      expect(seen.failed[1]).not.toContain('secret');
      expect(served.notes).toEqual(['first', 'second']);
      if (options.includes('multiplexed')) expect(seen.berth).toBe('berth 4');
      if (wire === 'header') {
        expect(seen).toMatchObject({
          header: 'acme',
          answer: { 'x-answer': 'to x-tenant' },
          'no leak': '',
          status: '13',
          'bad timeout': 7,
        });
      }
    });
  });

  describe('its server gives our client what it asks for', () => {
    it.each([
      ['binary', 'TSimpleServer', [], 'wire=binary'],
      ['binary', 'TThreadedServer', [], 'wire=binary'],
      ['compact', 'TThreadedServer', [], 'wire=compact'],
      ['binary', 'TThreadedServer', ['buffered'], 'wire=binary&framing=unframed'],
      ['compact', 'TSimpleServer', ['buffered'], 'wire=compact&framing=unframed'],
      ['header', 'TSimpleServer', [], 'wire=header'],
      ['header', 'TThreadedServer', ['zlib'], 'wire=header&zlib=1'],
      ['binary', 'TThreadedServer', ['multiplexed'], 'wire=binary&service=Parley'],
      ['header', 'TSimpleServer', ['multiplexed'], 'wire=header&service=Parley'],
    ])('%s by %s %j', async (wire, kind, options, query) => {
      const server = spawn(python, [join(here, 'python-server.py'), genpy, wire, kind, ...options], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      closing({ close: () => server.kill('SIGKILL') });
      const port = await new Promise<string>((resolve, reject) => {
        server.stdout.once('data', (chunk: Buffer) => resolve(String(chunk).trim()));
        server.once('exit', (code) => reject(new Error(`python-server.py ended with ${code}`)));
      });
      const address = `thrift://127.0.0.1:${port}?${query}`;
      // A TSimpleServer looks after one connection at a time.
      const client = createClient(Parley, address, { thrift: { maxConnections: kind === 'TSimpleServer' ? 1 : 4 } });
      closing({ close: () => client.$close() });
      await client.ping({});
      expect(await client.echo({ text: 'héllo € 🐟' })).toBe('héllo € 🐟');
      expect(await client.add({ a: -3, b: 2147483000 })).toBe(2147482997);
      expect(await client.blob({ size: 100_000 })).toHaveLength(100_000);
      await expect(client.refuse({ why: 'not today' })).rejects.toMatchObject({ why: 'not today', code: 7 });
      await expect(client.fail({ message: 'x' })).rejects.toMatchObject({
        code: 'UNKNOWN',
        reason: 'THRIFT_INTERNAL_ERROR',
      });
      await client.note({ text: 'heard' });
      const many = Array.from({ length: 100 }, (_, i) => `call ${i}`);
      expect(await Promise.all(many.map((text) => client.echo({ text })))).toEqual(many);
      if (wire === 'header' && kind === 'TSimpleServer') {
        const call = client.header({ name: 'x-tenant' }, { headers: { 'x-tenant': 'acme' } });
        expect(await call).toBe('acme');
        expect((await call.headers).get('x-answer')).toBe('to x-tenant');
        expect(await client.header({ name: 'x-tenant' })).toBe('');
      }
      if (options.includes('multiplexed')) {
        await client.$close();
        const harbour = createClient(Harbour, address.replace('service=Parley', 'service=Harbour'));
        closing({ close: () => harbour.$close() });
        expect(await harbour.berth({ number: 0 })).toBe('["heard"]');
      }
    });
  });
});
