/** grpcio, in Python, as the client and as the server: another implementation's reading of the protocol. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { RpcError } from '../../../src/call/rpc-error.js';
import { describeWith, hasTool } from '../../requires.js';
import { deferred } from '../../support/served.js';
import { note } from './note.js';
import { connect, drain, serve } from './wire.js';

const python = '/usr/bin/python3';
const present = hasTool(python, ['-c', 'import grpc, grpc_tools']);

describeWith('python3 with grpcio and grpcio-tools', present, 'Python grpcio', () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-python-'));
    for (const name of ['note.proto', 'python_peer.py'])
      copyFileSync(join(import.meta.dirname, name), join(folder, name));
    const protoc = ['-m', 'grpc_tools.protoc', '-I.', '--python_out=.', '--grpc_python_out=.', 'note.proto'];
    const { status, stderr } = spawnSync(python, protoc, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('calls every kind of method of ours', async () => {
    const cancelled = deferred();
    const aborted: unknown[] = [];
    const seen: unknown[] = [];
    const { address } = await serve(
      {
        echo: async (request, call) => {
          if (request.text === 'fail')
            throw new RpcError('NOT_FOUND', 'no sale of Fisch \u{1f41f}', { reason: 'NO_SALE' });
          if (request.text === 'hang') {
            await new Promise((_resolve, reject) =>
              call.signal.addEventListener('abort', () => reject(call.signal.reason)),
            );
          }
          if (request.text === 'days') return note('', Math.round((call.deadline?.remaining() ?? 0) / 86_400_000));
          seen.push(
            call.headers.get('x-tenant'),
            Buffer.from(call.headers.getBinary('x-trace-bin') ?? []).toString('hex'),
          );
          call.responseHeaders.set('x-answer', 'yes');
          call.responseTrailers.set('x-cost-bin', Buffer.from([1, 2]));
          return request;
        },
        async *list(request, call) {
          for (let i = 0; i < request.number; i++) yield note('', i);
          if (request.text === 'fail') throw new RpcError('ABORTED', 'enough');
          if (request.text !== 'endless') return;
          call.signal.addEventListener('abort', () => {
            aborted.push((call.signal.reason as RpcError).code);
            cancelled.resolve();
          });
          await cancelled.promise;
        },
      },
      { gzip: true },
    );
    const { stdout } = await promisify(execFile)(python, ['python_peer.py', 'client', address], { cwd: folder });
    await cancelled.promise;
    const numbers = Array.from({ length: 1000 }, (_, i) => i);
    expect(JSON.parse(stdout)).toEqual({
      echo: ['py', 7, '00ff'],
      days: 30,
      headers: { 'x-answer': 'yes' },
      trailers: { 'x-cost-bin': '0102' },
      list: numbers,
      collect: 4950,
      chat: numbers.slice(0, 100),
      failure: { code: 'NOT_FOUND', details: 'no sale of Fisch \u{1f41f}', disposition: 'executed', has_status: true },
      late: 'DEADLINE_EXCEEDED',
      first: 0,
      stream_failure: [20, 'ABORTED'],
      large: 'RESOURCE_EXHAUSTED',
    });
    expect(seen).toEqual(['acme', '00fe']);
    expect(aborted).toEqual(['CANCELLED']);
  });

  test('serves every kind of call of ours', async () => {
    const server = spawn(python, ['python_peer.py', 'server'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill());
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const port = (await lines.next()).value as string;
    const client = connect(`127.0.0.1:${port}`, { gzip: true });
    const text = 'zip '.repeat(1_000);
    const call = client.echo(note(text, 1), { headers: { 'x-tenant': 'acme' } });
    expect(await call).toEqual(note(text, 1));
    expect((await call.headers).get('x-seen')).toBe('acme');
    expect(Buffer.from((await call.trailers).getBinary('x-cost-bin') ?? [])).toEqual(Buffer.from([1, 2]));
    const left = (await client.echo(note('left'), { timeout: 50_000 })).number;
    expect(left).toBeGreaterThan(25_000);
    expect(left).toBeLessThanOrEqual(50_000);
    await expect(client.echo(note('fail'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'no sale of Fisch \u{1f41f}',
      disposition: 'unknown',
    });
    expect((await drain(client.list(note('', 1_000)))).items).toHaveLength(1_000);
    const failed = await drain(client.list(note('fail', 200)));
    expect(failed.items).toHaveLength(200);
    expect(failed.error).toMatchObject({ code: 'ABORTED', message: 'enough' });
    expect((await client.collect([note('', 1), note('', 2)])).number).toBe(3);
    expect((await drain(client.chat([note('', 1), note('', 2)]))).items.map((one) => one.number)).toEqual([1, 2]);
    for await (const _one of client.list(note('endless'))) break;
    expect((await lines.next()).value).toBe('cancelled');
  });
});
