/**
 * What negotiation costs a steady call: the same unary call of a service that declares a version, and of one that declares
 * none and says no hello. Limit: less than 2 % more. Processor time of client and server together.
 */
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { defineService, unary } from 'hawser/proto';
import type { Payload } from '../gen/bench.js';
import { Echo } from '../gen/bench.rpc.js';
import type { Actor } from '../harness/actor.js';
import { cpuOf, type Variant, variantActor, variantBench } from '../harness/variants.js';

const { say } = Echo.methods;
const service = (name: string, version?: string) =>
  defineService({
    name: `bench.v1.${name}`,
    idl: 'proto',
    fingerprint: 'f'.repeat(64),
    methods: { say: unary<Payload, Payload>({ name: 'Say', request: say.request, response: say.response }) },
    ...(version === undefined ? {} : { version }),
  });
const services = { versioned: service('Versioned', '1.2.0'), plain: service('Plain') };
const loads: Readonly<Record<string, number>> = { 'memory-1': 1, 'grpc-64': 64 };
const names = Object.keys(loads).flatMap((load) => Object.keys(services).map((which) => `${load}/${which}`));

export async function helloActor(): Promise<Actor> {
  const server = createServer({ admission: false, logger: silentLogger });
  for (const one of Object.values(services)) server.add(one, { say: (request) => request });
  const memory = new MemoryNetwork();
  const { grpc } = await server.listen({ memory, grpc: '127.0.0.1:0' });
  const body = new Uint8Array(100).fill(1);
  const make = (name: string) => async (): Promise<Variant> => {
    const [load = '', which = 'plain'] = name.split('/') as [string, keyof typeof services];
    const client = createClient(services[which], load.startsWith('memory') ? memory : `grpc://${grpc}`);
    return (seconds) => cpuOf(() => client.say({ body }), loads[load] ?? 1, seconds);
  };
  return variantActor(Object.fromEntries(names.map((name) => [name, make(name)])));
}

export const hello = variantBench({
  name: 'hello',
  title: 'what negotiating versions costs a steady unary call',
  cases: names,
  module: import.meta.filename,
  actor: helloActor,
});
