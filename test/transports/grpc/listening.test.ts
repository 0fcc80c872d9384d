/** Binding, mounting, closing, and bytes that are not gRPC. */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { mountGrpc } from '../../../src/transports/grpc/mount.js';
import { deferred } from '../../support/served.js';
import { type Note, Notes, note } from './note.js';
import { connect, dispatcher, drain, echoing, RawNotes, rawClient, rawEcho, serve } from './wire.js';

test('a port in use is named, with the way out', async () => {
  const { address } = await serve();
  await expect(serve({}, { address })).rejects.toThrow(
    `cannot serve gRPC on ${address}: another server listens there already; stop it, or use another address (port 0 finds a free port) (EADDRINUSE)`,
  );
});

test.each(['localhost', '127.0.0.1', '127.0.0.1:99999', 'a b:1', 'http://127.0.0.1:1', ''])(
  'the address %j is refused as not meant',
  async (address) => {
    await expect(serve({}, { address })).rejects.toThrow(TypeError);
    await expect(serve({}, { address })).rejects.toThrow(/^cannot serve gRPC on .*(write host:port|a port is)/);
  },
);

test('an address of another machine is refused with a sentence', async () => {
  await expect(serve({}, { address: '192.0.2.1:0' })).rejects.toThrow(/this machine has no such address/);
});

test('IPv6 addresses are bound and named in brackets', async () => {
  const { address } = await serve({}, { address: '[::1]:0' });
  expect(address).toMatch(/^\[::1\]:\d+$/);
  expect(await connect(address).echo(note('six'))).toEqual(note('six'));
});

test('the socket file of a server that died is taken over, that of one that lives is not', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'hawser-')), 'grpc.sock');
  const crash = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', crash]);
  expect(existsSync(path)).toBe(true);
  const { address } = await serve({}, { address: `unix:${path}` });
  await expect(serve({}, { address })).rejects.toThrow(/another server listens there already/);
  expect(await connect(address).echo(note('u'))).toEqual(note('u'));
});

test('services are mounted beside others on a grpc-js server of the user', async () => {
  const server = new grpc.Server();
  mountGrpc(server, dispatcher([[Notes, echoing]]));
  expect(() => server.addService(RawNotes, {})).toThrow(/already/);
  expect(() => mountGrpc(server, dispatcher([[Notes, echoing]]))).toThrow(/hawser\.test\.v1\.Notes\/Echo already/);
  server.register(
    '/other.Service/Ping',
    (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, Buffer.from('pong')),
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    'unary',
  );
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  onTestFinished(() => server.forceShutdown());
  const client = connect(`127.0.0.1:${port}`);
  expect(await client.echo(note('a'))).toEqual(note('a'));
  expect((await drain(client.list(note('x', 30)))).items).toHaveLength(30);
  expect((await client.collect([note('', 1), note('', 2)])).number).toBe(3);
  expect((await drain(client.chat([note('p')]))).items).toEqual([note('p')]);
  const raw = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const identity = (bytes: Buffer): Buffer => bytes;
  const pong = await new Promise((resolve) =>
    raw.makeUnaryRequest('/other.Service/Ping', identity, identity, Buffer.alloc(0), (_error, bytes) => resolve(bytes)),
  );
  expect(String(pong)).toBe('pong');
  raw.close();
});

test('a mount that meets a taken path leaves nothing registered', async () => {
  const server = new grpc.Server();
  server.addService({ collect: RawNotes.collect }, {});
  expect(() => mountGrpc(server, dispatcher([[Notes, echoing]]))).toThrow(/Notes\/Collect already/);
  expect(server.unregister('/hawser.test.v1.Notes/Echo')).toBe(false);
});

test('close lets calls in flight end, and takes no new ones', async () => {
  const go = deferred();
  const begun = deferred();
  const listener = await serve({
    echo: async (request) => {
      begun.resolve();
      await go.promise;
      return request;
    },
  });
  const client = connect(listener.address);
  const call = client.echo(note('in flight'));
  call.catch(() => {});
  await begun.promise;
  const closed = listener.close(10_000);
  const late = connect(listener.address)
    .echo(note())
    .catch((error: unknown) => error);
  expect(await late).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  go.resolve();
  expect(await call).toEqual(note('in flight'));
  await closed;
});

test('close ends streams that stay open, after the grace, with UNAVAILABLE', async () => {
  let reason: unknown;
  const listener = await serve({
    async *list(_request, call) {
      yield note('first');
      await new Promise<void>((resolve) =>
        call.signal.addEventListener('abort', () => {
          reason = call.signal.reason;
          resolve();
        }),
      );
    },
  });
  const stream = connect(listener.address).list(note());
  await stream.headers;
  const closed = listener.close(50);
  const { items, error } = await drain(stream);
  expect(items).toEqual([note('first')]);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'SHUTDOWN', disposition: 'executed' });
  expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
  await closed;
});

test('close ends although a client reads nothing and another never spoke', async () => {
  const listener = await serve({
    async *list() {
      for (;;) yield note('', 0, Buffer.alloc(60_000));
    },
  });
  const [host, port] = listener.address.split(':') as [string, string];
  const mute = connectTcp(Number(port), host);
  await new Promise<void>((resolve) => mute.once('connect', resolve));
  mute.on('error', () => {});
  const stalled = rawClient(listener.address).list(note());
  stalled.on('error', () => {});
  await new Promise((resolve) => stalled.once('readable', resolve));
  await listener.close(20);
  await listener.close(20);
});

/** Sends bytes, resolves when the server has closed the connection or said all it has to say. */
function speak(address: string, bytes: Uint8Array): Promise<void> {
  const [host, port] = address.split(':') as [string, string];
  return new Promise((resolve) => {
    const socket: Socket = connectTcp(Number(port), host, () => socket.end(bytes));
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    // Node leaves a connection open that it has said GOAWAY to.
    socket.setTimeout(1_000, () => socket.destroy());
    socket.resume();
  });
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

test.each([
  ['an HTTP/1.1 request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['random bytes', randomBytes(4096)],
  ['a preface and nothing', preface],
  ['a preface and random bytes', Buffer.concat([preface, randomBytes(4096)])],
  ['a frame of 16 MB that never comes', Buffer.concat([preface, Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1])])],
  ['settings of 16 MB that never come', Buffer.concat([preface, Buffer.from([255, 255, 255, 4, 0, 0, 0, 0, 0, 1])])],
  ['a TLS hello', Buffer.from('16030100c8010000c40303', 'hex')],
  ['a framed Thrift call', Buffer.from('0000001180010001000000024869000000000000', 'hex')],
])('%s on the port harms nobody', async (_name, bytes) => {
  const { address } = await serve();
  await speak(address, bytes);
  expect(await connect(address).echo(note('alive'))).toEqual(note('alive'));
});

/** A call whose body is these bytes: what the server answers, or how it broke off. */
function body(address: string, path: string, bytes: Uint8Array, end = true): Promise<Record<string, unknown>> {
  const session = connectHttp2(`http://${address}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': `/hawser.test.v1.Notes/${path}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let seen: Record<string, unknown> = {};
  stream.on('response', (headers) => {
    seen = { ...seen, ...headers };
  });
  stream.on('trailers', (trailers) => {
    seen = { ...seen, ...trailers };
  });
  stream.on('error', () => {});
  stream.resume();
  if (end) stream.end(bytes);
  else {
    stream.write(bytes);
    setTimeout(() => stream.close(8), 30);
  }
  return new Promise((resolve) => stream.once('close', () => resolve(seen)));
}

test.each(['Echo', 'List', 'Collect', 'Chat'])(
  'broken message frames for %s end that call and no other',
  async (path) => {
    const { address } = await serve();
    const broken: [string, Buffer, boolean][] = [
      ['nothing', Buffer.alloc(0), true],
      ['half a prefix', Buffer.from([0, 0, 0]), true],
      ['a length of 4 GB', Buffer.from([0, 255, 255, 255, 255, 1]), true],
      ['less than it says', Buffer.from([0, 0, 0, 0, 9, 10]), true],
      ['an unknown flag', Buffer.from([7, 0, 0, 0, 0]), true],
      ['two messages', Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), true],
      ['compressed without an encoding', Buffer.from([1, 0, 0, 0, 1, 0]), true],
      ['a reset in the middle', Buffer.from([0, 0, 0, 0, 9, 10]), false],
    ];
    for (const [, bytes, end] of broken) await body(address, path, bytes, end);
    expect((await body(address, path, Buffer.from([0, 255, 255, 255, 255, 1])))['grpc-status']).toBe('8');
    const client = connect(address);
    expect(await client.echo(note('alive'))).toEqual(note('alive'));
    expect((await drain(client.chat([note('alive')]))).items).toEqual([note('alive')]);
  },
);

test('a call that is not gRPC is refused at the HTTP layer', async () => {
  const { address } = await serve();
  const session = connectHttp2(`http://${address}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/hawser.test.v1.Notes/Echo',
    'content-type': 'text/plain',
  });
  stream.end('hello');
  const status = await new Promise((resolve) => stream.on('response', (headers) => resolve(headers[':status'])));
  expect(status).toBe(415);
});

test('a server that answers garbage gives an error, not a hang', async () => {
  const answers = [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), randomBytes(500), Buffer.alloc(0)];
  for (const answer of answers) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = connect(`127.0.0.1:${(server.address() as { port: number }).port}`);
    const error = await client.echo(note(), { timeout: 5_000 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    server.close();
  }
});

test('responses that are not gRPC messages give an error', async () => {
  const { createServer: createHttp2 } = await import('node:http2');
  const server = createHttp2();
  let answer: (stream: import('node:http2').ServerHttp2Stream) => void = () => {};
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const client = connect(`127.0.0.1:${(server.address() as { port: number }).port}`);
  const cases: [string, typeof answer][] = [
    [
      'UNAVAILABLE',
      (stream) => {
        stream.respond({ ':status': 503 });
        stream.end('<html>');
      },
    ],
    [
      'RESOURCE_EXHAUSTED',
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        stream.end(Buffer.from([0, 255, 255, 255, 255]));
      },
    ],
    [
      'UNIMPLEMENTED',
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end();
      },
    ],
    [
      'UNIMPLEMENTED',
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.alloc(10));
      },
    ],
    [
      'UNKNOWN',
      (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': 'seven' }));
        stream.end(Buffer.alloc(5));
      },
    ],
    ['INTERNAL', (stream) => stream.close(2)],
  ];
  for (const [code, respond] of cases) {
    answer = respond;
    const unary = (await client.echo(note(), { timeout: 5_000 }).catch((error: unknown) => error)) as Error;
    expect(unary).toMatchObject({ code });
    const streamed = await drain(client.list(note(), { timeout: 5_000 }));
    // A stream may have none, or two.
    if (code !== 'UNIMPLEMENTED') expect(streamed.error).toMatchObject({ code });
    const collected = await client.collect([note()], { timeout: 5_000 }).catch((error: unknown) => error);
    expect(collected).toMatchObject({ code });
  }
});

test('a client reconnects to a server that was restarted on the same port', async () => {
  const first = await serve();
  const client = connect(first.address, { reconnect: { initial: 20, max: 50 } });
  expect(await client.echo(note('1'))).toEqual(note('1'));
  await first.close(0);
  await expect(client.echo(note())).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  await serve({}, { address: first.address });
  let answer: Note | undefined;
  while (answer === undefined) {
    answer = await client.echo(note('2')).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(answer).toEqual(note('2'));
});

test('a raw call after the server closed is refused, and pings keep a silent connection', async () => {
  const { address } = await serve({}, { keepalive: { time: 30, timeout: 20_000 }, maxConcurrentStreams: 10 });
  const client = connect(address, { keepalive: { time: 1_000 } });
  await client.echo(note());
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(await client.echo(note('alive'))).toEqual(note('alive'));
  expect((await rawEcho(rawClient(address), note('raw'))).response).toEqual(note('raw'));
});
