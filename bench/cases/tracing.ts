/**
 * What tracing costs: the same unary call in memory without OpenTelemetry's parts of Hawser (`off`), with them and no SDK
 * registered, and with an SDK that records spans and metrics and exports nothing. Limit: without an SDK less than 1 microsecond
 * a call more.
 */
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, NoopSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { Echo } from '../gen/bench.rpc.js';
import type { Actor } from '../harness/actor.js';
import { cpuOf, type Variant, variantActor, variantBench } from '../harness/variants.js';

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

async function variant(telemetry: false | undefined, sdk: boolean): Promise<Variant> {
  const network = new MemoryNetwork();
  const options = { logger: silentLogger, ...(telemetry === undefined ? {} : { telemetry }) };
  const server = createServer(options);
  server.add(Echo, { say: (request) => request, hold: (request) => request, async *pour() {}, async *chat() {} });
  await server.listen({ memory: network });
  const client = createClient(Echo, network, { timeout: '60s', ...options });
  const body = new Uint8Array(100).fill(1);
  return async (seconds) => {
    if (sdk) register();
    try {
      return await cpuOf(() => client.say({ body }), 1, seconds);
    } finally {
      if (sdk) unregister();
    }
  };
}

export function tracingActor(): Actor {
  return variantActor({
    'memory-1/off': () => variant(false, false),
    'memory-1/no-sdk': () => variant(undefined, false),
    'memory-1/sdk': () => variant(undefined, true),
  });
}

export const tracing = variantBench({
  name: 'tracing',
  title: 'what tracing costs a unary call in memory: off, without an SDK, with one that exports nothing',
  cases: ['memory-1/off', 'memory-1/no-sdk', 'memory-1/sdk'],
  module: import.meta.filename,
  actor: tracingActor,
  // What was registered once is not gone without a trace.
  apart: ['memory-1/sdk'],
});
