/**
 * The orders of test/interceptors/orders.test.ts over Thrift, against a raw socket. A reply comes in three pieces (`headers`, `message`,
 * `trailers`), a failure is a connection that is cut, and answers come in the order of their questions.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EchoOverThrift, note, noteCodec } from '../../support/echo.js';
import { loopTurns, until } from '../../support/loop-turns.js';
import { type Order, orderOf, type ServerStep } from '../../support/orders.js';
import { type OrderPeer, runOrder } from '../../support/run-order.js';
import { runs } from '../../support/soak.js';

const wire = { headersFirst: false, headersSeen: false, oneMessage: true };

/** One question, and as much of its answer as was written. */
class Asked {
  readonly socket: Socket;
  readonly #reply: Buffer;
  #written = 0;
  #over = false;

  constructor(socket: Socket, question: Buffer) {
    this.socket = socket;
    this.#reply = replyTo(question);
  }

  get open(): boolean {
    return !this.#over && !this.socket.destroyed;
  }

  serve(step: ServerStep): void {
    if (step === 'failure') {
      this.#over = true;
      this.socket.destroy();
      return;
    }
    // Those that were asked before it on the connection are answered before it.
    for (const before of asked) {
      if (before === this) break;
      if (before.socket === this.socket && before.open) before.#write(1);
    }
    this.#write(step === 'headers' ? 1 / 3 : step === 'message' ? 2 / 3 : 1);
  }

  #write(share: number): void {
    const end = Math.floor(this.#reply.length * share);
    if (end > this.#written) this.socket.write(this.#reply.subarray(this.#written, end));
    this.#written = Math.max(this.#written, end);
    this.#over = share === 1;
  }
}

/** Binary, framed: the name and the number of the question, and a note as the result. */
function replyTo(question: Buffer): Buffer {
  const nameEnd = 12 + question.readUInt32BE(8);
  const head = Buffer.from(question.subarray(4, nameEnd + 4));
  head[3] = 2; // REPLY
  const body = noteCodec.encode(note('answer', 0), 'binary');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length + body.length);
  return Buffer.concat([length, head, body]);
}

let asked: Asked[] = [];
const sockets = new Set<Socket>();
const servers: Server[] = [];
let addresses: readonly string[] = [];

function accept(socket: Socket): void {
  sockets.add(socket);
  let unread = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (bytes) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 4 && unread.length >= 4 + unread.readUInt32BE(0)) {
      const end = 4 + unread.readUInt32BE(0);
      asked.push(new Asked(socket, unread.subarray(0, end)));
      unread = unread.subarray(end);
    }
  });
}

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const server = createServer({ noDelay: true }, accept);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  addresses = servers.map((server) => `thrift://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

function peerOf(order: Order): OrderPeer {
  const given = order.addresses === 1 ? [] : order.addresses.map((number) => addresses[number - 1] as string);
  return {
    address: order.addresses === 1 ? (addresses[0] as string) : given.length === 1 ? () => given : given,
    service: EchoOverThrift,
    get attempts() {
      return asked.length;
    },
    settled: async (clock, attempts) => {
      if (attempts !== undefined) await until(`${attempts} attempts come`, () => asked.length >= attempts);
      await until('answers are written', () => [...sockets].every((one) => one.destroyed || one.writableLength === 0));
      await loopTurns(5);
      await clock.settle();
    },
    serve: (step) => asked.findLast((one) => one.open)?.serve(step),
    complaints: async () => {
      await until('the client is gone', () => sockets.size === 0);
      return [];
    },
  };
}

test('over Thrift every call ends as the model says, whatever the order', async () => {
  const wrong: string[] = [];
  for (let i = 0; i < runs(500) && wrong.length < 10; i++) {
    asked = [];
    const order = orderOf(i * 19, { wire, kinds: ['unary'] });
    const one = await runOrder(order, peerOf(order)).catch((error: unknown) => `order ${i * 19}: ${error}`);
    if (one !== undefined) wrong.push(one);
  }
  expect(wrong).toEqual([]);
});
