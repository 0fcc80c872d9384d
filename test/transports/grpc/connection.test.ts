/** What a client makes of its connections: servers by hand, on node:http2 and on bare sockets. */
import { execFile } from 'node:child_process';
import { constants, createServer as createHttp2, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RpcError } from '../../../src/call/rpc-error.js';
import { framed } from '../../../src/transports/grpc/client-call.js';
import { runs } from '../../support/soak.js';
import { note, noteCodec } from './note.js';
import { connect, drain, serve } from './wire.js';

type OnStream = (stream: ServerHttp2Stream, count: number) => void;

interface ByHand {
  readonly address: string;
  readonly sessions: Http2Session[];
  /** Streams that came. */
  count(): number;
}

async function byHand(onStream: OnStream): Promise<ByHand> {
  const sessions: Http2Session[] = [];
  let count = 0;
  const server = createHttp2();
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream) => {
    count += 1;
    stream.on('error', () => {});
    stream.resume();
    onStream(stream, count);
  });
  const address = await listening(server);
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address, sessions, count: () => count };
}

async function listening(server: Pick<Server, 'listen' | 'address'>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const type = { 'content-type': 'application/grpc' };

/** Answers as an echo with the given text would. */
function answer(stream: ServerHttp2Stream, text = 'answer'): void {
  stream.respond({ ':status': 200, ...type }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed(noteCodec.encode(note(text), 'proto')));
}

const errorOf = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => error as RpcError,
  );

describe('a stream that the server never looked at', () => {
  it('is tried once more, unseen', async () => {
    const { address, count } = await byHand((stream, n) => {
      if (n === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream);
    });
    expect(await connect(address).echo(note())).toEqual(note('answer'));
    expect(count()).toBe(2);
  });

  it('is an error that proves it did not run when it happens again', async () => {
    const { address, count } = await byHand((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const error = await errorOf(connect(address).echo(note()));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'REFUSED', disposition: 'not-executed' });
    expect(count()).toBe(2);
  });

  it('is not tried again when its requests come from a stream', async () => {
    const { address, count } = await byHand((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    expect(await errorOf(connect(address).collect([note()]))).toMatchObject({ reason: 'REFUSED' });
    expect(count()).toBe(1);
  });
});

describe('a server that goes away', () => {
  it('finishes what it has, and gets nothing new', async () => {
    const held: ServerHttp2Stream[] = [];
    const { address, sessions } = await byHand((stream, n) => {
      if (n === 1) held.push(stream);
      else answer(stream, 'second');
    });
    const client = connect(address);
    const first = client.echo(note());
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR);
    while ((await client.echo(note())).text !== 'second' || sessions.length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    answer(held[0] as ServerHttp2Stream, 'first');
    expect(await first).toEqual(note('first'));
  });

  it('without a word leaves open what it did', async () => {
    const { address, sessions } = await byHand((_stream, n) => {
      if (n === 1) sessions[0]?.destroy();
    });
    const error = await errorOf(connect(address).echo(note()));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'CONNECTION_LOST', disposition: 'unknown' });
  });
});

describe('an answer that is not of gRPC', () => {
  it.each([
    [400, 'INTERNAL'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'UNIMPLEMENTED'],
    [429, 'UNAVAILABLE'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'UNAVAILABLE'],
    [500, 'UNKNOWN'],
    [200, 'UNKNOWN'],
  ])('with HTTP %i is %s', async (status, code) => {
    const { address } = await byHand((stream) => {
      stream.respond({ ':status': status, 'content-type': 'text/html' });
      stream.end('<html>');
    });
    const client = connect(address);
    for (const error of [await errorOf(client.echo(note())), (await drain(client.list(note()))).error as RpcError]) {
      expect(error).toMatchObject({ code, reason: 'NO_STATUS', disposition: 'unknown' });
      expect(error.message).toContain(`HTTP ${status} and text/html`);
    }
  });

  it('that ends without a status says so', async () => {
    const { address } = await byHand((stream) => {
      stream.respond({ ':status': 200, ...type });
      stream.end(framed(noteCodec.encode(note('x'), 'proto')));
    });
    const client = connect(address);
    expect(await errorOf(client.echo(note()))).toMatchObject({ code: 'UNKNOWN', reason: 'NO_STATUS' });
    const { items, error } = await drain(client.list(note()));
    expect(items).toEqual([note('x')]);
    expect(error).toMatchObject({ code: 'UNKNOWN', reason: 'NO_STATUS' });

    const headersAlone = await byHand((stream) => stream.respond({ ':status': 200, ...type }, { endStream: true }));
    expect(await errorOf(connect(headersAlone.address).echo(note()))).toMatchObject({
      code: 'UNKNOWN',
      reason: 'NO_STATUS',
      message: 'the answer ended without a grpc-status',
    });
  });

  it('whose last message is cut off is an error, not an answer', async () => {
    const { address } = await byHand((stream) => {
      stream.respond({ ':status': 200, ...type }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed(Buffer.alloc(10)).subarray(0, 8));
    });
    expect(await errorOf(connect(address).echo(note()))).toMatchObject({ code: 'INTERNAL' });
  });

  it.each(['', 'x', '-1', '99', '0x0'])('whose grpc-status is %j is UNKNOWN', async (status) => {
    const { address } = await byHand((stream) => {
      stream.respond({ ':status': 200, ...type, 'grpc-status': status, 'grpc-message': '100%' }, { endStream: true });
    });
    const error = await errorOf(connect(address).echo(note()));
    expect(error).toMatchObject({ code: 'UNKNOWN', message: '100%' });
  });

  it.each([
    [constants.NGHTTP2_CANCEL, 'CANCELLED'],
    [constants.NGHTTP2_ENHANCE_YOUR_CALM, 'RESOURCE_EXHAUSTED'],
    [constants.NGHTTP2_INADEQUATE_SECURITY, 'PERMISSION_DENIED'],
    [constants.NGHTTP2_INTERNAL_ERROR, 'INTERNAL'],
  ])('a reset with code %i is %s', async (rst, code) => {
    const { address } = await byHand((stream) => stream.close(rst));
    const error = await errorOf(connect(address).echo(note()));
    expect(error).toMatchObject({ code, reason: 'STREAM_RESET', disposition: 'unknown' });
  });
});

describe('a server that is not there', () => {
  it('is not asked again at once, and found when it comes', async () => {
    const { address } = await serve();
    const port = Number(address.split(':')[1]);
    const dead = createTcp();
    const gone = await listening(dead);
    await new Promise<void>((resolve) => dead.close(() => resolve()));
    const client = connect(gone, { reconnect: { initial: 2_000, max: 2_000 } });
    const failed = { code: 'UNAVAILABLE', reason: 'CONNECT_FAILED', disposition: 'not-executed' };
    expect(await errorOf(client.echo(note()))).toMatchObject(failed);
    let tries = 0;
    const proxy = createTcp((socket) => {
      tries += 1;
      socket.on('error', () => {});
      const upstream = new (socket.constructor as new () => Socket)().connect(port, '127.0.0.1');
      upstream.on('error', () => {});
      socket.pipe(upstream).pipe(socket);
      onTestFinished(() => {
        socket.destroy();
        upstream.destroy();
      });
    });
    await new Promise<void>((resolve) => proxy.listen(Number(gone.split(':')[1]), '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    expect(await errorOf(client.echo(note()))).toMatchObject(failed);
    expect(tries).toBe(0);
    const found = () =>
      client.echo(note('there')).then(
        ({ text }) => text,
        () => '',
      );
    await expect.poll(found, { timeout: 15_000, interval: 50 }).toBe('there');
    expect(tries).toBe(1);
  });
});

describe('a server that says anything', () => {
  it('never makes a call hang, nor the process fall', async () => {
    const preface = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const frame = fc
      .tuple(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 0, max: 5 }),
        fc.uint8Array({ maxLength: 40 }),
      )
      .map(([kind, flags, stream, payload]) =>
        Buffer.concat([Buffer.from([0, 0, payload.byteLength, kind, flags, 0, 0, 0, stream]), payload]),
      );
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(frame, { maxLength: 8 }), async (polite, frames) => {
        const sockets: Socket[] = [];
        const server = createTcp((socket) => {
          sockets.push(socket);
          socket.on('error', () => {});
          if (polite) socket.write(preface);
          socket.once('data', () => socket.end(Buffer.concat(frames)));
        });
        const client = connect(await listening(server), { connectTimeout: 200 });
        // Each is waited for at once: the second may fail before the first.
        const ends = [client.echo(note(), { timeout: 200 }), client.collect([note()], { timeout: 200 })].map(errorOf);
        for (const end of ends) expect(await end).toHaveProperty('disposition');
        for (const socket of sockets) socket.destroy();
        server.close();
      }),
      { numRuns: runs(30) },
    );
  });
});

it('a program ends when its calls are over, with the client left open', async () => {
  const { address } = await serve();
  const script = `
    import { connect } from 'node:net';
    import { Call } from './src/call/call.js';
    import { grpcTransport } from './src/transports/grpc/client.js';
    import { Notes, note, noteCodec } from './test/transports/grpc/note.js';
    const method = Notes.methods.echo;
    const handler = grpcTransport({ address: ${JSON.stringify(address)} }).bind(method);
    const request = noteCodec.encode(note('x'), 'proto');
    await handler(new Call({ method, side: 'client', encoding: 'proto', request }));
    console.log('answered');
  `;
  const stdout = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      ['--conditions=hawser-source', '--import', 'tsx', '--input-type=module', '-e', script],
      { timeout: 15_000 },
      (error, text) => (error === null ? resolve(text) : reject(error)),
    );
  });
  expect(stdout).toBe('answered\n');
});
