/** Whatever befalls a command, the program ends with 0, 1 or 2, and says why. */
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { hawser, runProgram, startProgram } from '../support/program.js';

it.each<[string, number, RegExp]>([
  ['ends with 0', 0, /^$/],
  ['ends with 1', 1, /^$/],
  ['ends with 2', 2, /^$/],
  ['hangs', 1, /^hawser test: it ended before it was done: it waits for something that can no longer come/],
  ['hangs later', 1, /^hawser test: it ended before it was done/],
  ['throws', 1, /^hawser test: Error: thrown/],
  ['rejects', 1, /^hawser test: Error: rejected/],
  ['throws later', 1, /^hawser test: Error: thrown later/],
  ['rejects beside', 1, /^hawser test: Error: rejected beside/],
  ['leaves a handle', 0, /^$/],
])('a command that %s makes the program end with %i', async (fate, code, sentence) => {
  const ended = await runProgram('test/cli/ending-program.ts', [fate]);
  expect(ended.stderr).toMatch(sentence);
  expect(ended.code).toBe(code);
});

const reflection = 'market.v1.TradeHistory/GetLastSale';

async function foreign(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  const server: Http2Server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  return listening(server);
}

async function listening(server: Http2Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it('a server whose reflection ends without an answer makes hawser call end with 1', async () => {
  const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' };
  const address = await foreign((stream) => stream.respond(headers, { endStream: true }));
  const { code, stderr } = await hawser('call', address, reflection, '{}');
  expect(stderr).toMatch(/^hawser call: INTERNAL: the reflection of 127\.0\.0\.1:\d+ ended without an answer/);
  expect(code).toBe(1);
});

it('a server that never answers makes hawser call end with 1 after its timeout', async () => {
  const address = await listening(createTcpServer((socket) => void socket.on('error', () => {})));
  const { code, stderr } = await hawser('call', address, reflection, '{}', '--timeout', '300ms');
  expect(stderr).toMatch(/^hawser call: DEADLINE_EXCEEDED/);
  expect(code).toBe(1);
});

it('output that nobody reads ends hawser with 1 and a sentence', async () => {
  const child = startProgram('src/cli/main.ts', ['--help']);
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, stderr]).toEqual([1, 'hawser: nobody reads its output any more.\n']);
});
