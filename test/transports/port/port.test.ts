/** One port: each way in, and what each of the promises of a listener comes to there. */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createClient, createServer, type ListenOptions, silentLogger } from 'hawser';
import { describe, expect, it, test } from 'vitest';
import { HealthCheckResponse_ServingStatus as Status } from '../../../gen/grpc/health/v1/health.js';
import { Health } from '../../../gen/grpc/health/v1/health.rpc.js';
import { refusals } from '../../../src/call/refusals.js';
import { runs } from '../../support/soak.js';
import { makeCertificates } from '../grpc/certificates.js';
import { note } from '../grpc/note.js';
import {
  grpcClient,
  type PortServed,
  rawSocket,
  servePort,
  socketPath,
  thriftClient,
  thriftWays,
  until,
} from './port-served.js';

const certificates = makeCertificates();
const { ca, server: own, client: boat } = certificates;

const entries = ['tcp', 'unix', 'tls', 'mutual', 'unix+tls'] as const;
type Entry = (typeof entries)[number];

const serverTls = (entry: Entry) =>
  entry === 'tls' || entry === 'unix+tls'
    ? own
    : entry === 'mutual'
      ? { ...own, ca, requireClientCert: true }
      : undefined;
const clientTls = (entry: Entry) =>
  entry === 'tls' || entry === 'unix+tls'
    ? { tls: { ca, serverName: 'localhost' } }
    : entry === 'mutual'
      ? { tls: { ca, ...boat } }
      : {};

function serveAt(entry: Entry, options: Parameters<typeof servePort>[1] = {}): Promise<PortServed> {
  const address = entry.startsWith('unix') ? socketPath() : '127.0.0.1:0';
  const tls = serverTls(entry);
  return servePort({ address, ...(tls === undefined ? {} : { tls }) }, options);
}

describe.each(entries)('at %s', (entry) => {
  it('serves gRPC, all kinds, and every way to speak Thrift, side by side', async () => {
    const { address } = await serveAt(entry);
    const grpc = grpcClient(address, clientTls(entry));
    expect(await grpc.echo(note('one'))).toEqual(note('one'));
    const listed = [];
    for await (const { number } of grpc.list(note('l', 3))) listed.push(number);
    expect(listed).toEqual([1, 2, 3]);
    expect((await grpc.collect([note('', 1), note('', 2)])).number).toBe(3);
    const chatted = [];
    for await (const { number } of grpc.chat([note('', 7), note('', 8)])) chatted.push(number);
    expect(chatted).toEqual([7, 8]);
    for (const way of thriftWays) {
      const thrift = thriftClient(address, way, clientTls(entry));
      expect(await thrift.echo({ text: way })).toBe(way);
      expect(await thrift.add({ a: 2, b: 3 })).toBe(5);
    }
  });

  it('has health and reflection', async () => {
    const { address, server } = await serveAt(entry);
    const tls = clientTls(entry);
    const scheme = 'tls' in tls ? 'grpcs' : 'grpc';
    const where = address.startsWith('unix:') ? `${scheme}+${address}` : `${scheme}://${address}`;
    const health = createClient(Health, where, tls);
    expect((await health.check({ service: 'hawser.test.v1.Notes' })).status).toBe(Status.SERVING);
    server.setServing(false);
    expect((await health.check({ service: '' })).status).toBe(Status.NOT_SERVING);
    await health.$close();
  });

  it('drains: calls in flight end, and the address is free afterwards', async () => {
    const { address, server, release, calls } = await serveAt(entry);
    const grpc = grpcClient(address, clientTls(entry));
    const thrift = thriftClient(address, 'wire=header', clientTls(entry));
    await thrift.echo({ text: 'open' });
    const inFlight = [grpc.echo(note('slow')), thrift.slow({ text: 'slow' })];
    while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = server.close({ grace: '20s' });
    release();
    expect(await Promise.all(inFlight)).toEqual([note('slow'), 'slow']);
    await closed;
    if (entry.startsWith('unix')) expect(() => statSync(address.slice('unix:'.length))).toThrow(/ENOENT/);
    await expect(grpc.echo(note())).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  });

  it('ends what goes on after the grace, and connections that never said anything', async () => {
    const { address, server } = await serveAt(entry);
    const silent = rawSocket(address);
    await once(silent, 'connect');
    const grpc = grpcClient(address, clientTls(entry));
    const stream = grpc.list(note('slow', 1));
    expect((await stream.next()).value?.number).toBe(1);
    const thrift = thriftClient(address, 'wire=binary', clientTls(entry));
    await thrift.ping({});
    const slow = thrift.slow({ text: '' }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close({ grace: 50 });
    await expect(stream.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await slow).toMatchObject({ code: 'UNAVAILABLE' });
    await until(silent);
  });

  it('holds the limits of each protocol', async () => {
    const { address } = await serveAt(entry, {
      grpc: { maxReceiveBytes: 1_000 },
      thrift: { limits: { maxFrameBytes: 1_000 } },
    });
    await expect(grpcClient(address, clientTls(entry)).echo(note('', 0, new Uint8Array(2_000)))).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'MESSAGE_TOO_LARGE',
    });
    const long = thriftClient(address, 'wire=binary', clientTls(entry)).echo({ text: 'x'.repeat(2_000) });
    await expect(long).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('knows who calls', async () => {
    const { address, calls } = await serveAt(entry);
    await grpcClient(address, clientTls(entry)).echo(note());
    await thriftClient(address, 'wire=compact', clientTls(entry)).echo({ text: '' });
    for (const { peer, principal } of calls) {
      if (entry.startsWith('unix')) expect(peer.address).toBe(address);
      else expect(peer.address).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(principal).toBe(entry === 'mutual' ? 'spiffe://sea/boat-7' : 'anonymous');
    }
    expect(calls).toHaveLength(2);
  });
});

test('port 0 is answered with the address, which serves, beside addresses of their own', async () => {
  const server = createServer({ logger: silentLogger });
  const { port, grpc, thrift } = await server.listen({
    port: '127.0.0.1:0',
    grpc: '127.0.0.1:0',
    thrift: '127.0.0.1:0',
  });
  expect(new Set([port, grpc, thrift]).size).toBe(3);
  for (const where of [port, grpc]) {
    const health = createClient(Health, where);
    expect((await health.check({ service: '' })).status).toBe(Status.SERVING);
    await health.$close();
  }
  await server.close({ grace: 0 });
});

test('what cannot be meant is refused by name', async () => {
  const listen = (options: object, given = {}) =>
    createServer({ logger: silentLogger, ...given }).listen(options as ListenOptions);
  await expect(listen({ port: 8080 })).rejects.toThrow(/cannot serve gRPC and Thrift on 8080: write host:port/);
  await expect(listen({ port: '127.0.0.1:0' }, { grpc: { engine: 'node' } })).rejects.toThrow(/engine: 'node'/);
  await expect(listen({ port: { address: '127.0.0.1:0', openingTimeout: -1 } })).rejects.toThrow(
    /openingTimeout is -1/,
  );
  await expect(listen({ port: { address: '127.0.0.1:0', openingTimeot: 1 } })).rejects.toThrow(
    /did you mean openingTimeout/,
  );
});

describe('with mutual TLS', () => {
  it('turns away a client without a certificate, over both protocols', async () => {
    const { address, calls, lines } = await serveAt('mutual');
    await expect(grpcClient(address, { tls: { ca } }).echo(note())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(thriftClient(address, 'wire=binary', { tls: { ca } }).ping({})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(calls).toEqual([]);
    expect(lines.map(({ fields }) => fields.reason)).toContain('TLS_HANDSHAKE');
  });
});

describe('without TLS where there must be', () => {
  it.each([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', /^HTTP\/1\.1 400 Bad Request[\s\S]*takes TLS only/],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /this port takes TLS only; write grpcs:/],
    ['Thrift', '\0\0\0\x20\x80\x01\0\x01', /^$/],
  ])('%s is refused in its own words, and never served', async (name, bytes, answer) => {
    const { address, lines } = await serveAt('tls');
    const socket = rawSocket(address);
    socket.end(Buffer.from(bytes, 'latin1'));
    expect((await until(socket)).toString('latin1')).toMatch(answer);
    expect(lines.map(({ message }) => message).join()).toContain(`it speaks ${name}, without TLS`);
  });
});

describe('refused in the words of what it resembles', () => {
  const cases: readonly (readonly [string, Buffer, RegExp, RegExp])[] = [
    [
      'HTTP/1.1',
      Buffer.from('POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc'),
      /^HTTP\/1\.1 505 [\s\S]*gRPC over HTTP\/2, and Thrift/,
      /HTTP\/1\.1/,
    ],
    ['TLS', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]), /^[\s\S]{6}\($/, /speaks TLS/],
    ['a PROXY header', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n'), /^$/, /PROXY header/],
    ['SSH', Buffer.from('SSH-2.0-x\r\n'), /^$/, /no protocol that is known/],
  ];
  it.each(cases)('%s', async (_name, bytes, answer, sentence) => {
    const before = refusals('OPENING_UNKNOWN');
    const { address, lines } = await serveAt('tcp');
    const socket = rawSocket(address);
    socket.write(bytes);
    expect((await until(socket)).toString('latin1')).toMatch(answer);
    expect(refusals('OPENING_UNKNOWN')).toBe(before + 1);
    const line = lines.find(({ fields }) => fields.reason === 'OPENING_UNKNOWN');
    expect(line?.message).toMatch(sentence);
    expect(line?.fields.peer).toMatch(/^127\.0\.0\.1:/);
  });

  it('HTTP/1.1 inside TLS, by its name in the handshake', async () => {
    const { address } = await serveAt('tls');
    const socket = connectTls({
      port: Number(address.split(':')[1]),
      ca,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.write('GET / HTTP/1.1\r\n\r\n');
    expect((await until(socket)).toString()).toMatch(/^HTTP\/1\.1 505/);
  });
});

test('an opening may be cut at every byte, with and without TLS', async () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
  const call = Buffer.from('\0\0\0\x11\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\0', 'latin1');
  const openings = [
    { bytes: preface, answers: (got: Buffer) => got[3] === 4 },
    { bytes: call, answers: (got: Buffer) => got.includes('ping') },
    { bytes: call.subarray(4), answers: (got: Buffer) => got.includes('ping') },
  ];
  for (const tls of [false, true]) {
    const { address } = await serveAt(tls ? 'tls' : 'tcp');
    for (const { bytes, answers } of openings) {
      const results = Array.from({ length: bytes.length - 1 }, async (_, cut) => {
        const socket: Socket = tls
          ? connectTls({ port: Number(address.split(':')[1]), ca, servername: 'localhost' })
          : rawSocket(address);
        await once(socket, tls ? 'secureConnect' : 'connect');
        socket.setNoDelay(true);
        socket.write(bytes.subarray(0, cut + 1));
        await new Promise((resolve) => setTimeout(resolve, 20));
        socket.write(bytes.subarray(cut + 1));
        const [got] = (await once(socket, 'data')) as [Buffer];
        socket.destroy();
        return answers(got);
      });
      expect(await Promise.all(results)).toEqual(results.map(() => true));
    }
  }
});

describe('an opening that never ends', () => {
  it.each([
    ['says nothing', []],
    ['stops within the preface of HTTP/2', ['PRI * HT']],
    ['comes a byte at a time', ['P', 'R', 'I', ' ', '*', ' ', 'H', 'T']],
    ['stops within the handshake of TLS', ['\x16\x03\x01\x02\x00\x01']],
  ])('is closed at the timeout when it %s', async (_name, pieces) => {
    const tls = pieces[0]?.startsWith('\x16') === true ? { tls: own } : {};
    const { address, lines } = await servePort({ address: '127.0.0.1:0', openingTimeout: '300ms', ...tls });
    const socket = rawSocket(address);
    const begun = performance.now();
    const timer = setInterval(() => {
      const piece = pieces.shift();
      if (piece !== undefined && !socket.destroyed) socket.write(Buffer.from(piece, 'latin1'));
    }, 50);
    await until(socket);
    clearInterval(timer);
    expect(performance.now() - begun).toBeGreaterThan(200);
    expect(lines.map(({ message }) => message).join()).toMatch(/did not come within 300 ms \(openingTimeout\)/);
  });

  it('a crowd of them is gone after the timeout, and others are served meanwhile', async () => {
    const crowd = Math.min(10_000, runs(500));
    const before = refusals('OPENING_TIMEOUT');
    const { address } = await servePort({ address: '127.0.0.1:0', openingTimeout: '2s' });
    let closed = 0;
    const sockets: Socket[] = [];
    for (let i = 0; i < crowd; i++) {
      const socket = rawSocket(address);
      socket.once('close', () => closed++);
      sockets.push(socket);
      if (i % 100 === 99) await once(socket, 'connect');
    }
    expect(await grpcClient(address).echo(note('among them'))).toEqual(note('among them'));
    expect(await thriftClient(address, 'wire=binary').echo({ text: 'too' })).toBe('too');
    for (const socket of sockets) await until(socket);
    expect(closed).toBe(crowd);
    expect(refusals('OPENING_TIMEOUT')).toBe(before + crowd);
  });
});
