/**
 * One publisher and many subscribers, as each subject does it. Every subscriber has a connection of its own and decodes the same
 * protobuf. The publisher is told how much has arrived, over a socket of the bench's own, and lets only a few rounds be on their way: it is as
 * fast as the subscribers, and no queue grows.
 */
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { createClient, createServer, silentLogger } from 'hawser';
import { Server as SocketServer } from 'socket.io';
import { io } from 'socket.io-client';
import WebSocket, { WebSocketServer } from 'ws';
import { Tick } from '../gen/bench.js';
import { Feed } from '../gen/bench.rpc.js';
import type { Actor } from '../harness/actor.js';
import { Histogram } from '../harness/histogram.js';
import { listen } from './grpc-js.js';

export const feedModule = import.meta.filename;
export const feedSubjects = ['hawser', 'grpc-js', 'ws', 'socket.io'];
/** One stream both ways, on which what comes is sent back: there is nothing less to do between a publisher and one subscriber. */
export const echoing = 'grpc-js bidi';

export type Mode = 'every' | 'latest';

interface Publisher {
  readonly address: string;
  publish(tick: Tick): void;
  subscribers(): number;
  /** Where answers come back by the subject's own way, and not over the socket of the bench. */
  onEcho?(heard: () => void): void;
}

const encoded = (tick: Tick): Buffer => {
  const bytes = Tick.encode(tick);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

const ticks = {
  path: '/bench.v1.Naive/Ticks',
  requestStream: false,
  responseStream: true,
  requestSerialize: (bytes: Buffer): Buffer => bytes,
  requestDeserialize: (bytes: Buffer): Buffer => bytes,
  responseSerialize: encoded,
  responseDeserialize: (bytes: Buffer): Tick => Tick.decode(bytes),
} as const;

const echoes = { ...ticks, path: '/bench.v1.Naive/Echoes', requestStream: true, requestSerialize: encoded } as const;

const publishers: Readonly<Record<string, () => Promise<Publisher>>> = {
  async hawser() {
    const server = createServer({ logger: silentLogger });
    server.add(Feed, {});
    const topic = server.topic(Feed.methods.ticks);
    const { grpc: address } = await server.listen({ grpc: '127.0.0.1:0' });
    // Hawser's subscribers say themselves when they are there.
    return { address, publish: (tick) => void topic.publish(tick), subscribers: () => Number.MAX_SAFE_INTEGER };
  },
  async 'grpc-js'() {
    const calls = new Set<grpc.ServerWritableStream<Buffer, Tick>>();
    const address = await listen({ ticks } as unknown as grpc.ServiceDefinition, {
      ticks: (call: grpc.ServerWritableStream<Buffer, Tick>) => {
        calls.add(call);
        call.on('cancelled', () => calls.delete(call));
      },
    });
    return {
      address,
      publish(tick) {
        for (const call of calls) call.write(tick);
      },
      subscribers: () => calls.size,
    };
  },
  async [echoing]() {
    const calls = new Set<grpc.ServerDuplexStream<Buffer, Tick>>();
    let heard = (): void => {};
    const address = await listen({ echoes } as unknown as grpc.ServiceDefinition, {
      echoes: (call: grpc.ServerDuplexStream<Buffer, Tick>) => {
        calls.add(call);
        call.on('data', (bytes: Buffer) => {
          Tick.decode(bytes);
          heard();
        });
        call.on('cancelled', () => calls.delete(call));
      },
    });
    return {
      address,
      publish(tick) {
        for (const call of calls) call.write(tick);
      },
      subscribers: () => calls.size,
      onEcho: (fn) => (heard = fn),
    };
  },
  async ws() {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    await new Promise((resolve) => server.once('listening', resolve));
    return {
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      publish(tick) {
        const bytes = encoded(tick);
        for (const socket of server.clients) socket.send(bytes);
      },
      subscribers: () => server.clients.size,
    };
  },
  async 'socket.io'() {
    const http = createHttpServer();
    const server = new SocketServer(http);
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return {
      address: `127.0.0.1:${(http.address() as AddressInfo).port}`,
      publish: (tick) => void server.emit('tick', encoded(tick)),
      subscribers: () => server.engine.clientsCount,
    };
  },
};

type Heard = (tick: Tick) => void;
type Subscribe = (address: string, mode: Mode, heard: Heard, lost: () => void) => Promise<void>;

const subscribing: Readonly<Record<string, Subscribe>> = {
  async hawser(address, mode, heard, lost) {
    const client = createClient(Feed, `grpc://${address}`, { logger: silentLogger });
    const conflated = { mode: 'LATEST', conflate: 'ON_PRESSURE' } as const;
    const subscription = client.ticks.subscribe({}, { from: 'head', ...(mode === 'latest' ? conflated : {}) });
    void (async () => {
      for await (const { type, value } of subscription) if (type === 'set') heard(value);
    })().then(lost, lost);
    await subscription.ready;
  },
  async 'grpc-js'(address, _mode, heard, lost) {
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), options);
    const stream = client.makeServerStreamRequest(
      ticks.path,
      ticks.requestSerialize,
      ticks.responseDeserialize,
      Buffer.alloc(0),
    );
    stream.on('data', heard);
    stream.on('error', lost);
    await new Promise((resolve, reject) => {
      client.waitForReady(Date.now() + 20_000, (error) => (error === undefined ? resolve(undefined) : reject(error)));
    });
  },
  async [echoing](address, _mode, heard, lost) {
    const client = new grpc.Client(address, grpc.credentials.createInsecure());
    const stream = client.makeBidiStreamRequest(echoes.path, echoes.requestSerialize, echoes.responseDeserialize);
    stream.on('data', (tick: Tick) => {
      heard(tick);
      stream.write(tick);
    });
    stream.on('error', lost);
    await new Promise((resolve, reject) => {
      client.waitForReady(Date.now() + 20_000, (error) => (error === undefined ? resolve(undefined) : reject(error)));
    });
  },
  async ws(address, _mode, heard, lost) {
    const socket = new WebSocket(`ws://${address}`, { perMessageDeflate: false });
    socket.on('message', (data) => heard(Tick.decode(data as Buffer)));
    socket.on('close', lost);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  },
  async 'socket.io'(address, _mode, heard, lost) {
    const socket = io(`http://${address}`, { transports: ['websocket'], forceNew: true });
    socket.on('tick', (data: Buffer) => heard(Tick.decode(data)));
    socket.on('disconnect', lost);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('connect_error', reject);
    });
  },
};

/** Rounds that may be on their way at once. */
const window = 4;

export interface Fanned {
  /** Updates published. */
  readonly published: number;
  readonly seconds: number;
}

/** The publisher's process. */
export async function feedServer({ name }: { name: string }): Promise<Actor> {
  const publisher = await publishers[name]?.();
  if (publisher === undefined) throw new Error(`there is no publisher ${name}`);
  let arrived = 0;
  let wake: (() => void) | undefined;
  const came = (rounds: number): void => {
    arrived += rounds;
    wake?.();
  };
  publisher.onEcho?.(() => came(1));
  const acks = createTcpServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes) => came(bytes.length));
  });
  await new Promise<void>((resolve) => acks.listen(0, '127.0.0.1', resolve));
  /** Resolves once `rounds` have arrived; rejects with an Error when nothing more comes. */
  const until = (rounds: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${arrived} of ${rounds} rounds arrived within 20 s`)), 20_000);
      wake = () => {
        if (arrived < rounds) return;
        clearTimeout(late);
        wake = undefined;
        resolve();
      };
      wake();
    });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let sequence = 0;
  let pacing: NodeJS.Timeout | undefined;
  let roundTrips = new Histogram();
  return {
    address: () => publisher.address,
    acks: () => (acks.address() as AddressInfo).port,
    subscribers: () => publisher.subscribers(),
    /** Rounds of `round` updates, `perTurn` in a turn of the event loop, as fast as they arrive. */
    async saturate(args: { size: number; round: number; perTurn: number; seconds: number }): Promise<Fanned> {
      const body = new Uint8Array(args.size).fill(1);
      arrived = 0;
      let rounds = 0;
      const started = performance.now();
      while (performance.now() - started < args.seconds * 1_000) {
        for (let i = 0; i < args.round; i++) {
          sequence += 1;
          publisher.publish({ key: `k${sequence % 50}`, price: sequence, body });
          if ((i + 1) % args.perTurn === 0 && i + 1 < args.round) await turn();
        }
        rounds += 1;
        await until(rounds - window);
        await turn();
      }
      await until(rounds);
      return { published: rounds * args.round, seconds: (performance.now() - started) / 1_000 };
    },
    /** One update to each topic's key at a time, `perSecond` of them; the price is when it was published. */
    pace({ size, topics, perSecond }: { size: number; topics: number; perSecond: number }): void {
      clearInterval(pacing);
      const body = new Uint8Array(size).fill(1);
      pacing = setInterval(
        () => {
          const price = performance.timeOrigin + performance.now();
          for (let i = 0; i < topics; i++) publisher.publish({ key: `k${i}`, price, body });
        },
        (topics * 1_000) / perSecond,
      );
    },
    rest: () => clearInterval(pacing),
    /** Publishes one, waits until it has come back, and so on; `leadIn` rounds that do not count, then `count` that do. */
    async pingPong({ size, count, leadIn }: { size: number; count: number; leadIn: number }): Promise<void> {
      const body = new Uint8Array(size).fill(1);
      arrived = 0;
      for (let i = 1; i <= leadIn + count; i++) {
        const began = performance.now();
        publisher.publish({ key: 'k', price: i, body });
        await until(i);
        if (i > leadIn) roundTrips.record((performance.now() - began) * 1_000);
      }
    },
    /** Microseconds of the rounds since the last question. */
    roundTrips() {
      const since = { p50: roundTrips.quantile(0.5), p99: roundTrips.quantile(0.99) };
      roundTrips = new Histogram();
      return since;
    },
  };
}

interface SubscriberArgs {
  readonly name: string;
  readonly address: string;
  readonly acks: number;
}

/** The subscribers' process. */
export function feedClient({ name, address, acks }: SubscriberArgs): Actor {
  const subscribe = subscribing[name];
  if (subscribe === undefined) throw new Error(`there is no subscriber ${name}`);
  const socket = connect(acks, '127.0.0.1').setNoDelay(true);
  socket.on('error', () => {});
  const one = Buffer.alloc(1);
  let deliveries = 0;
  let perAck = Number.POSITIVE_INFINITY;
  let sinceAck = 0;
  let lost = 0;
  let latencies = new Histogram();
  let timed = false;
  const heard = ({ price }: Tick): void => {
    deliveries += 1;
    sinceAck += 1;
    if (timed) latencies.record(Math.max(1, (performance.timeOrigin + performance.now() - price) * 1_000));
    if (sinceAck < perAck) return;
    sinceAck = 0;
    socket.write(one);
  };
  return {
    async subscribe({ count, mode }: { count: number; mode: Mode }): Promise<void> {
      const add = () => subscribe(address, mode, heard, () => (lost += 1));
      for (let done = 0; done < count; done += 20) {
        await Promise.all(Array.from({ length: Math.min(20, count - done) }, add));
      }
    },
    /** Tells the publisher after every so many deliveries, all subscribers together. */
    ackEvery({ count }: { count: number }): void {
      perAck = count;
      sinceAck = 0;
    },
    /** What has come since the last question. */
    heard({ time }: { time: boolean }) {
      const since = { deliveries, lost, p50: latencies.quantile(0.5), p99: latencies.quantile(0.99) };
      deliveries = 0;
      latencies = new Histogram();
      timed = time;
      return { ...since, p50: since.p50 || 0, p99: since.p99 || 0 };
    },
  };
}
