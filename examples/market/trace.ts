/**
 * `npm start -- --trace`: one call through two services, over gRPC and then over Thrift, whose first attempt fails; and its
 * trace as a person reads it.
 */
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { createClient, createServer, type Interceptor, RpcError } from 'hawser';
import { Trade } from '../../gen/market/v1/market.js';
import { TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { FishMarket } from './sales.js';
import { thriftTradeHistory } from './services.js';
import { startTelemetry } from './telemetry.js';

/** Runs the call and resolves to what there is to print. */
export async function tracedCall(): Promise<string> {
  const spans = new InMemorySpanExporter();
  const telemetry = await startTelemetry({ spans });
  const market = createServer().add(thrift.TradeHistory, thriftTradeHistory(new FishMarket())).use(failsOnce);
  const at = await market.listen({ thrift: '127.0.0.1:0' });
  const toMarket = createClient(thrift.TradeHistory, `thrift://${at.thrift}?wire=header`);

  const shop = createServer().add(TradeHistory, {
    async getLastSale({ fish }) {
      const { price } = await toMarket.getLastSale({ fish });
      return Trade.create({ fish, price });
    },
    getLastSaleList: () => ({ trades: [] }),
  });
  const { grpc } = await shop.listen({ grpc: '127.0.0.1:0' });
  const client = createClient(TradeHistory, `grpc://${grpc}`);
  try {
    const sale = await client.getLastSale({ fish: 'halibut' }, { timeout: '2s' });
    const call = `client.getLastSale({ fish: 'halibut' })  ->  ${sale.price.toFixed(2)} USD`;
    return `${call}\n\n${tree(spans.getFinishedSpans())}\n`;
  } finally {
    await client.$close();
    await shop.close({ grace: 0 });
    await toMarket.$close();
    await market.close({ grace: 0 });
    await telemetry.stop();
  }
}

let failed = false;
const failsOnce: Interceptor = (_method, next) => (call) => {
  if (failed) return next(call);
  failed = true;
  return Promise.reject(new RpcError('UNAVAILABLE', 'the market opens in a moment'));
};

interface Row {
  readonly text: string;
  readonly span: ReadableSpan;
}

/** The spans as a tree, with what happened and how long it took. */
export function tree(spans: readonly ReadableSpan[]): string {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const roots = spans.filter((span) => !ids.has(span.parentSpanContext?.spanId ?? ''));
  const rows = roots.flatMap((root) => rowsOf(root, spans, '', ''));
  const width = Math.max(...rows.map(({ text }) => text.length));
  const began = Math.min(...spans.map((span) => ms(span.startTime)));
  const lines = rows.map(({ text, span }) => {
    const from = (ms(span.startTime) - began).toFixed(1).padStart(7);
    const took = ms(span.duration).toFixed(1).padStart(7);
    return `${text.padEnd(width)}  ${String(span.attributes['rpc.status_code'] ?? '').padEnd(12)} ${from} ${took}`;
  });
  const id = roots[0]?.spanContext().traceId;
  const head = `${`trace ${id}`.padEnd(width)}  ${'status'.padEnd(12)} ${'from ms'.padStart(7)} ${'took'.padStart(7)}`;
  return [head, ...lines].join('\n');
}

function rowsOf(span: ReadableSpan, all: readonly ReadableSpan[], lead: string, rest: string): Row[] {
  const children = all
    .filter((one) => one.parentSpanContext?.spanId === span.spanContext().spanId)
    .sort((a, b) => ms(a.startTime) - ms(b.startTime));
  return [
    { text: lead + describe(span), span },
    ...children.flatMap((child, i) => {
      const last = i === children.length - 1;
      return rowsOf(child, all, `${rest}${last ? '└─ ' : '├─ '}`, `${rest}${last ? '   ' : '│  '}`);
    }),
  ];
}

const kinds = ['', 'server', 'client'];

function describe({ kind, name, attributes }: ReadableSpan): string {
  const at = `${attributes['server.address']}:${attributes['server.port']}`;
  const number = attributes['hawser.attempt.number'];
  if (number !== undefined) return `attempt ${number} (${attributes['hawser.attempt.kind']}) to ${at}`;
  return `${kinds[kind]} ${name} over ${attributes['rpc.system.name']}`;
}

function ms([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1e3 + nanos / 1e6;
}
