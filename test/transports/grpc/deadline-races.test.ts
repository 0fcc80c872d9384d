/** A server that gives a call up at its deadline, and a client that does so: whoever is first, the call ran out of time. */
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { seededRandom } from 'hawser/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Call } from '../../../src/call/call.js';
import type { Clock } from '../../../src/call/clock.js';
import { Deadline, parseTimeout } from '../../../src/call/deadline.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import { Connection } from '../../../src/http2/connection.js';
import { ErrorCode } from '../../../src/http2/error-code.js';
import type { HeaderList } from '../../../src/http2/header-list.js';
import type { Stream, StreamReceiver } from '../../../src/http2/stream.js';
import { Attempts } from '../../../src/transports/grpc/client-call.js';
import { grpcClientTerms } from '../../../src/transports/grpc/client-options.js';
import { UnaryAttempt } from '../../../src/transports/grpc/client-unary.js';
import type { EngineConnection } from '../../../src/transports/grpc/engine/client-connection.js';
import { EngineExchange } from '../../../src/transports/grpc/engine/client-exchange.js';
import { type ClientConnection, Link } from '../../../src/transports/grpc/link.js';
import { Silence } from '../../../src/transports/grpc/silence.js';
import { Loop, pipePair } from '../../http2/loop.js';
import { sendHead } from '../../http2/talk.js';
import { Notes, note, noteCodec } from './note.js';
import { connect, drain } from './wire.js';

const method = Notes.methods.echo;
const request = noteCodec.encode(note('x'), 'proto');

type GiveUp = (stream: Stream) => void;

const ways: readonly GiveUp[] = [
  (stream) => stream.reset(ErrorCode.CANCEL),
  (stream) =>
    sendHead(
      stream,
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '1'],
      ],
      true,
    ),
  (stream) =>
    sendHead(
      stream,
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '4'],
      ],
      true,
    ),
];

/** A client's exchange and a server on one pipe in memory, on the time of the loop. */
function overMemory(giveUp: (stream: Stream, timeout: number, loop: Loop) => void) {
  const loop = new Loop();
  const clock: Clock = { now: loop.now, wallTime: loop.now, setTimer: (fn, ms) => loop.setTimer(fn, ms) };
  const [clientPipe, serverPipe] = pipePair(loop);
  const silent: StreamReceiver = {
    head: () => {},
    data: (stream, _bytes, from, to) => stream.consume(to - from),
    end: () => {},
    failed: () => {},
    writable: () => {},
  };
  new Connection({
    role: 'server',
    pipe: serverPipe,
    host: loop,
    events: {
      accept(stream: Stream, list: HeaderList) {
        giveUp(stream, parseTimeout(list.get('grpc-timeout') as string) as number, loop);
        return silent;
      },
    },
  });
  const link = new Link<ClientConnection>(
    'memory',
    (_terms, watcher) => {
      // What EngineConnection is to an exchange, less its socket.
      const connection = {
        peer: { address: 'memory' },
        calmed: false,
        maxHeaderBytes: Number.POSITIVE_INFINITY,
        get room() {
          return client.available;
        },
        get open() {
          return client.size;
        },
        get heard() {
          return client.heard;
        },
        begin: (receiver: StreamReceiver) => client.open(receiver),
        hold() {},
        close() {},
      };
      const found = Object.assign(connection, { silence: new Silence(connection, () => {}) });
      const client = new Connection({
        role: 'client',
        pipe: clientPipe,
        host: loop,
        events: { ready: () => watcher.ready(found), room: () => watcher.released(found) },
      });
      return found;
    },
    grpcClientTerms({}),
    clock,
  );
  const terms = {
    link: link as unknown as Link<EngineConnection>,
    headers: [':method', 'POST', ':scheme', 'http', ':path', method.path, ':authority', 'here', 'te', 'trailers'],
    maxReceiveBytes: 1_000_000,
  };
  const attempts = new Attempts('memory');
  return { loop, clock, attempts, open: (call: Call, to: UnaryAttempt) => new EngineExchange(call, terms, to) };
}

test('a server that resets or cancels at the deadline never makes CANCELLED of a call that ran out of time, 10,000 races', () => {
  const seed = `deadline races ${process.env.HAWSER_SEED ?? Math.floor(Math.random() * 1e9)}`;
  const random = seededRandom(seed);
  const { loop, clock, attempts, open } = overMemory((stream, timeout, loop) => {
    const way = ways[Math.floor(random.next() * ways.length)] as GiveUp;
    // Timers of a server are late, and by the rounding of its clock early.
    loop.setTimer(() => way(stream), timeout + random.next() * 6 - 2);
  });
  const became: Record<string, number> = {};
  let first = 0;
  for (let i = 0; i < 10_000; i++) {
    const call = new Call({ method, side: 'client', encoding: 'proto', request });
    const timeout = 1 + random.next() * 50;
    call.deadline = Deadline.after(timeout, clock);
    const rang = timeout + random.next() * 4;
    let alarmed = false;
    loop.setTimer(() => {
      alarmed = true;
      call.abort(new RpcError('DEADLINE_EXCEEDED', 'late', { disposition: 'unknown' }));
    }, rang);
    let settled = false;
    new UnaryAttempt(
      call,
      open as never,
      attempts,
      () => expect.unreachable('it was answered'),
      ({ code }) => {
        settled = true;
        if (!alarmed) first += 1;
        became[code] = (became[code] ?? 0) + 1;
      },
    ).start(false);
    loop.pass(rang + 10);
    expect(settled, seed).toBe(true);
  }
  expect(became, seed).toEqual({ DEADLINE_EXCEEDED: 10_000 });
  // Either was first often enough.
  expect(first).toBeGreaterThan(2_000);
  expect(first).toBeLessThan(8_000);
});

test('a server that cancels well before the deadline has cancelled', () => {
  for (const way of ways.slice(0, 2)) {
    const { loop, clock, attempts, open } = overMemory((stream) => way(stream));
    const call = new Call({ method, side: 'client', encoding: 'proto', request });
    call.deadline = Deadline.after(100, clock);
    let code = '';
    new UnaryAttempt(
      call,
      open as never,
      attempts,
      () => {},
      (error) => (code = error.code),
    ).start(false);
    loop.pass(50);
    expect(code).toBe('CANCELLED');
  }
});

describe.each(['node', 'own'] as const)('over sockets, on the engine %s', (engine) => {
  test('it is the same, for calls and for streams', async () => {
    const server = createHttp2();
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      stream.on('error', () => {});
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      const timeout = parseTimeout(headers['grpc-timeout'] as string) as number;
      setTimeout(() => stream.close(8), timeout - 2);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const client = connect(`127.0.0.1:${(server.address() as AddressInfo).port}`, { engine });
    const codes = new Set<unknown>();
    for (let round = 0; round < 10; round++) {
      const calls = Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0
          ? client.echo(note(), { timeout: 5 + i }).then(
              () => 'OK',
              ({ code }: RpcError) => code,
            )
          : drain(client.list(note(), { timeout: 5 + i })).then(({ error }) => (error as RpcError).code),
      );
      for (const code of await Promise.all(calls)) codes.add(code);
    }
    expect([...codes]).toEqual(['DEADLINE_EXCEEDED']);
  });
});
