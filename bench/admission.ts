/**
 * What a refusal costs the server beside an answer: processor time of the server's process a call, 100-byte echo, 64 calls in
 * flight, over gRPC and Thrift. `refused` found no place; `shed` waited in the queue first. The cases take turns and
 * medians are compared. Limits: a refusal is at most 0.85 of an answer over gRPC, a third over Thrift.
 *
 *     node --conditions=hawser-source --import tsx bench/admission.ts [rounds] [seconds]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { type AdmissionOptions, createServer, silentLogger } from 'hawser';
import { Call } from '../src/call/call.js';
import { systemClock } from '../src/call/clock.js';
import { Deadline } from '../src/call/deadline.js';
import { HeaderMap } from '../src/call/headers.js';
import type { Codec } from '../src/contract/codec.js';
import { unary } from '../src/contract/method.js';
import { defineService, type ServiceType } from '../src/contract/service.js';
import { grpcTransport } from '../src/transports/grpc/client.js';
import { thriftTransport } from '../src/transports/thrift/client.js';

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

async function serve(outcome: string): Promise<void> {
  const server = createServer({ logger: silentLogger, admission: outcomes[outcome] as AdmissionOptions });
  const handlers = { say: (request: Uint8Array) => request, hold: () => new Promise<never>(() => {}) };
  for (const one of Object.values<ServiceType>(services)) server.add(one, handlers as never);
  process.send?.(await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' }));
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
}

const ask = <T>(child: ChildProcess): Promise<T> => {
  const answer = new Promise<T>((resolve) => child.once('message', resolve));
  child.send({});
  return answer;
};

async function main(rounds: number, seconds: number): Promise<void> {
  const children = new Map<string, ChildProcess>();
  const addresses = new Map<string, Record<Wire, string>>();
  for (const outcome of Object.keys(outcomes)) {
    const child = fork(import.meta.filename, ['server', outcome], { execArgv: process.execArgv });
    children.set(outcome, child);
    addresses.set(outcome, await new Promise((resolve) => child.once('message', resolve)));
  }
  const callers = new Map<string, () => Promise<unknown>>();
  for (const outcome of children.keys()) {
    for (const wire of Object.keys(services) as Wire[]) {
      const address = (addresses.get(outcome) as Record<Wire, string>)[wire];
      const transport = wire === 'grpc' ? grpcTransport({ address }) : thriftTransport({ address, wire: 'binary' });
      const say = transport.bind(services[wire].methods.say);
      const hold = transport.bind(services[wire].methods.hold);
      const make = (handler: typeof say, name: 'say' | 'hold'): Promise<unknown> => {
        const method = services[wire].methods[name];
        const call = new Call({
          method,
          side: 'client',
          encoding: transport.encoding,
          request: message,
          headers: new HeaderMap(),
        });
        call.deadline = Deadline.after(600_000, systemClock);
        return handler(call).finally(() => call.finish());
      };
      if (outcome !== 'served' && wire === 'grpc') {
        for (let i = 0; i < (outcome === 'shed' ? 64 : 1); i++) make(hold, 'hold').catch(() => {});
      }
      callers.set(`${wire} ${outcome}`, () => make(say, 'say'));
    }
  }
  const results = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of callers) {
      const [, outcome = ''] = name.split(' ');
      const child = children.get(outcome) as ChildProcess;
      await run(call, 200, outcome);
      const before = await ask<number>(child);
      const calls = await run(call, seconds * 1_000, outcome);
      const used = (await ask<number>(child)) - before;
      results.set(name, [...(results.get(name) ?? []), used / calls]);
    }
  }
  const median = (name: string): number => [...(results.get(name) ?? [])].sort((a, b) => a - b)[rounds >> 1] ?? 0;
  for (const name of results.keys()) {
    const [wire] = name.split(' ');
    console.log(
      name.padEnd(16),
      `${median(name).toFixed(1)} us a call`.padStart(18),
      `${(median(name) / median(`${wire} served`)).toFixed(2)}x`,
    );
  }
  for (const child of children.values()) child.kill();
  process.exit(0);
}

async function run(call: () => Promise<unknown>, ms: number, outcome: string): Promise<number> {
  let calls = 0;
  const until = performance.now() + ms;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const answered = await call().then(
        () => true,
        () => false,
      );
      if (answered !== (outcome === 'served'))
        throw new Error(`a call was ${answered ? '' : 'not '}answered in ${outcome}`);
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return calls;
}

const [, , first = '7', second = '2'] = process.argv;
if (first === 'server') await serve(second);
else await main(Number(first), Number(second));
