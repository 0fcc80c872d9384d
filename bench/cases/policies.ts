/**
 * What policies cost: the same unary call with none, with the defaults, and with all that make the defaults do the most. None is
 * none at both ends: the server of that call has no admission control and no telemetry. Limits: the defaults cost
 * 1.5 microseconds more than none in memory, all 4, and the defaults 10 % more on gRPC. Processor time of client and server together.
 */
import {
  type CallOptions,
  type ClientOptions,
  createClient,
  createServer,
  MemoryNetwork,
  type ServerOptions,
  silentLogger,
} from 'hawser';
import { Echo } from '../gen/bench.rpc.js';
import type { Actor } from '../harness/actor.js';
import { cpuOf, type Variant, variantActor, variantBench } from '../harness/variants.js';

const options: Readonly<Record<string, ClientOptions>> = {
  none: { retry: false, breaker: false, throttle: false, telemetry: false },
  defaults: {},
  /** It may run twice, and each attempt has a bound. */
  all: {
    attemptTimeout: '10s',
    methods: { say: { idempotency: 'NO_SIDE_EFFECTS', hedge: { percentile: 95 } } },
  },
};
/** Not even a deadline. */
const endless: CallOptions = { timeout: Number.POSITIVE_INFINITY };
const loads: Readonly<Record<string, number>> = { 'memory-1': 1, 'grpc-1': 1, 'grpc-64': 64 };
const names = Object.keys(loads).flatMap((load) => Object.keys(options).map((which) => `${load}/${which}`));

async function serve(options: ServerOptions): Promise<{ readonly memory: MemoryNetwork; readonly grpc: string }> {
  const server = createServer({ ...options, logger: silentLogger });
  server.add(Echo, { say: (request) => request, hold: (request) => request, async *pour() {}, async *chat() {} });
  const memory = new MemoryNetwork();
  const { grpc } = await server.listen({ memory, grpc: '127.0.0.1:0' });
  return { memory, grpc: `grpc://${grpc}` };
}

export async function policiesActor(): Promise<Actor> {
  const bare = await serve({ admission: false, telemetry: false });
  const usual = await serve({});
  const body = new Uint8Array(100).fill(1);
  const make = (name: string) => async (): Promise<Variant> => {
    const [load = '', which = ''] = name.split('/');
    const { memory, grpc } = which === 'none' ? bare : usual;
    const client = createClient(Echo, load.startsWith('memory') ? memory : grpc, options[which]);
    const callOptions = which === 'none' ? endless : undefined;
    return (seconds) => cpuOf(() => client.say({ body }, callOptions), loads[load] ?? 1, seconds);
  };
  return variantActor(Object.fromEntries(names.map((name) => [name, make(name)])));
}

export const policies = variantBench({
  name: 'policies',
  title: 'what policies cost a unary call: none, the defaults, all, in memory and over gRPC',
  cases: names,
  // In one process each variant would collect the garbage of the one before it.
  apart: names,
  module: import.meta.filename,
  actor: policiesActor,
});
