/**
 * The faults of Node's HTTP/2 that were published, put to the engine: docs/security.md lists them by number with the tests that cover
 * them. Here are those that no other attack covers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createClient, createServer, silentLogger } from 'hawser';
import { describe, expect, it } from 'vitest';
import { Connection } from '../../../src/http2/connection.js';
import { ErrorCode } from '../../../src/http2/error-code.js';
import { Flag, FrameType, preface, Setting } from '../../../src/http2/frame.js';
import type { Stream, StreamReceiver } from '../../../src/http2/stream.js';
import { Loop, pipePair } from '../../http2/loop.js';
import {
  Answer,
  Echo,
  echoEvents,
  frame,
  greeting,
  joined,
  RawClient,
  RawServer,
  rawRequest,
  rawResponse,
  request,
  sendHead,
} from '../../http2/talk.js';
import { describeWith, hasTool } from '../../requires.js';
import { Echo as EchoService, note } from '../../support/echo.js';
import { repository } from '../../support/scratch.js';
import { makeCertificates } from '../../transports/grpc/certificates.js';

const { END_HEADERS, END_STREAM } = Flag;
const u32 = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const headers = (id: number, flags: number = END_HEADERS, block: readonly number[] = rawRequest): Uint8Array =>
  frame(FrameType.HEADERS, flags, id, block);
const wide = frame(FrameType.SETTINGS, 0, 0, [0, Setting.INITIAL_WINDOW_SIZE, ...u32(0x7fffffff)]);

describe('a connection that was told GOAWAY for a fault', () => {
  const faults: [string, Uint8Array][] = [
    ['a window above 2^31-1', frame(FrameType.WINDOW_UPDATE, 0, 0, u32(0x7fffffff))],
    ['a frame that no stream may have', frame(FrameType.PING, 0, 1, new Uint8Array(8))],
    ['a header block that does not decode', headers(1, END_HEADERS, [0x80])],
  ];

  it.each(faults)('reads nothing more, ends and leaves nothing behind: %s', (_name, fault) => {
    let accepted = 0;
    const closed: unknown[] = [];
    const client = new RawClient(
      echoEvents({
        accept(stream) {
          accepted += 1;
          sendHead(stream, [[':status', '200']]);
          return new Echo();
        },
        closed: (error) => void closed.push(error),
      }),
    );
    client.send(greeting, frame(FrameType.SETTINGS, Flag.ACK, 0), fault, headers(3), headers(5));
    client.loop.settle();
    client.send(headers(7), frame(FrameType.RST_STREAM, 0, 7, [0]), frame(FrameType.SETTINGS, 0, 0, [0]));
    client.loop.pass(2_000);
    expect([accepted, closed.length, client.server.size]).toEqual([0, 1, 0]);
    expect(client.frames().filter(({ type }) => type === FrameType.GOAWAY)).toHaveLength(1);
    expect(client.serverPipe.destroyed).toBe(true);
    client.loop.pass(60_000);
    expect(client.loop.timers).toBe(0);
  });
});

describe('a connection that is lost', () => {
  it('within a header block, wherever, is over for both ends of the block', () => {
    const whole = joined(
      greeting,
      headers(1, 0, [...rawRequest]),
      frame(FrameType.CONTINUATION, 0, 1, [0x40, 1, 0x61, 1, 0x62]),
      frame(FrameType.CONTINUATION, END_HEADERS, 1, [0xbe]),
    );
    for (let cut = 0; cut <= whole.length; cut++) {
      const closed: unknown[] = [];
      const client = new RawClient(echoEvents({ closed: (error) => void closed.push(error) }));
      client.send(whole.subarray(0, cut));
      client.close();
      client.loop.pass(60_000);
      expect([cut, closed.length, client.server.size, client.loop.timers]).toEqual([cut, 1, 0, 0]);
    }
  });

  it('without a GOAWAY, with streams in every state, keeps none of them', () => {
    const client = new RawClient({
      accept(stream) {
        sendHead(stream, [[':status', '200']]);
        stream.send(new Uint8Array(100_000));
        return new Echo();
      },
    });
    client.send(
      greeting,
      headers(1),
      headers(3, END_HEADERS | END_STREAM),
      frame(FrameType.DATA, 0, 1, [1, 2, 3, 4, 5]),
    );
    client.loop.settle();
    expect(client.server.size).toBe(2);
    client.close();
    client.loop.pass(60_000);
    expect([client.server.size, client.server.unsent, client.loop.timers]).toEqual([0, 0, 0]);
  });
});

describe('memory that was handed to a write', () => {
  it('is not used again before it is taken, though its streams and its connection are ended meanwhile', () => {
    const loop = new Loop();
    const written: { readonly chunk: Uint8Array; readonly was: Uint8Array }[] = [];
    const serve = (): { readonly connection: Connection; readonly send: (...parts: Uint8Array[]) => void } => {
      const [far, near] = pipePair(loop);
      far.receiver = { received: () => {}, written: () => {}, ended: () => {}, lost: () => {} };
      const events = {
        accept(stream: Stream): StreamReceiver {
          sendHead(stream, [[':status', '200']]);
          stream.send(new Uint8Array(2_000).fill(stream.id));
          return new Echo();
        },
      };
      const connection = new Connection({ role: 'server', pipe: near, host: loop, events });
      loop.settle();
      near.write = (chunks) => {
        // Never taken.
        for (const chunk of chunks) written.push({ chunk, was: chunk.slice() });
      };
      return { connection, send: (...parts) => near.arrive(joined(...parts)) };
    };
    const first = serve();
    first.send(preface, wide, headers(1), headers(3));
    loop.settle();
    expect(written.length).toBeGreaterThan(0);
    first.send(frame(FrameType.RST_STREAM, 0, 1, u32(ErrorCode.CANCEL)));
    loop.settle();
    first.connection.fail(ErrorCode.INTERNAL_ERROR, 'the end');
    const before = written.length;
    // Others take chunks now.
    for (let i = 0; i < 20; i++) serve().send(preface, wide, headers(1), headers(3), headers(5));
    loop.pass(2_000);
    expect(written.length).toBeGreaterThan(before);
    for (const { chunk, was } of written) expect(Buffer.compare(chunk, was)).toBe(0);
  });
});

describe('a receiver that ends its stream or its connection while it is told something', () => {
  const acts: [string, (stream: Stream, connection: Connection) => void][] = [
    ['resets it', (stream) => stream.reset(ErrorCode.CANCEL)],
    ['finishes it', (stream) => stream.finish()],
    ['ends the connection', (_stream, connection) => connection.fail(ErrorCode.NO_ERROR, '')],
    ['loses the connection', (_stream, connection) => connection.lost(undefined)],
  ];
  const moments = ['head', 'data', 'end', 'failed', 'writable'] as const;
  const cases = acts.flatMap(([name, act]) => moments.map((moment) => [name, moment, act] as const));

  it.each(cases)('%s in `%s`', (_name, moment, act) => {
    const server = new RawServer().greet();
    let told = 0;
    class Acting extends Answer {
      override head(...args: Parameters<Answer['head']>): void {
        super.head(...args);
        if (moment === 'head') this.#act(args[0]);
      }
      override data(...args: Parameters<Answer['data']>): void {
        super.data(...args);
        if (moment === 'data') this.#act(args[0]);
      }
      override end(...args: Parameters<Answer['end']>): void {
        super.end(...args);
        if (moment === 'end') this.#act(args[0]);
      }
      override failed(...args: Parameters<Answer['failed']>): void {
        super.failed(...args);
        if (moment === 'failed') this.#act(args[0]);
      }
      override writable(): void {
        super.writable();
        if (moment === 'writable') this.#act(stream);
      }
      #act(on: Stream): void {
        told += 1;
        act(on, server.client);
      }
    }
    const { stream } = request(server.client, undefined, new Acting());
    stream.send(new Uint8Array(100_000));
    server.loop.settle();
    server.send(frame(FrameType.WINDOW_UPDATE, 0, 1, u32(1 << 20)), frame(FrameType.WINDOW_UPDATE, 0, 0, u32(1 << 20)));
    server.loop.settle();
    const last =
      moment === 'failed' ? frame(FrameType.RST_STREAM, 0, 1, u32(8)) : frame(FrameType.DATA, END_STREAM, 1, [6]);
    server.send(headers(1, END_HEADERS, rawResponse), frame(FrameType.DATA, 0, 1, [1, 2, 3, 4, 5]), last, last);
    server.loop.pass(60_000);
    expect(told).toBeGreaterThan(0);
    server.close();
    server.loop.pass(60_000);
    expect([server.client.size, server.client.closed, server.loop.timers]).toEqual([0, true, 0]);
  });
});

describe('header lists that are kept', () => {
  const large = [...rawRequest, 0x00, 1, 0x61, 0x7f, 0x81, 0x7d, ...Buffer.alloc(16_128, 98)];

  it('by open streams are bounded for the connection, and the streams above are refused unseen', () => {
    let held = 0;
    const streams: Stream[] = [];
    const client = new RawClient({
      accept(stream, list) {
        stream.working = true;
        streams.push(stream);
        held += list.size;
        return new Echo();
      },
    });
    client.send(greeting, frame(FrameType.SETTINGS, Flag.ACK, 0));
    for (let i = 0; i < 500; i++) {
      client.send(
        headers(2 * i + 1, 0, large.slice(0, 16_000)),
        frame(FrameType.CONTINUATION, END_HEADERS, 2 * i + 1, large.slice(16_000)),
      );
      client.loop.pass(10);
    }
    expect(held).toBeGreaterThan(3 << 20);
    expect(held).toBeLessThanOrEqual(4 << 20);
    expect(new Set(client.resets())).toEqual(new Set([ErrorCode.REFUSED_STREAM]));
    expect(client.goAway()).toBeUndefined();
    // Work that goes on behind a reset still counts; when it is done, there is room again.
    const before = streams.length;
    for (const { id } of streams) client.send(frame(FrameType.RST_STREAM, 0, id, u32(8)));
    client.loop.pass(5_000);
    client.send(
      headers(2_001, 0, large.slice(0, 16_000)),
      frame(FrameType.CONTINUATION, END_HEADERS, 2_001, large.slice(16_000)),
    );
    client.loop.settle();
    expect(streams.length).toBe(before);
    for (const stream of streams) stream.workDone();
    client.send(headers(2_003));
    client.loop.settle();
    expect(streams.length).toBe(before + 1);
  });
});

describe('frames of extensions', () => {
  it('such as ORIGIN are not kept, and a flood of them ends the connection', () => {
    const server = new RawServer().greet();
    const origin = frame(0x0c, 0, 0, [0, 20, ...Buffer.from('https://example.org/')]);
    let batches = 0;
    while (!server.client.closed && batches < 100) {
      server.send(...Array.from({ length: 1_000 }, () => origin));
      server.loop.settle();
      batches += 1;
    }
    expect(batches).toBeLessThan(15);
    expect(server.goAway()).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });
});

describeWith('openssl', hasTool('openssl', ['version']), 'a server with TLS', () => {
  it('goes on when peers send header blocks that do not decode and break off', async () => {
    const { ca, server: tls } = makeCertificates();
    const server = createServer({ logger: silentLogger });
    server.add(EchoService, {
      say: (one) => one,
      tell: () => {},
      async *repeat() {},
      collect: async () => note('none'),
      async *chat() {},
    });
    const { grpc } = await server.listen({ grpc: { address: '127.0.0.1:0', tls } });
    const port = Number(grpc.split(':')[1]);
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve) => {
        const socket = connectTls({ port, ca, servername: 'localhost', ALPNProtocols: ['h2'] }, () => {
          const bad = joined(greeting, headers(1, END_HEADERS, new Array<number>(16_000).fill(0xff)));
          socket.write(bad.subarray(0, bad.length - i), () => {
            if (i % 2 === 0) socket.destroy();
          });
        });
        socket.on('error', () => {});
        socket.on('data', () => {});
        socket.on('close', () => resolve());
        setTimeout(() => socket.destroy(), 200);
      });
    }
    const client = createClient(EchoService, `grpcs://${grpc}`, { tls: { ca }, logger: silentLogger });
    expect(await client.say(note('still here'))).toEqual(note('still here'));
    await client.$close();
    await server.close({ grace: 0 });
  });
});

describe('the table in docs/security.md', () => {
  const text = readFileSync(join(repository, 'docs/security.md'), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| CVE-'));

  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  it.each(rows)('names tests that are there: %s', (row) => {
    const named = [...row.matchAll(/(test\/\S+\.test\.ts): "([^"]+)"/g)];
    expect(named.length).toBeGreaterThan(0);
    for (const [, file = '', title = ''] of named) {
      expect(readFileSync(join(repository, file), 'utf8')).toContain(title);
    }
  });
});
