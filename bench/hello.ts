/**
 * What versions cost a call in steady state: the same unary call over gRPC, THeader and in memory, of a service that declares a
 * version and of its twin that does not, in turns, so that both see the same machine. Limit: less than 2 % more.
 *
 *     node --conditions=hawser-source --import tsx bench/hello.ts [--quick]
 */
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import type { Codec } from '../src/contract/codec.js';
import { unary } from '../src/contract/method.js';
import { defineService } from '../src/contract/service.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 5 : 31;
const calls = quick ? 2_000 : 10_000;

const bytes: Codec<Uint8Array> = {
  typeName: 'bench.Bytes',
  encode: (value) => value,
  decode: (value) => value,
  toJSON: (value) => value,
  fromJSON: (json) => json as Uint8Array,
};
const payload = Buffer.alloc(64);

function contract(idl: 'proto' | 'thrift', version: string | undefined) {
  return defineService({
    name: 'bench.Hello',
    idl,
    fingerprint: 'f'.repeat(64),
    ...(version === undefined ? {} : { version }),
    methods: {
      say: unary<Uint8Array, Uint8Array>({
        name: 'Say',
        request: bytes,
        response: bytes,
        policy: { features: [{ name: 'one' }, { name: 'two' }] },
      }),
    },
  });
}

type Wire = 'memory' | 'gRPC' | 'THeader';

async function pair(wire: Wire, version: string | undefined) {
  const service = contract(wire === 'THeader' ? 'thrift' : 'proto', version);
  const server = createServer({ logger: silentLogger, telemetry: false, admission: false });
  server.add(service, { say: () => payload });
  const memory = new MemoryNetwork();
  const at =
    wire === 'memory'
      ? (await server.listen({ memory })).memory
      : wire === 'gRPC'
        ? `grpc://${(await server.listen({ grpc: '127.0.0.1:0' })).grpc}`
        : `thrift://${(await server.listen({ thrift: '127.0.0.1:0' })).thrift}?wire=header`;
  const client = createClient(service, at, { logger: silentLogger, telemetry: false, timeout: '60s' });
  /** Microseconds of processor time of one call, both ends. */
  const measure = async (): Promise<number> => {
    const started = process.cpuUsage();
    for (let i = 0; i < calls; i++) await client.say(payload);
    const { user, system } = process.cpuUsage(started);
    return (user + system) / calls;
  };
  const close = async () => {
    await client.$close();
    await server.close({ grace: 0 });
  };
  return { measure, close };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

for (const wire of ['gRPC', 'THeader', 'memory'] as const) {
  const [off, on] = [await pair(wire, undefined), await pair(wire, '1.4.0')];
  const times = { off: [] as number[], on: [] as number[] };
  for (const one of [off, on]) await one.measure();
  for (let round = 0; round < rounds; round++) {
    // Whoever goes second finds a warmer machine.
    const turn = async (which: 'off' | 'on') => times[which].push(await (which === 'off' ? off : on).measure());
    await turn(round % 2 === 0 ? 'off' : 'on');
    await turn(round % 2 === 0 ? 'on' : 'off');
  }
  const [without, with_] = [median(times.off), median(times.on)];
  const more = ((with_ / without - 1) * 100).toFixed(1);
  console.log(
    `${wire.padEnd(8)} without a version ${without.toFixed(2).padStart(7)} us/call   with one ${with_.toFixed(2).padStart(7)} us/call   ${more.padStart(5)} % more`,
  );
  await off.close();
  await on.close();
}
