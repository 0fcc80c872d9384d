/** How streams end that a server does not end as it should, or that their reader leaves: every call settles, and nothing of it stays. */
import { createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcp, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { seededRandom } from 'hawser/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { framed } from '../../../src/transports/grpc/client-call.js';
import { NodeConnection } from '../../../src/transports/grpc/node-connection.js';
import { runs } from '../../support/soak.js';
import { type Note, note, noteCodec } from './note.js';
import { connect, drain } from './wire.js';

const head = { ':status': 200, 'content-type': 'application/grpc' };
const message = (text = 'answer'): Buffer => framed(noteCodec.encode(note(text), 'proto'));

interface ByHand {
  readonly address: string;
  readonly sessions: readonly ServerHttp2Session[];
}

/** A server that answers as `respond` says, below gRPC, and reads no request. */
async function byHand(respond: (stream: ServerHttp2Stream) => void): Promise<ByHand> {
  const sessions: ServerHttp2Session[] = [];
  const server = createHttp2();
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    respond(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sessions };
}

/** A way to a server whose connections can be cut. (A session of Node 22 that is destroyed while requests come takes the process with it.) */
async function cuttableWay(to: string) {
  const byPort = new Map<number | undefined, Socket>();
  const proxy = createTcp((socket) => {
    const upstream = connectTcp(Number(to.split(':')[1]), '127.0.0.1');
    upstream.once('connect', () => byPort.set(upstream.localPort, socket));
    for (const one of [socket, upstream]) one.on('error', () => {});
    socket.pipe(upstream).pipe(socket);
    socket.once('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of byPort.values()) socket.destroy();
    proxy.close();
  });
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    cut(stream: ServerHttp2Stream, how: 'end' | 'destroy' | 'resetAndDestroy'): void {
      byPort.get(stream.session?.socket.remotePort)?.[how]();
    },
  };
}

const withTrailers = (stream: ServerHttp2Stream, headers = head): void => {
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
};

/** One request, and then nothing for as long as the call lasts. */
async function* unending(first: Note): AsyncGenerator<Note> {
  yield first;
  await new Promise<void>(() => {});
}

const small = note('q');
/** More than the windows take, so that the request is never sent. */
const large = note('q', 0, new Uint8Array(300_000));

describe.each(['node', 'own'] as const)('on the engine %s', (engine) => {
  const ways: [string, (stream: ServerHttp2Stream) => void, readonly Note[]][] = [
    [
      'the end of the stream, without trailers',
      (stream) => {
        stream.respond(head);
        stream.end(message());
      },
      [note('answer')],
    ],
    [
      'RST_STREAM with NO_ERROR, without trailers',
      (stream) => {
        stream.respond(head);
        stream.write(message(), () => stream.close(0));
      },
      [note('answer')],
    ],
    [
      'trailers that say OK, behind a part of a message',
      (stream) => {
        withTrailers(stream);
        stream.end(Buffer.concat([message(), message().subarray(0, 7)]));
      },
      [note('answer')],
    ],
    [
      'trailers that say OK, and RST_STREAM with NO_ERROR, behind a part of a message',
      (stream) => {
        withTrailers(stream);
        stream.end(Buffer.concat([message(), message().subarray(0, 7)]), () => stream.close(0));
      },
      [note('answer')],
    ],
    [
      'RST_STREAM with NO_ERROR behind what is still being inflated',
      (stream) => {
        stream.respond({ ...head, 'grpc-encoding': 'gzip' });
        const big = noteCodec.encode(note('a'.repeat(500_000)), 'proto');
        stream.write(framed(gzipSync(big), 1), () => stream.close(0));
      },
      [note('a'.repeat(500_000))],
    ],
  ];
  for (const [requests, first] of [
    ['requests still come', small],
    ['a request waits for windows', large],
  ] as const) {
    test.each(ways)(`a call ends with %s, while ${requests}`, async (_name, respond, expected) => {
      const { address } = await byHand(respond);
      const client = connect(address, { engine });
      const { items, error } = await drain(client.chat(unending(first)));
      expect(error).toMatchObject({ name: 'RpcError' });
      expect(items).toEqual(expected);
      await expect(client.collect(unending(first))).rejects.toMatchObject({ name: 'RpcError' });
    });
  }

  test('whatever a server does on its streams, in whatever order, every call settles', async () => {
    const seed = `ends ${process.env.HAWSER_SEED ?? Math.floor(Math.random() * 1e9)}`;
    const random = seededRandom(seed);
    const upTo = (most: number): number => Math.floor(random.next() * most);
    const large = noteCodec.encode(note('a'.repeat(200_000)), 'proto');
    const zipped = framed(gzipSync(large), 1);
    const codes = [0, 1, 2, 5, 7, 8, 11];
    const does: readonly ((stream: ServerHttp2Stream) => void)[] = [
      (stream) => stream.write(message()),
      (stream) => stream.write(message().subarray(0, 7)),
      (stream) => stream.write(zipped),
      (stream) => stream.write(zipped.subarray(0, 100)),
      (stream) => stream.end(),
      (stream) => stream.end(message()),
      (stream) => stream.close(codes[upTo(codes.length)]),
      (stream) => void stream.resume(),
      (stream) => stream.session?.goaway(codes[upTo(codes.length)]),
      (stream) => cuttable.cut(stream, 'end'),
      (stream) => cuttable.cut(stream, 'destroy'),
      (stream) => cuttable.cut(stream, 'resetAndDestroy'),
      () => {},
    ];
    const { address } = await byHand((stream) => {
      if (upTo(10) > 0) {
        if (upTo(2) === 0) withTrailers(stream, { ...head, 'grpc-encoding': 'gzip' } as typeof head);
        else stream.respond({ ...head, 'grpc-encoding': 'gzip' });
      }
      const act = (left: number): void => {
        try {
          if (!stream.destroyed) does[upTo(does.length)]?.(stream);
        } catch {
          // What Node does not let a server do in this state.
        }
        if (left > 0) setTimeout(() => act(left - 1), upTo(3));
        // A server that says nothing more is another test's.
        else if (!stream.destroyed) setTimeout(() => cuttable.cut(stream, 'destroy'), 2);
      };
      act(upTo(5));
    });
    const cuttable = await cuttableWay(address);
    const client = connect(cuttable.address, { engine, reconnect: { initial: 1, max: 2 } });
    const kinds: readonly (() => Promise<unknown>)[] = [
      () => client.echo(note()),
      () => client.echo(note('', 0, new Uint8Array(100_000))),
      () => client.collect(unending(upTo(2) === 0 ? small : note('q', 0, new Uint8Array(100_000)))),
      () => drain(client.list(note())),
      () => drain(client.chat(unending(upTo(2) === 0 ? small : note('q', 0, new Uint8Array(100_000))))),
      async () => {
        for await (const _ of client.list(note())) break;
      },
    ];
    let left = runs(600);
    const waiting = new Set<number>();
    const caller = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const number = left;
        waiting.add(number);
        await kinds[upTo(kinds.length)]?.().catch(() => {});
        waiting.delete(number);
      }
    };
    const all = Promise.all(Array.from({ length: 10 }, caller));
    const late = new Promise((_resolve, reject) => {
      const tooLong = () => reject(new Error(`${seed}: ${waiting.size} calls never settled`));
      setTimeout(tooLong, 50_000 * (runs(600) / 600)).unref();
    });
    await Promise.race([all, late]);
  });
});

/** More messages than are read ahead, in a frame each. */
async function writeMany(stream: ServerHttp2Stream): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await new Promise<void>((resolve) => stream.write(message(`${i}`), () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('on the engine node', () => {
  test.each<[string, (stream: ServerHttp2Stream) => void]>([
    [
      'wholly received',
      (stream) => {
        withTrailers(stream);
        void writeMany(stream).then(() => stream.end());
      },
    ],
    [
      'reset by the server',
      (stream) => {
        stream.respond(head);
        void writeMany(stream).then(() => stream.close(0));
      },
    ],
  ])('a stream that was %s and is left by its reader takes no place on its connection', async (_name, respond) => {
    const taken = vi.spyOn(NodeConnection.prototype, 'request');
    const released = vi.spyOn(NodeConnection.prototype, 'release');
    onTestFinished(() => void vi.restoreAllMocks());
    const { address } = await byHand((stream) => {
      stream.resume();
      respond(stream);
    });
    for await (const one of connect(address, { engine: 'node' }).list(note())) {
      // What is to come has come by then.
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(one.text).toBe('0');
      break;
    }
    await expect.poll(() => released.mock.calls.length).toBe(1);
    expect(taken).toHaveBeenCalledTimes(1);
  });
});
