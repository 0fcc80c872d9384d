/**
 * What tracing costs: the same unary call in memory without OpenTelemetry's parts of Hawser (`telemetry: false`), with them and no
 * SDK registered, and with an SDK that records spans and metrics and exports nothing. In turns, so that all see the same
 * machine. Limit: without an SDK less than 1 microsecond a call more.
 *
 *     node --conditions=hawser-source --import tsx bench/tracing.ts [--quick]
 */
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, NoopSpanProcessor } from '@opentelemetry/sdk-trace-base';
import {
  type Client,
  createClient,
  createServer,
  type Handler,
  MemoryNetwork,
  silentLogger,
  systemClock,
} from 'hawser';
import { Trade } from '../gen/market/v1/market.js';
import { TradeHistory } from '../gen/market/v1/market.rpc.js';
import { Call } from '../src/call/call.js';
import { correlationIdOf } from '../src/call/correlation-id.js';
import { EventHub } from '../src/call/events.js';
import { HeaderMap } from '../src/call/headers.js';
import type { MethodType } from '../src/contract/method.js';
import { type ClientEvents, clientEventNames } from '../src/interceptors/client-events.js';
import { serverEvents } from '../src/server/routes.js';
import { ClientMetrics } from '../src/telemetry/client-metrics.js';
import { attemptTracing, clientTracing } from '../src/telemetry/client-tracing.js';
import { serverTelemetry, serverTracing } from '../src/telemetry/server-tracing.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 5 : 21;
const calls = quick ? 20_000 : 50_000;

class NoReader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }

  protected override async onShutdown(): Promise<void> {}

  protected override async onForceFlush(): Promise<void> {}
}

const contexts = new AsyncLocalStorageContextManager();

function register(): void {
  context.setGlobalContextManager(contexts.enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new NoopSpanProcessor()] }));
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [new NoReader()] }));
}

function unregister(): void {
  trace.disable();
  context.disable();
  propagation.disable();
  metrics.disable();
}

const trade = Trade.create({ fish: 'halibut', price: 7.25 });

async function pair(telemetry: false | undefined) {
  const network = new MemoryNetwork();
  const options = telemetry === undefined ? {} : { telemetry };
  const server = createServer(options);
  server.add(TradeHistory, { getLastSale: () => trade, getLastSaleList: () => ({ trades: [] }) });
  await server.listen({ memory: network });
  const client = createClient(TradeHistory, network, { timeout: '60s', ...options });
  return { client, close: async () => Promise.all([client.$close(), server.close({ grace: 0 })]) };
}

/** Microseconds of processor time of one call. */
async function measure(client: Client<typeof TradeHistory>): Promise<number> {
  const started = process.cpuUsage();
  for (let i = 0; i < calls; i++) await client.getLastSale({ fish: 'halibut' });
  const { user, system } = process.cpuUsage(started);
  return (user + system) / calls;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

const off = await pair(false);
const on = await pair(undefined);
const times = { off: [] as number[], on: [] as number[], sdk: [] as number[] };
for (const { client } of [off, on]) await measure(client);
for (let round = 0; round < rounds; round++) {
  times.off.push(await measure(off.client));
  times.on.push(await measure(on.client));
}
register();
await measure(on.client);
for (let round = 0; round < Math.ceil(rounds / 3); round++) times.sdk.push(await measure(on.client));
unregister();

const base = median(times.off);
const show = (name: string, us: number) =>
  console.log(`${name.padEnd(34)} ${us.toFixed(2).padStart(7)} us/call  ${(us - base).toFixed(2).padStart(6)} us more`);
show('telemetry: false', base);
show('no SDK registered', median(times.on));
show('SDK, spans and metrics, no export', median(times.sdk));

// What every call pays for its correlation id, whoever traces: made by the client, read and sent back by the server.
const headers = new HeaderMap({ 'x-correlation-id': '4bf92f3577b34da6a3ce929d0e0e4736' });
function nanoseconds(fn: () => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const started = process.hrtime.bigint();
    for (let i = 0; i < 200_000; i++) fn();
    return Number(process.hrtime.bigint() - started) / 200_000;
  });
  return Math.min(...times);
}
console.log(`making a correlation id  ${nanoseconds(() => correlationIdOf(undefined, undefined)).toFixed(0)} ns`);
console.log(`reading one              ${nanoseconds(() => correlationIdOf(headers, undefined)).toFixed(0)} ns`);
console.log(
  `a map of headers with it ${nanoseconds(() => new HeaderMap().set('x-correlation-id', '4bf92f3577b34da6a3ce929d0e0e4736')).toFixed(0)} ns`,
);

// The three layers by themselves, as they find no SDK: of the client, of its attempt, of the server.
const events = new EventHub<ClientEvents>('bench', clientEventNames, () => {});
const states = { events, service: 'bench', target: 'memory', balance: () => 0, addresses: () => [] };
const telemetry = { clock: systemClock, metrics: new ClientMetrics(states), target: 'memory', longStream: 10_000 };
const method = TradeHistory.methods.getLastSale as unknown as MethodType;
const call = new Call({ method, side: 'client', encoding: 'proto', request: undefined });
const answer = Promise.resolve();
const next = (): Promise<unknown> => answer;
const server = serverTelemetry(undefined, systemClock, serverEvents(silentLogger));
const layers = [
  clientTracing(telemetry),
  attemptTracing(telemetry),
  ...(server === undefined ? [] : [serverTracing(server)]),
];
const handler = layers.reduceRight<Handler>((inner, layer) => layer(method, inner), next);
console.log(
  `three layers, no SDK      ${(nanoseconds(() => handler(call)) - nanoseconds(() => next())).toFixed(0)} ns`,
);
await Promise.all([off.close(), on.close()]);
