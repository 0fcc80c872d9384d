/**
 * The orders of test/interceptors/orders.test.ts over HTTP/2, against a server that knows nothing of gRPC and sends headers, messages
 * and trailers when it is told to. It is Node's, whatever engine the client has.
 */
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { note, noteCodec } from '../../support/echo.js';
import { loopTurns, until } from '../../support/loop-turns.js';
import { type Order, orderOf, type ServerStep } from '../../support/orders.js';
import { type OrderPeer, runOrder } from '../../support/run-order.js';
import { runs } from '../../support/soak.js';

const wire = { headersFirst: true, headersSeen: true, oneMessage: false };
const headers = { ':status': 200, 'content-type': 'application/grpc' };

class Told {
  readonly #stream: ServerHttp2Stream;
  #sent = 0;
  #status: string | undefined;
  #written = true;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    stream.on('error', () => {});
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': this.#status ?? '2' });
      this.#written = true;
    });
    stream.on('close', () => {
      this.#written = true;
    });
    stream.resume();
  }

  get open(): boolean {
    return this.#status === undefined && !this.#stream.closed;
  }

  /** All that it was told is on the wire. */
  get written(): boolean {
    return this.#written;
  }

  get complaint(): string | undefined {
    if (!this.#stream.closed) return 'a stream was left open';
    if (this.#status === undefined && this.#stream.rstCode !== 8 && this.#stream.session?.destroyed === false) {
      return `a stream was ended with the code ${this.#stream.rstCode}, not CANCEL`;
    }
    return undefined;
  }

  serve(step: ServerStep): void {
    const stream = this.#stream;
    if (step === 'headers' || step === 'message') {
      if (!stream.headersSent) stream.respond(headers, { waitForTrailers: true });
      if (step === 'message') stream.write(framed(noteCodec.encode(note('answer', this.#sent++), 'proto')));
      return;
    }
    this.#status = step === 'trailers' ? '0' : '14';
    if (!stream.headersSent) {
      stream.respond({ ...headers, 'grpc-status': this.#status }, { endStream: true });
      return;
    }
    this.#written = false;
    stream.end();
  }
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.byteLength);
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, 5);
  return frame;
}

let told: Told[] = [];
const sessions = new Set<ServerHttp2Session>();
const servers: Http2Server[] = [];
let addresses: readonly string[] = [];

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const server = createServer();
    server.on('session', (session) => {
      sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => sessions.delete(session));
    });
    server.on('stream', (stream) => told.push(new Told(stream)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  addresses = servers.map((server) => `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterAll(() => {
  for (const session of sessions) session.destroy();
  for (const server of servers) server.close();
});

/** A pong comes behind all that was sent before. */
async function flushed(): Promise<void> {
  await until('trailers are written', () => told.every((one) => one.written));
  const pongs = [...sessions].map(
    (session) =>
      new Promise<void>((resolve) => {
        const done = (): void => {
          session.off('close', done);
          resolve();
        };
        session.once('close', done);
        if (session.destroyed || !session.ping(done)) done();
      }),
  );
  await Promise.all(pongs);
  await loopTurns(3);
}

function peerOf(order: Order): OrderPeer {
  const given = order.addresses === 1 ? [] : order.addresses.map((number) => addresses[number - 1] as string);
  return {
    address: order.addresses === 1 ? (addresses[0] as string) : given.length === 1 ? () => given : given,
    get attempts() {
      return told.length;
    },
    settled: async (clock, attempts) => {
      if (attempts !== undefined) await until(`${attempts} attempts come`, () => told.length >= attempts);
      await flushed();
      await clock.settle();
    },
    serve: (step) => told.findLast((one) => one.open)?.serve(step),
    complaints: async () => {
      await until('the client is gone', () => sessions.size === 0);
      return told.flatMap(({ complaint }) => complaint ?? []);
    },
  };
}

test('over HTTP/2 every call ends as the model says, whatever the order', async () => {
  const wrong: string[] = [];
  for (let i = 0; i < runs(500) && wrong.length < 10; i++) {
    told = [];
    const order = orderOf(i * 41, { wire });
    const one = await runOrder(order, peerOf(order)).catch((error: unknown) => `order ${i * 41}: ${error}`);
    if (one !== undefined) wrong.push(one);
  }
  expect(wrong).toEqual([]);
});
