/**
 * `npm start`: serves the fish market over gRPC and Thrift, calls it over both, prints what came back,
 * and keeps serving. `--once` ends after the calls; `--grpc` and `--thrift` choose the addresses. `--trace` makes one call and
 * prints its trace.
 */
import { parseArgs } from 'node:util';
import { type Client, createClient, createServer } from 'hawser';
import { PriceFeed, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { FishMarket } from './sales.js';
import { priceFeed, thriftTradeHistory, tradeHistory } from './services.js';
import { startTelemetry } from './telemetry.js';
import { tracedCall } from './trace.js';

const help = `usage: npm start -- [--grpc HOST:PORT] [--thrift HOST:PORT] [--metrics HOST:PORT] [--once] [--trace]

  --grpc    where to serve gRPC    (default 127.0.0.1:50051, or a free port when that is taken)
  --thrift  where to serve Thrift  (default 127.0.0.1:9090, or a free port when that is taken)
  --metrics where Prometheus reads metrics (default 127.0.0.1:9464, or a free port when that is taken)
  --once    make the calls and end, instead of serving on
  --trace   make one call that has to be repeated, print its trace and end

Spans and metrics go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, when it is set.`;

const options = parsed();

const marketNames = Object.fromEntries(Object.entries(thrift.Market).map(([name, number]) => [number, name]));

if (options.help) console.log(help);
else {
  const run = options.trace ? async () => console.log(await tracedCall()) : main;
  await run().catch((error: Error) => {
    console.error(`market: ${error.message}`);
    process.exitCode = 1;
  });
}

function parsed() {
  try {
    return parseArgs({
      options: {
        grpc: { type: 'string' },
        thrift: { type: 'string' },
        metrics: { type: 'string', default: '127.0.0.1:9464' },
        once: { type: 'boolean', default: false },
        trace: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    console.error(`market: ${(error as Error).message}\n\n${help}`);
    process.exit(2);
  }
}

async function main(): Promise<void> {
  const telemetry = await startTelemetry({ prometheus: options.once ? undefined : options.metrics });
  const market = new FishMarket();
  const server = await serve(market);
  const { grpc, thrift: thriftAddress } = server.bound;
  console.log('The fish market is open.\n');
  console.log(`  gRPC    ${grpc}   market.v1.TradeHistory, market.v1.PriceFeed, health, reflection`);
  console.log(`  Thrift  ${thriftAddress}    market.v1.TradeHistory in framed binary, framed compact and THeader`);
  if (telemetry.prometheus !== undefined) console.log(`  metrics ${telemetry.prometheus}`);
  console.log('');
  const trading = setInterval(() => market.trade(), 250);
  try {
    await demonstrate(grpc, thriftAddress);
    if (options.once) return;
    console.log('Call it from another terminal:\n');
    console.log(`  npx hawser call ${grpc} market.v1.TradeHistory/GetLastSale '{"fish":"halibut"}'`);
    console.log(`  npx hawser call ${grpc} market.v1.PriceFeed/WatchPrices '{"fish":["salmon"]}'`);
    console.log(
      `  npx hawser call thrift://${thriftAddress} --thrift idl/market.thrift market.v1.TradeHistory/GetLastSale '{"fish":"salmon"}'`,
    );
    console.log(
      `  npx buf curl --protocol grpc --http2-prior-knowledge -d '{"fish":"halibut"}' http://${grpc}/market.v1.TradeHistory/GetLastSale\n`,
    );
    const stopped = new Promise<void>((resolve) => {
      process.once('SIGINT', resolve);
      process.once('SIGTERM', resolve);
    });
    console.log('Serving; Ctrl-C stops.');
    await stopped;
    console.log('\nClosing.');
  } finally {
    clearInterval(trading);
    await server.close();
    await telemetry.stop();
  }
}

/** Serves on the wanted ports, or on free ones when the user named none and the usual are taken. */
async function serve(market: FishMarket) {
  const make = () =>
    createServer()
      .add(TradeHistory, tradeHistory(market))
      .add(PriceFeed, priceFeed(market))
      .add(thrift.TradeHistory, thriftTradeHistory(market));
  const usual = { grpc: options.grpc ?? '127.0.0.1:50051', thrift: options.thrift ?? '127.0.0.1:9090' };
  const free = { grpc: options.grpc ?? '127.0.0.1:0', thrift: options.thrift ?? '127.0.0.1:0' };
  for (const addresses of [usual, free]) {
    const server = make();
    try {
      const bound = await server.listen(addresses);
      return { bound, close: () => server.close({ grace: '2s' }) };
    } catch (error) {
      if (addresses === free || (options.grpc !== undefined && options.thrift !== undefined)) throw error;
    }
  }
  throw new Error('unreachable');
}

async function demonstrate(grpcAddress: string, thriftAddress: string): Promise<void> {
  const overGrpc = createClient(TradeHistory, `grpc://${grpcAddress}`);
  const overThrift = createClient(thrift.TradeHistory, `thrift://${thriftAddress}?wire=header`);
  const prices = createClient(PriceFeed, `grpc://${grpcAddress}`);
  try {
    console.log('A unary call, with a deadline of 2 s:');
    await show('gRPC', "getLastSale({ fish: 'halibut' })", async () =>
      trade(await overGrpc.getLastSale({ fish: 'halibut' }, { timeout: '2s' })),
    );
    await show('Thrift', "getLastSale({ fish: 'halibut' })", async () =>
      trade(await overThrift.getLastSale({ fish: 'halibut' }, { timeout: '2s' })),
    );

    console.log('\nAn error that the IDL declares arrives as its class:');
    await show('gRPC', "getLastSale({ fish: 'unicorn' })", () => overGrpc.getLastSale({ fish: 'unicorn' }).then(trade));
    await show('Thrift', "getLastSale({ fish: 'unicorn' })", () =>
      overThrift.getLastSale({ fish: 'unicorn' }).then(trade),
    );

    console.log('\nA list:');
    await show('Thrift', "getLastSaleList({ fish: new Set(['salmon', 'lingcod']) })", async () => {
      const trades = await overThrift.getLastSaleList({ fish: new Set(['salmon', 'lingcod']) });
      return trades.map((one) => `${one.fish} ${one.price.toFixed(2)}`).join(', ');
    });

    console.log('\nA stream of prices over gRPC, until we stop reading:');
    await watch(prices);
  } finally {
    await Promise.all([overGrpc.$close(), overThrift.$close(), prices.$close()]);
  }
  console.log('');
}

async function show(wire: string, what: string, call: () => Promise<string>): Promise<void> {
  const start = performance.now();
  const result = await call().catch((error: Error) => error.message);
  console.log(`  ${wire.padEnd(7)} ${what}  ->  ${result}  (${(performance.now() - start).toFixed(1)} ms)`);
}

async function watch(prices: Client<typeof PriceFeed>): Promise<void> {
  let left = 5;
  for await (const { fish, price, market, seq } of prices.watchPrices({ fish: [] })) {
    console.log(
      `  #${String(seq).padEnd(4)} ${fish.padEnd(10)} ${price.toFixed(2).padStart(6)} USD  ${marketNames[market]}`,
    );
    left -= 1;
    if (left === 0) break;
  }
}

function trade(one: { readonly fish: string; readonly price: number; readonly market: number }): string {
  return `${one.fish} at ${one.price.toFixed(2)} USD in ${marketNames[one.market]}`;
}
