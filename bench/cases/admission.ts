/**
 * What a refusal costs the server beside an answer: processor time of the server's process a call, 100-byte echo, 64 calls in
 * flight. Limits: a refusal is at most 0.85 of an answer over gRPC, a third over Thrift. Over Thrift both are asked for by the same plain socket, which sends 64 calls at once when it has
 * the answers to the last 64: of our client an error costs more than an answer, so a server that refuses would wait for
 * it, and pay a wake-up for fewer calls each.
 */
import { createConnection } from 'node:net';
import { type AdmissionOptions, createServer, silentLogger } from 'hawser';
import { Call } from '../../src/call/call.js';
import { systemClock } from '../../src/call/clock.js';
import { Deadline } from '../../src/call/deadline.js';
import { HeaderMap } from '../../src/call/headers.js';
import type { Codec } from '../../src/contract/codec.js';
import { unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { writeMessage } from '../../src/contract/thrift/message.js';
import { TMessageType } from '../../src/contract/thrift/protocol.js';
import { grpcTransport } from '../../src/transports/grpc/client.js';
import { Echo, EchoSayArgs } from '../gen/trade.js';
import type { Actor } from '../harness/actor.js';
import { type Bench, interleave } from '../harness/bench.js';
import type { Remote } from '../harness/remote.js';

const inFlight = 64;
const message = Buffer.alloc(100, 1);
const bytes: Codec<Uint8Array> = {
  typeName: 'bench.Bytes',
  encode: (value) => value,
  decode: (value) => Buffer.from(value),
  toJSON: String,
  fromJSON: () => message,
};
const Bytes = defineService({
  name: 'bench.Bytes',
  idl: 'proto',
  fingerprint: '',
  methods: {
    say: unary({ name: 'Say', request: bytes, response: bytes }),
    hold: unary({ name: 'Hold', request: bytes, response: bytes }),
  },
});
const wires = ['grpc', 'thrift'] as const;
type Wire = (typeof wires)[number];

const outcomes: Readonly<Record<string, AdmissionOptions>> = {
  served: {},
  refused: { limit: 1, queue: false },
};
const names = wires.flatMap((wire) => Object.keys(outcomes).map((outcome) => `${wire}/${outcome}`));

export async function admissionServer({ outcome }: { outcome: string }): Promise<Actor> {
  const server = createServer({ logger: silentLogger, admission: outcomes[outcome] ?? {} });
  server.add(Bytes, { say: (request) => request, hold: () => new Promise<never>(() => {}) });
  server.add(Echo, { say: ({ body }) => body });
  const addresses = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
  return { addresses: () => addresses };
}

interface ClientArgs {
  readonly outcome: string;
  readonly addresses: Readonly<Record<Wire, string>>;
}

/** 64 calls at once over one connection, again and again; resolves with how many were answered, all with `type`. */
function thriftCalls(address: string, seconds: number, type: TMessageType): Promise<number> {
  const { hostname, port } = new URL(`thrift://${address.replace(/^thrift:\/\//, '')}`);
  const args = EchoSayArgs.encode({ body: 'x'.repeat(message.length) }, 'binary');
  const call = writeMessage('binary', 'say', TMessageType.CALL, 1, args, 4);
  call.writeInt32BE(call.length - 4, 0);
  const batch = Buffer.concat(Array.from({ length: inFlight }, () => call));
  const socket = createConnection({ host: hostname, port: Number(port), noDelay: true });
  const until = performance.now() + seconds * 1_000;
  let calls = 0;
  let outstanding = 0;
  let rest: Buffer = Buffer.alloc(0);
  return new Promise<number>((resolve, reject) => {
    const send = (): void => {
      if (performance.now() >= until) resolve(calls);
      else {
        outstanding = inFlight;
        socket.write(batch);
      }
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed the connection')));
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (rest.length >= 8 && rest.length >= 4 + rest.readInt32BE(0)) {
        if (rest[7] !== type) reject(new Error(`an answer is of type ${rest[7]}, not ${type}`));
        rest = rest.subarray(4 + rest.readInt32BE(0));
        calls += 1;
        outstanding -= 1;
      }
      if (outstanding === 0) send();
    });
  }).finally(() => socket.destroy());
}

/** Calls without retries: the transport itself. */
export function admissionClient({ outcome, addresses }: ClientArgs): Actor {
  const transport = grpcTransport({ address: addresses.grpc });
  const caller = (name: 'say' | 'hold'): (() => Promise<unknown>) => {
    const { [name]: method } = Bytes.methods;
    const handler = transport.bind(method);
    return () => {
      const call = new Call({
        method,
        side: 'client',
        encoding: transport.encoding,
        request: message,
        headers: new HeaderMap(),
      });
      call.deadline = Deadline.after(3_600_000, systemClock);
      return handler(call).finally(() => call.finish());
    };
  };
  if (outcome !== 'served') {
    // It takes the only place.
    caller('hold')().catch(() => {});
  }
  const say = caller('say');
  const grpcCalls = async (seconds: number): Promise<number> => {
    let calls = 0;
    const until = performance.now() + seconds * 1_000;
    const worker = async (): Promise<void> => {
      while (performance.now() < until) {
        const answered = await say().then(
          () => true,
          () => false,
        );
        if (answered !== (outcome === 'served')) {
          throw new Error(`a call was ${answered ? '' : 'not '}answered in ${outcome}`);
        }
        calls += 1;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    return calls;
  };
  const type = outcome === 'served' ? TMessageType.REPLY : TMessageType.EXCEPTION;
  return {
    calls: ({ wire, seconds }: { wire: Wire; seconds: number }): Promise<number> =>
      wire === 'grpc' ? grpcCalls(seconds) : thriftCalls(addresses.thrift, seconds, type),
  };
}

export const admission: Bench = {
  name: 'admission',
  title: 'what a refused call costs the server beside an answered one, over gRPC and Thrift',
  cases: names,
  mustHold: [],
  subjects: ['hawser'],
  estimate: (plan) => plan.cases.length * (1 + plan.runs * (plan.seconds + plan.warmUp)),
  async run(plan) {
    const pairs = new Map<string, Promise<{ server: Remote; client: Remote }>>();
    const start = async (outcome: string) => {
      const server = await plan.spawn(`server, ${outcome}`, import.meta.filename, admissionServer, { outcome });
      const addresses = await server.ask<ClientArgs['addresses']>('addresses');
      const args = { outcome, addresses };
      const client = await plan.spawn(`client, ${outcome}`, import.meta.filename, admissionClient, args);
      // The calls that fill the server are on their way first.
      await client.ask('calls', { wire: 'grpc', seconds: 0.2 }, 60_000).catch(() => {});
      return { server, client };
    };
    await interleave(plan, 'outcomes', plan.cases, plan.runs, async (name, run) => {
      const [wire = '', outcome = ''] = name.split('/');
      const pair = pairs.get(outcome) ?? start(outcome);
      pairs.set(outcome, pair);
      const { server, client } = await pair;
      const calls = (seconds: number) => client.ask<number>('calls', { wire, seconds }, seconds * 1_000 + 60_000);
      await calls(plan.warmUp);
      const before = await server.usage();
      const number = await calls(plan.seconds);
      const after = await server.usage();
      plan.record(name, 'hawser', 'server_cpu_us_per_call', 'us', run, (after.cpu - before.cpu) / number);
    });
  },
};
