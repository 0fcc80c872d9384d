import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import type { HeaderMap } from '../../../src/call/headers.js';
import { type Note, note } from './note.js';
import { connect, drain, pair, rawClient, rawEcho, rawServer, serve } from './wire.js';

test('a unary call brings its response back', async () => {
  const { client } = await pair();
  expect(await client.echo(note('halibut', 7, Buffer.from([0, 255])))).toEqual(
    note('halibut', 7, Buffer.from([0, 255])),
  );
});

test('an empty message is a message', async () => {
  const { client } = await pair();
  expect(await client.echo(note())).toEqual(note());
  expect((await drain(client.chat([note(), note()]))).items).toEqual([note(), note()]);
});

test('10,000 messages of a server stream arrive in order', async () => {
  const { client } = await pair();
  const { items, error } = await drain(client.list(note('x', 10_000)));
  expect(error).toBeUndefined();
  expect(items.map((item) => item.number)).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
});

test('10,000 messages go both ways through a bidi stream in order', async () => {
  const { client } = await pair();
  const sent = Array.from({ length: 10_000 }, (_, i) => note('x', i));
  expect((await drain(client.chat(sent))).items.map((item) => item.number)).toEqual(sent.map((item) => item.number));
});

test('a client stream of 10,000 messages gets one answer', async () => {
  const { client } = await pair();
  const sent = Array.from({ length: 10_000 }, () => note('', 1));
  expect((await client.collect(sent)).number).toBe(10_000);
});

test('a bidi stream answers each message before the next is sent', async () => {
  const { client } = await pair();
  let release: (() => void) | undefined;
  async function* asking(): AsyncGenerator<Note> {
    for (let i = 0; i < 5; i++) {
      const answered = new Promise<void>((resolve) => {
        release = resolve;
      });
      yield note('q', i);
      await answered;
    }
  }
  const seen: number[] = [];
  for await (const answer of client.chat(asking())) {
    seen.push(answer.number);
    release?.();
  }
  expect(seen).toEqual([0, 1, 2, 3, 4]);
});

test('headers, binary headers, response headers and trailers travel', async () => {
  let seen: HeaderMap | undefined;
  const { client } = await pair({
    echo: (request, call) => {
      seen = call.headers;
      call.responseHeaders.set('x-answer', 'yes').append('x-many', 'a').append('x-many', 'b');
      call.responseTrailers.set('x-cost-bin', Buffer.from([1, 2, 255]));
      return request;
    },
  });
  const headers = { 'x-tenant': 'acme', 'x-trace-bin': Buffer.from([0, 254]), 'x-many': ['1', '2'] };
  const call = client.echo(note('a'), { headers });
  await call;
  expect(seen?.get('x-tenant')).toBe('acme');
  expect(Buffer.from(seen?.getBinary('x-trace-bin') ?? [])).toEqual(Buffer.from([0, 254]));
  // Node's HTTP/2 joins them.
  expect([...(seen?.getAll('x-many') ?? [])].join(', ')).toBe('1, 2');
  const answered = await call.headers;
  expect(answered.get('x-answer')).toBe('yes');
  expect(Buffer.from((await call.trailers).getBinary('x-cost-bin') ?? [])).toEqual(Buffer.from([1, 2, 255]));
  expect(call.peer.address).toMatch(/^127\.0\.0\.1:\d+$/);
});

test('a handler that passes on the headers it got breaks nothing', async () => {
  const { client } = await pair({
    echo: (request, call) => {
      for (const [name, value] of call.headers) {
        call.responseHeaders.append(name, value);
        call.responseTrailers.append(name, value);
      }
      return request;
    },
  });
  const hostile = {
    connection: 'close',
    'content-length': '3',
    'content-type': 'text/plain',
    te: 'gzip',
    'transfer-encoding': 'chunked',
    host: 'elsewhere',
    'grpc-status': '13',
    'grpc-timeout': '1n',
    etag: ['a', 'b'],
    'x-space': '  padded ',
  };
  const call = client.echo(note('a'), { headers: hostile });
  expect(await call).toEqual(note('a'));
  expect((await call.headers).get('x-space')).toBe('padded');
});

test('the response headers of a stream come before its first message', async () => {
  const { client } = await pair({
    async *list(_request, call) {
      call.responseHeaders.set('x-open', '1');
      await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
      yield note();
    },
  });
  const stream = client.list(note());
  expect((await stream.headers).get('x-open')).toBe('1');
  await stream.return?.();
});

test('raw grpc-js clients call every kind', async () => {
  const { address } = await serve();
  const client = rawClient(address);
  expect((await rawEcho(client, note('raw', 1))).response).toEqual(note('raw', 1));
  expect((await drain<Note>(client.list(note('x', 3)))).items.map((one) => one.number)).toEqual([1, 2, 3]);
  const sum = await new Promise<Note | undefined>((resolve) => {
    const stream = client.collect((_error, response) => resolve(response));
    stream.write(note('', 2));
    stream.write(note('', 3));
    stream.end();
  });
  expect(sum?.number).toBe(5);
  const chat = client.chat();
  chat.write(note('a', 1));
  chat.write(note('b', 2));
  chat.end();
  expect((await drain<Note>(chat)).items.map((one) => one.text)).toEqual(['a', 'b']);
});

test('every kind calls a raw grpc-js server', async () => {
  const { address } = await rawServer({
    echo: (call: grpc.ServerUnaryCall<Note, Note>, callback: grpc.sendUnaryData<Note>) => {
      const trailers = new grpc.Metadata();
      trailers.set('x-trailer', 't');
      const headers = new grpc.Metadata();
      headers.set('x-seen', String(call.metadata.get('x-tenant')[0]));
      call.sendMetadata(headers);
      callback(null, call.request, trailers);
    },
    list: (call: grpc.ServerWritableStream<Note, Note>) => {
      for (let i = 0; i < call.request.number; i++) call.write(note('x', i));
      call.end();
    },
    collect: (call: grpc.ServerReadableStream<Note, Note>, callback: grpc.sendUnaryData<Note>) => {
      let sum = 0;
      call.on('data', (one: Note) => {
        sum += one.number;
      });
      call.on('end', () => callback(null, note('sum', sum)));
    },
    chat: (call: grpc.ServerDuplexStream<Note, Note>) => {
      call.on('data', (one: Note) => call.write(one));
      call.on('end', () => call.end());
    },
  });
  const client = connect(address);
  const call = client.echo(note('a'), { headers: { 'x-tenant': 'acme' } });
  expect(await call).toEqual(note('a'));
  expect((await call.headers).get('x-seen')).toBe('acme');
  expect((await call.trailers).get('x-trailer')).toBe('t');
  expect((await drain(client.list(note('', 100)))).items).toHaveLength(100);
  expect((await client.collect([note('', 4), note('', 5)])).number).toBe(9);
  expect((await drain(client.chat([note('p'), note('q')]))).items.map((one) => one.text)).toEqual(['p', 'q']);
});

test('a unix socket carries calls, and the peer has its name', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'hawser-')), 'grpc.sock');
  let peer = '';
  const { client, address } = await pair(
    {
      echo: (request, call) => {
        peer = call.peer.address;
        return request;
      },
    },
    { server: { address: `unix:${path}` } },
  );
  expect(address).toBe(`unix:${path}`);
  expect(await client.echo(note('a'))).toEqual(note('a'));
  expect(peer).toBe(`unix:${path}`);
});

test('an unknown method of a known service, and an unknown service, are UNIMPLEMENTED and not executed', async () => {
  const { address } = await serve();
  for (const path of ['/hawser.test.v1.Notes/Nothing', '/no.such/Service']) {
    const client = new grpc.Client(address, grpc.credentials.createInsecure());
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      const identity = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(path, identity, identity, Buffer.alloc(0), resolve);
    });
    expect(error?.code).toBe(grpc.status.UNIMPLEMENTED);
    expect(error?.details).toBe(`the server has no method ${path}`);
    expect(error?.metadata.get('hawser-disposition')).toEqual(['not-executed']);
    client.close();
  }
});

test('a non-ASCII header of a foreign client costs that header, not the call', async () => {
  const { connect: connectHttp2 } = await import('node:http2');
  let names: string[] = [];
  const { address } = await serve({
    echo: (request, call) => {
      names = [...call.headers].map(([name]) => name);
      return request;
    },
  });
  const session = connectHttp2(`http://${address}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/hawser.test.v1.Notes/Echo',
    'content-type': 'application/grpc',
    te: 'trailers',
    'x-odd': 'caf\u00e9',
    'x-fine': 'ok',
  });
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
  const [trailers] = (await once(stream.resume(), 'trailers')) as [Record<string, string>];
  expect(trailers['grpc-status']).toBe('0');
  expect(names).toContain('x-fine');
  expect(names).not.toContain('x-odd');
  session.close();
});

test('response headers that are set after a first wait leave with the first message; after that to set one is a TypeError', async () => {
  const late: unknown[] = [];
  const { client } = await pair({
    async *chat(requests, call) {
      for await (const request of requests) {
        try {
          call.responseHeaders.set('x-late', request.text);
        } catch (error) {
          late.push(error);
        }
        yield request;
      }
    },
  });
  async function* two() {
    yield note('one');
    yield note('two');
  }
  const stream = client.chat(two());
  expect((await drain(stream)).items.map(({ text }) => text)).toEqual(['one', 'two']);
  expect((await stream.headers).get('x-late')).toBe('one');
  expect(late).toEqual([
    new TypeError(
      'the header x-late cannot be changed: the headers of the response have been sent; set them before the first message, or use responseTrailers',
    ),
  ]);
});

test('response headers of a stream without a message leave with its end', async () => {
  const { client } = await pair({
    async *list(_request, call) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      call.responseHeaders.set('x-late', 'yes');
    },
  });
  const stream = client.list(note());
  expect((await drain(stream)).items).toEqual([]);
  expect((await stream.headers).get('x-late')).toBe('yes');
});
