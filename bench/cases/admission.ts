/**
 * What a refusal costs the server beside an answer: processor time of the server's process a call, 100-byte echo, 64 calls in
 * flight. `refused` found no place; `shed` waited in the queue first. Limits: a refusal is at most 0.85 of an answer over
 * gRPC, a third over Thrift.
 */
import { type AdmissionOptions, createServer, silentLogger } from 'hawser';
import { Call } from '../../src/call/call.js';
import { systemClock } from '../../src/call/clock.js';
import { Deadline } from '../../src/call/deadline.js';
import { HeaderMap } from '../../src/call/headers.js';
import type { Codec } from '../../src/contract/codec.js';
import { unary } from '../../src/contract/method.js';
import { defineService, type ServiceType } from '../../src/contract/service.js';
import { grpcTransport } from '../../src/transports/grpc/client.js';
import { thriftTransport } from '../../src/transports/thrift/client.js';
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
const service = (idl: 'proto' | 'thrift') =>
  defineService({
    name: 'bench.Echo',
    idl,
    fingerprint: '',
    methods: {
      say: unary({ name: 'Say', request: bytes, response: bytes }),
      hold: unary({ name: 'Hold', request: bytes, response: bytes }),
    },
  });
const services = { grpc: service('proto'), thrift: service('thrift') };
type Wire = keyof typeof services;

const outcomes: Readonly<Record<string, AdmissionOptions>> = {
  served: {},
  refused: { limit: 1, queue: false },
  shed: { limit: 64 },
};
const names = Object.keys(services).flatMap((wire) => Object.keys(outcomes).map((outcome) => `${wire}/${outcome}`));

export async function admissionServer({ outcome }: { outcome: string }): Promise<Actor> {
  const server = createServer({ logger: silentLogger, admission: outcomes[outcome] ?? {} });
  const handlers = { say: (request: Uint8Array) => request, hold: () => new Promise<never>(() => {}) };
  for (const one of Object.values<ServiceType>(services)) server.add(one, handlers as never);
  const addresses = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
  return { addresses: () => addresses };
}

interface ClientArgs {
  readonly outcome: string;
  readonly addresses: Readonly<Record<Wire, string>>;
}

/** Calls without retries: the transport itself. */
export function admissionClient({ outcome, addresses }: ClientArgs): Actor {
  const transports = {
    grpc: grpcTransport({ address: addresses.grpc }),
    thrift: thriftTransport({ address: addresses.thrift, wire: 'binary' }),
  };
  const caller = (wire: Wire, name: 'say' | 'hold'): (() => Promise<unknown>) => {
    const { [name]: method } = services[wire].methods;
    const { encoding } = transports[wire];
    const handler = transports[wire].bind(method);
    return () => {
      const call = new Call({ method, side: 'client', encoding, request: message, headers: new HeaderMap() });
      call.deadline = Deadline.after(3_600_000, systemClock);
      return handler(call).finally(() => call.finish());
    };
  };
  if (outcome !== 'served') {
    const hold = caller('grpc', 'hold');
    for (let i = 0; i < (outcome === 'shed' ? 64 : 1); i++) hold().catch(() => {});
  }
  const callers = { grpc: caller('grpc', 'say'), thrift: caller('thrift', 'say') };
  return {
    async calls({ wire, seconds }: { wire: Wire; seconds: number }): Promise<number> {
      let calls = 0;
      const until = performance.now() + seconds * 1_000;
      const worker = async (): Promise<void> => {
        while (performance.now() < until) {
          const answered = await callers[wire]().then(
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
    },
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
