/**
 * What policies cost: the same unary call with every default policy on and with none, over memory and over gRPC, the
 * two in turns so that both see the same machine. Limits: 5 microseconds more in memory, 10 % on gRPC.
 *
 *     node --conditions=hawser-source --import tsx bench/policies.ts [--quick]
 */
import {
  type CallOptions,
  type Client,
  type ClientAddress,
  type ClientOptions,
  createClient,
  createServer,
  MemoryNetwork,
} from 'hawser';
import { Trade } from '../gen/market/v1/market.js';
import { TradeHistory } from '../gen/market/v1/market.rpc.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 5 : 15;

const none: ClientOptions = { retry: false, breaker: false, throttle: false, telemetry: false };
const defaults: ClientOptions = {};
/** The defaults, and what makes them do the most for a call: it may run twice, and each attempt has a bound. */
const every: ClientOptions = {
  attemptTimeout: '10s',
  methods: { getLastSale: { idempotency: 'NO_SIDE_EFFECTS', hedge: { percentile: 95 } } },
};

/** Not even a deadline. */
const endless: CallOptions = { timeout: Number.POSITIVE_INFINITY };

const trade = Trade.create({ fish: 'halibut', price: 7.25 });
// What the server does is the same for all three, and 64 calls at once are no overload here.
const server = createServer({ admission: false });
server.add(TradeHistory, {
  getLastSale: () => trade,
  getLastSaleList: () => ({ trades: [] }),
} as unknown as Parameters<typeof server.add<typeof TradeHistory>>[1]);
const memory = new MemoryNetwork();
const { grpc } = await server.listen({ memory, grpc: '127.0.0.1:0' });

/** Microseconds of processor time of one call, several at a time: what holds on a machine that others use too. */
async function measure(
  client: Client<typeof TradeHistory>,
  calls: number,
  atOnce: number,
  options: CallOptions | undefined,
): Promise<number> {
  const started = process.cpuUsage();
  const worker = async (): Promise<void> => {
    for (let i = 0; i < calls / atOnce; i++) await client.getLastSale({ fish: 'halibut' }, options);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const { user, system } = process.cpuUsage(started);
  return (user + system) / calls;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

async function compare(name: string, address: ClientAddress, calls: number, atOnce: number): Promise<void> {
  const clients = {
    none: createClient(TradeHistory, address, none),
    defaults: createClient(TradeHistory, address, defaults),
    every: createClient(TradeHistory, address, every),
  };
  const times: Record<keyof typeof clients, number[]> = { none: [], defaults: [], every: [] };
  const run = (key: keyof typeof clients): Promise<number> =>
    measure(clients[key], calls, atOnce, key === 'none' ? endless : undefined);
  for (const key of ['none', 'defaults', 'every'] as const) await run(key);
  for (let round = 0; round < rounds; round++) {
    for (const key of ['none', 'defaults', 'every'] as const) times[key].push(await run(key));
  }
  const base = median(times.none);
  for (const key of ['none', 'defaults', 'every'] as const) {
    const us = median(times[key]);
    const more = key === 'none' ? '' : `  ${(us - base).toFixed(2)} us more, ${(100 * (us / base - 1)).toFixed(1)} %`;
    console.log(`${name.padEnd(16)} ${key.padEnd(9)} ${us.toFixed(2).padStart(8)} us/call${more}`);
  }
  await Promise.all(Object.values(clients).map((client) => client.$close()));
}

await compare('memory', memory, quick ? 20_000 : 50_000, 1);
await compare('gRPC, 1 at once', `grpc://${grpc}`, quick ? 1_000 : 3_000, 1);
await compare('gRPC, 64 at once', `grpc://${grpc}`, quick ? 4_000 : 15_000, 64);
await server.close({ grace: 0 });
