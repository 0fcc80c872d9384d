/** What our own HTTP/2 does under gRPC and Node's does not: by hand-made requests and answers. */
import { connect as connectHttp2, createServer as createHttp2, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { note, noteCodec } from './note.js';
import { connect, drain, serve } from './wire.js';

const own = { engine: 'own' } as const;
const path = '/hawser.test.v1.Notes/Echo';
const message = Buffer.from(noteCodec.encode(note('hello'), 'proto'));
const framed = (bytes: Buffer, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};

interface Answer {
  readonly status: unknown;
  readonly code: unknown;
  readonly all: Record<string, unknown>;
}

async function ask(address: string, headers: OutgoingHttpHeaders, body: Buffer): Promise<Answer> {
  const session = connectHttp2(`http://${address}`);
  onTestFinished(() => session.destroy());
  const request = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers };
  const stream = session.request(request);
  stream.on('error', () => {});
  if (request[':method'] === 'GET') stream.end();
  else stream.end(body);
  let all: Record<string, unknown> = {};
  const told = (more: Record<string, unknown>): void => {
    all = { ...all, ...more };
  };
  stream.on('response', told).on('trailers', told);
  stream.resume();
  await new Promise<void>((resolve) => stream.once('close', resolve));
  return { status: all[':status'], code: all['grpc-status'], all };
}

describe('a request', () => {
  const good = framed(message);
  test.each<[string, OutgoingHttpHeaders, Buffer, Partial<Answer>]>([
    ['as it should be', {}, good, { status: 200, code: '0' }],
    ['with a type that has parameters', { 'content-type': 'application/grpc;charset=utf-8' }, good, { code: '0' }],
    ['with the type of protobuf', { 'content-type': 'application/grpc+proto' }, good, { code: '0' }],
    ['that is a GET', { ':method': 'GET' }, good, { status: 405, code: undefined }],
    ['of another codec', { 'content-type': 'application/grpc+foo' }, good, { status: 415, code: undefined }],
    ['without a type', { 'content-type': '' }, good, { status: 415, code: undefined }],
    ['of a method that there is not', { ':path': '/hawser.test.v1.Notes/None' }, good, { status: 200, code: '12' }],
    ['with an encoding that is not known', { 'grpc-encoding': 'zstd' }, good, { code: '12' }],
    ['compressed, and said to be plain', { 'grpc-encoding': 'identity' }, framed(gzipSync(message), 1), { code: '13' }],
    ['compressed, with nothing said', {}, framed(gzipSync(message), 1), { code: '13' }],
    ['with the flag 2', {}, framed(message, 2), { code: '13' }],
    ['with the flag 255', {}, framed(message, 255), { code: '13' }],
    ['with bytes behind the message', {}, Buffer.concat([good, Buffer.from('abc')]), { code: '13' }],
    ['that ends within its message', {}, good.subarray(0, good.length - 1), { code: '13' }],
    ['without a message', {}, Buffer.alloc(0), { code: '12' }],
    ['with two messages', {}, Buffer.concat([good, good]), { code: '12' }],
    ['with an empty timeout', { 'grpc-timeout': '' }, good, { code: '13' }],
    ['with a timeout of nine digits', { 'grpc-timeout': '123456789m' }, good, { code: '13' }],
  ])('%s is answered as the specification says', async (_name, headers, body, answer) => {
    const { address } = await serve({}, own);
    expect(await ask(address, headers, body)).toMatchObject(answer);
  });

  test('with an unknown encoding is told the known ones', async () => {
    const { address } = await serve({}, own);
    const { all } = await ask(address, { 'grpc-encoding': 'zstd' }, good);
    expect(all['grpc-accept-encoding']).toBe('identity,deflate,gzip');
  });

  test('whose header comes twice has two values', async () => {
    let seen: unknown;
    const { address } = await serve(
      {
        echo(request, call) {
          seen = call.headers.getAll('x-many');
          return request;
        },
      },
      own,
    );
    await ask(address, { 'x-many': ['1', '2'] }, good);
    expect(seen).toEqual(['1', '2']);
  });

  test('of a handler that has ended leaves its place, however many came before', async () => {
    const { address } = await serve({}, { ...own, maxConcurrentStreams: 3 });
    const client = connect(address, own);
    for (let i = 0; i < 50; i++) expect((await client.echo(note('a', i))).number).toBe(i);
    for (let i = 0; i < 10; i++) await drain(client.list(note()));
  });

  test('that is cancelled keeps its place until its handler is done', async () => {
    let running = 0;
    let peak = 0;
    const go: (() => void)[] = [];
    const { address } = await serve(
      {
        echo: (request) => {
          peak = Math.max(peak, ++running);
          return new Promise((resolve) => {
            go.push(() => {
              running--;
              resolve(request);
            });
          });
        },
      },
      { ...own, maxConcurrentStreams: 5 },
    );
    const client = connect(address, own);
    for (let i = 0; i < 30; i++) {
      const controller = new AbortController();
      const call = client.echo(note(), { signal: controller.signal }).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 5));
      controller.abort();
      await call;
    }
    expect(peak).toBeLessThanOrEqual(5);
    for (const end of go) end();
  });
});

/** A server that answers as `respond` says, below gRPC. */
async function answering(
  respond: (stream: import('node:http2').ServerHttp2Stream) => void,
): Promise<ReturnType<typeof connect>> {
  const server = createHttp2();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    respond(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return connect(`127.0.0.1:${(server.address() as AddressInfo).port}`, own);
}

describe('an answer', () => {
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  const failure = (client: ReturnType<typeof connect>): Promise<unknown> =>
    client.echo(note()).then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );

  test('with more than one value of a header has them all', async () => {
    const client = await answering((stream) => {
      stream.respond({ ...head, 'x-many': ['1', '2'] }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed(message));
    });
    const call = client.echo(note());
    expect((await call.headers).getAll('x-many')).toEqual(['1', '2']);
    await call;
  });

  test.each<[string, string, string]>([
    ['grpc-status 00', '00', 'UNKNOWN'],
    ['no number', 'ok', 'UNKNOWN'],
    ['a code that there is not', '77', 'UNKNOWN'],
  ])('with a malformed status (%s) is UNKNOWN', async (_name, status, code) => {
    const client = await answering((stream) => {
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
      stream.end(framed(message));
    });
    expect(await failure(client)).toBe(code);
  });
});

test('headers that the server does not take cost their own call alone, however large they are', async () => {
  const { address } = await serve({}, own);
  const client = connect(address, own);
  await client.echo(note());
  const go = new Promise((resolve) => setTimeout(resolve, 100));
  const other = client.collect(
    (async function* () {
      await go;
      yield note('through');
    })(),
  );
  for (const length of [70_000, 1 << 20, 16 << 20]) {
    await expect(client.echo(note(), { headers: { 'x-a': 'a'.repeat(length) } })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'HEADERS_TOO_LARGE',
      disposition: 'not-executed',
    });
  }
  await other;
  await client.echo(note());
});
