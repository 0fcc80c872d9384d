/**
 * Unary calls over gRPC: the transport beside raw grpc-js (Buffer codecs, makeUnaryRequest), 100-byte
 * echo, 64 calls in flight. Server and client are processes of their own; the cases take turns,
 * and the medians are compared, so that a busy moment of the machine hits all alike. CPU time per
 * call is what holds on a machine that others use too.
 *
 * node --conditions hawser-source --import tsx bench/grpc-unary.ts [rounds] [seconds]
 */
import { type ChildProcess, fork } from 'node:child_process';
import * as grpc from '@grpc/grpc-js';
import { Call } from '../src/call/call.js';
import { systemClock } from '../src/call/clock.js';
import { Deadline } from '../src/call/deadline.js';
import { silentLogger } from '../src/call/logger.js';
import type { Codec } from '../src/contract/codec.js';
import { unary } from '../src/contract/method.js';
import { defineService } from '../src/contract/service.js';
import { grpcTransport } from '../src/transports/grpc/client.js';
import { listenGrpc } from '../src/transports/grpc/server.js';

const inFlight = 64;
const message = Buffer.alloc(100, 1);
const bytes: Codec<Uint8Array> = {
  typeName: 'bench.Bytes',
  encode: (value) => value,
  decode: (value) => value,
  toJSON: String,
  fromJSON: () => message,
};
const Echo = defineService({
  name: 'bench.Echo',
  idl: 'proto',
  fingerprint: '',
  methods: { say: unary({ name: 'Say', request: bytes, response: bytes }) },
});
const { path } = Echo.methods.say;
const same = (buffer: Buffer): Buffer => buffer;

const servers: Record<string, () => Promise<string>> = {
  raw: () => {
    const server = new grpc.Server({ 'grpc.enable_channelz': 0 });
    const echo = (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>): void =>
      callback(null, call.request);
    server.register(path, echo, same, same, 'unary');
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
      );
    });
  },
  hawser: async () => {
    const route = { method: Echo.methods.say, handle: async (call: Call) => call.request };
    const dispatcher = { services: [Echo], find: () => route, logger: silentLogger, clock: systemClock };
    return (await listenGrpc(dispatcher, { address: '127.0.0.1:0' })).address;
  },
};

/** A way to make one call; `timeout` as the peers set it. */
const clients: Record<string, (address: string) => () => Promise<unknown>> = {
  raw: (address) => {
    const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
    return () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, message, { deadline: Date.now() + 30_000 }, (error, response) =>
          error === null ? resolve(response) : reject(error),
        );
      });
  },
  hawser: (address) => {
    const handler = grpcTransport({ address }).bind(Echo.methods.say);
    return () => {
      const call = new Call({ method: Echo.methods.say, side: 'client', encoding: 'proto', request: message });
      call.deadline = Deadline.after(30_000, systemClock);
      call.onFinish(systemClock.setTimer(() => {}, 30_000));
      return handler(call).finally(() => call.finish());
    };
  },
};

interface Measured {
  readonly rate: number;
  /** Of the client's process; microseconds a call. */
  readonly cpu: number;
  readonly calls: number;
}

const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

async function measure(call: () => Promise<unknown>, seconds: number): Promise<Measured> {
  let done = 0;
  const run = async (until: number): Promise<void> => {
    while (performance.now() < until) {
      await call();
      done += 1;
    }
  };
  const all = (until: number) => Promise.all(Array.from({ length: inFlight }, () => run(until)));
  await all(performance.now() + 300);
  done = 0;
  const start = performance.now();
  const cpu = cpuNow();
  await all(start + seconds * 1_000);
  return { rate: done / ((performance.now() - start) / 1_000), cpu: (cpuNow() - cpu) / done, calls: done };
}

async function child(role: string, name: string): Promise<void> {
  if (role === 'server') {
    process.on('message', () => process.send?.(cpuNow()));
    process.send?.(await servers[name]?.());
    return;
  }
  const made = new Map<string, () => Promise<unknown>>();
  process.on('message', async ({ address, seconds }: { address: string; seconds: number }) => {
    const call = made.get(address) ?? clients[name]?.(address);
    if (call === undefined) throw new Error(`no client ${name}`);
    made.set(address, call);
    process.send?.(await measure(call, seconds));
  });
}

function start(role: string, name: string): ChildProcess {
  return fork(import.meta.filename, [role, name], { execArgv: process.execArgv });
}

const reply = <T>(process: ChildProcess): Promise<T> => new Promise((resolve) => process.once('message', resolve));

function ask<T>(process: ChildProcess, question: object): Promise<T> {
  const answer = reply<T>(process);
  process.send(question);
  return answer;
}

async function main(rounds: number, seconds: number): Promise<void> {
  const names = ['raw', 'hawser'];
  const children: ChildProcess[] = [];
  const addresses = new Map<string, string>();
  const serverProcesses = new Map<string, ChildProcess>();
  for (const name of names) {
    const server = start('server', name);
    children.push(server);
    serverProcesses.set(name, server);
    addresses.set(name, await reply<string>(server));
  }
  const clientProcesses = new Map(names.map((name) => [name, start('client', name)]));
  children.push(...clientProcesses.values());
  const cases = [
    ['raw', 'raw'],
    ['hawser', 'hawser'],
    ['hawser', 'raw'],
    ['raw', 'hawser'],
  ] as const;
  const results = new Map<string, { rate: number; client: number; server: number }[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [client, server] of cases) {
      const serving = serverProcesses.get(server) as ChildProcess;
      const before = await ask<number>(serving, {});
      const calling = clientProcesses.get(client) as ChildProcess;
      const { rate, cpu, calls } = await ask<Measured>(calling, { address: addresses.get(server), seconds });
      const used = (await ask<number>(serving, {})) - before;
      const name = `${client} -> ${server}`;
      // The warm-up's share of the server's time is an eighth at most, and alike for all.
      results.set(name, [...(results.get(name) ?? []), { rate, client: cpu, server: used / calls }]);
    }
  }
  const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const of = (name: string, key: 'rate' | 'client' | 'server'): number =>
    median((results.get(name) ?? []).map((one) => one[key]));
  const base = 'raw -> raw';
  for (const name of results.keys()) {
    const cells = (['rate', 'client', 'server'] as const).map((key) => {
      const unit = key === 'rate' ? 'calls/s' : `us ${key}`;
      return `${Math.round(of(name, key))} ${unit} (${(of(name, key) / of(base, key)).toFixed(2)}x)`.padStart(28);
    });
    console.log(name.padEnd(18), ...cells);
  }
  for (const one of children) one.kill();
}

const [, , first = '7', second = '2'] = process.argv;
if (first === 'server' || first === 'client') await child(first, second);
else await main(Number(first), Number(second));
