/** Connections, calls and subscriptions that are there and do nothing, as each subject makes them. */
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as grpc from '@grpc/grpc-js';
import { createClient, createServer } from 'hawser';
import { Server as SocketServer } from 'socket.io';
import { io } from 'socket.io-client';
import WebSocket, { WebSocketServer } from 'ws';
import type { Payload } from '../gen/bench.js';
import { Echo, Feed } from '../gen/bench.rpc.js';
import type { Actor } from '../harness/actor.js';
import { EchoService, listen, stubOf } from './grpc-js.js';

export const idleModule = import.meta.filename;

/** Which cases each can be measured in. */
export const idleSubjects: Readonly<Record<string, readonly string[]>> = {
  hawser: ['connection', 'call', 'subscription'],
  'grpc-js': ['connection', 'call', 'subscription'],
  ws: ['connection'],
  'socket.io': ['connection'],
};

interface Serving {
  readonly address: string;
  /** How many the server holds, where it has no other way to know than its handlers. */
  readonly held: (what: string) => number;
}

type Add = (what: string) => Promise<unknown>;

const body = new Uint8Array(100).fill(1);
/** Nothing here is to end by itself. */
const hour = 3_600_000;

const servers: Readonly<Record<string, () => Promise<Serving>>> = {
  async hawser() {
    let held = 0;
    // On, but with room: what is measured is what a call in flight costs, not that the limit refuses it.
    const server = createServer({ admission: { limit: 100_000 } });
    server.add(Echo, {
      say: (request) => request,
      hold: () => {
        held += 1;
        return new Promise<never>(() => {});
      },
      async *pour() {},
      async *chat() {},
    });
    server.add(Feed, {});
    const { grpc: address } = await server.listen({ grpc: '127.0.0.1:0' });
    return { address, held: (what) => (what === 'call' ? held : Number.MAX_SAFE_INTEGER) };
  },
  async 'grpc-js'() {
    let held = 0;
    const address = await listen(EchoService as unknown as grpc.ServiceDefinition, {
      say: (call: grpc.ServerUnaryCall<Payload, Payload>, done: grpc.sendUnaryData<Payload>) =>
        done(null, call.request),
      hold: () => {
        held += 1;
      },
      // What a subscription is without a library for it: a stream that is kept open.
      pour: (call: grpc.ServerWritableStream<unknown, Payload>) => {
        held += 1;
        call.write({ body });
      },
      chat: () => {},
    });
    return { address, held: (what) => (what === 'connection' ? Number.MAX_SAFE_INTEGER : held) };
  },
  async ws() {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket) => socket.on('message', (message) => socket.send(message)));
    await new Promise((resolve) => server.once('listening', resolve));
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, held: () => server.clients.size };
  },
  async 'socket.io'() {
    const http = createHttpServer();
    const server = new SocketServer(http);
    server.on('connection', (socket) => socket.on('say', (message, answer) => answer(message)));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;
    return { address, held: () => server.engine.clientsCount };
  },
};

/** Connections and subscriptions are kept: what nobody refers to would be collected. */
const kept: unknown[] = [];

const clients: Readonly<Record<string, (address: string) => Add>> = {
  hawser(address) {
    const caller = createClient(Echo, `grpc://${address}`);
    const feed = createClient(Feed, `grpc://${address}`);
    return async (what) => {
      if (what === 'connection') {
        const client = createClient(Echo, `grpc://${address}`);
        kept.push(client);
        await client.say({ body });
      } else if (what === 'call') {
        kept.push(caller.hold({ body }, { timeout: hour }).catch(failed));
      } else {
        const subscription = feed.ticks.subscribe({}, { from: 'head' });
        kept.push(subscription);
        await subscription.ready;
      }
    };
  },
  'grpc-js'(address) {
    const caller = stubOf(address);
    const say = (stub: ReturnType<typeof stubOf>): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + 30_000;
        stub.say({ body }, { deadline }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
      });
    return async (what) => {
      if (what === 'connection') {
        const stub = stubOf(address, true);
        kept.push(stub);
        await say(stub);
      } else if (what === 'call') {
        kept.push(
          new Promise<unknown>((resolve, reject) => {
            const deadline = Date.now() + hour;
            caller.hold({ body }, { deadline }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
          }).catch(failed),
        );
      } else {
        const stream = caller.pour({ count: 1, size: 100 });
        kept.push(stream);
        await new Promise((resolve, reject) => stream.once('data', resolve).once('error', reject));
      }
    };
  },
  ws: (address) => async () => {
    const socket = new WebSocket(`ws://${address}`);
    kept.push(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.send(body);
    await new Promise((resolve) => socket.once('message', resolve));
  },
  'socket.io': (address) => async () => {
    const socket = io(`http://${address}`, { transports: ['websocket'], forceNew: true });
    kept.push(socket);
    await socket.timeout(20_000).emitWithAck('say', body);
  },
};

let failure: Error | undefined;
function failed(error: Error): void {
  failure ??= error;
}

export async function idleServer({ name }: { name: string }): Promise<Actor> {
  const serving = await servers[name]?.();
  if (serving === undefined) throw new Error(`there is no server ${name}`);
  return { address: () => serving.address, held: ({ what }: { what: string }) => serving.held(what) };
}

export function idleClient({ name, address }: { name: string; address: string }): Actor {
  const add = clients[name]?.(address);
  if (add === undefined) throw new Error(`there is no client ${name}`);
  return {
    async add({ what, count }: { what: string; count: number }): Promise<void> {
      // Not all at once: a thousand connections that open together are a load of their own.
      for (let done = 0; done < count; done += 50) {
        await Promise.all(Array.from({ length: Math.min(50, count - done) }, () => add(what)));
        if (what === 'call') await new Promise((resolve) => setTimeout(resolve, 5));
        if (failure !== undefined) throw failure;
      }
    },
  };
}
