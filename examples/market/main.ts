/**
 * `npm start`: serves the fish market over gRPC and Thrift, calls it over both, and shows two subscribers of its prices in the
 * terminal. Where there is no terminal it prints what came back and keeps serving; `--once` ends after the calls.
 */
import { parseArgs } from 'node:util';
import { demonstrate } from './calls.js';
import { chaos } from './chaos.js';
import { type MarketServer, openMarket } from './market-server.js';
import { startTelemetry } from './telemetry.js';
import { tracedCall } from './trace.js';
import { showView } from './view.js';

const help = `usage: npm start -- [--grpc HOST:PORT] [--thrift HOST:PORT] [--metrics HOST:PORT] [--once] [--chaos] [--trace]

  --grpc    where to serve gRPC    (default 127.0.0.1:50051, or a free port when that is taken)
  --thrift  where to serve Thrift  (default 127.0.0.1:9090, or a free port when that is taken)
  --metrics where Prometheus reads metrics (default 127.0.0.1:9464, or a free port when that is taken)
  --chaos   cut the network and restart the server again and again; without a terminal, or with --once: once, then end
  --once    make the calls and end, instead of serving on
  --trace   make one call that has to be repeated, print its trace and end

In a terminal two subscribers of the prices are shown: c cuts their network and restarts the server, q ends.
Spans and metrics go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, when it is set.`;

const options = parsed();

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
        chaos: { type: 'boolean', default: false },
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
  const watched = process.stdout.isTTY && process.stdin.isTTY && !options.once;
  const ends = options.once || (options.chaos && !watched);
  const telemetry = await startTelemetry({ prometheus: ends ? undefined : options.metrics });
  const market = await openMarket({
    ...(options.grpc === undefined ? {} : { grpc: options.grpc }),
    ...(options.thrift === undefined ? {} : { thrift: options.thrift }),
  });
  try {
    tellAddresses(market, telemetry.prometheus);
    market.trade(250);
    if (options.chaos && !watched) return await chaos(market);
    await demonstrate(market.bound.grpc, market.bound.thrift);
    if (options.once) return;
    tellCommands(market);
    if (watched) await showView(market, { chaos: options.chaos });
    else await told();
    console.log('\nClosing.');
  } finally {
    await market.close();
    await telemetry.stop();
  }
}

function tellAddresses({ bound: { grpc, thrift } }: MarketServer, metrics: string | undefined): void {
  console.log('The fish market is open.\n');
  console.log(`  gRPC    ${grpc}   market.v1.TradeHistory, market.v1.PriceFeed, market.v1.Quotes, health, reflection`);
  console.log(`  Thrift  ${thrift}    market.v1.TradeHistory in framed binary, framed compact and THeader`);
  if (metrics !== undefined) console.log(`  metrics ${metrics}`);
  console.log('');
}

function tellCommands({ bound: { grpc, thrift } }: MarketServer): void {
  console.log('Call it from another terminal:\n');
  console.log(`  npx hawser subscribe ${grpc} market.v1.Quotes/Prices`);
  console.log(`  npx hawser call ${grpc} market.v1.TradeHistory/GetLastSale '{"fish":"halibut"}'`);
  console.log(`  npx hawser call ${grpc} market.v1.PriceFeed/WatchPrices '{"fish":["salmon"]}'`);
  console.log(
    `  npx hawser call thrift://${thrift} --thrift idl/market.thrift market.v1.TradeHistory/GetLastSale '{"fish":"salmon"}'`,
  );
  console.log(
    `  npx buf curl --protocol grpc --http2-prior-knowledge -d '{"fish":"halibut"}' http://${grpc}/market.v1.TradeHistory/GetLastSale\n`,
  );
}

async function told(): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  console.log('Serving; Ctrl-C stops.');
  await stopped;
}
