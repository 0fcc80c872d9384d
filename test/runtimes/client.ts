/**
 * `client.mjs GRPC THRIFT`: calls, streams and subscriptions over both wires, as a program of any runtime with Node's modules. Prints
 * what came back as JSON.
 */
import { createClient, isRpcError, silentLogger } from 'hawser';
import { PriceFeed, Quotes, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';

const [grpc = '', overThrift = ''] = process.argv.slice(2);
const options = { logger: silentLogger, timeout: '20s', headers: { 'x-runtime': 'any' } } as const;

async function sale(client: { getLastSale(request: { fish: string }): PromiseLike<{ fish: string }> }) {
  const found = await client.getLastSale({ fish: 'halibut' });
  const lost = await Promise.resolve(client.getLastSale({ fish: 'unicorn' })).catch((error: unknown) =>
    isRpcError(error) ? error.code : (error as Error).name,
  );
  return [found.fish, lost];
}

/** A subscription's first values by key, then one that is published after. */
async function prices(changes: AsyncIterable<{ key: string; value?: { price?: number } | undefined }>) {
  const seen: Record<string, number | undefined> = {};
  for await (const { key, value } of changes) {
    seen[key] = value?.price;
    if (seen.late !== undefined) return seen;
  }
  return seen;
}

const trades = createClient(TradeHistory, grpc, options);
const zipped = createClient(TradeHistory, grpc, { ...options, grpc: { gzip: true } });
const feed = createClient(PriceFeed, grpc, options);
const quotes = createClient(Quotes, grpc, options);
const tradesOverThrift = createClient(thrift.TradeHistory, overThrift, options);
const withHeaders = createClient(thrift.TradeHistory, `thrift://${overThrift}?wire=header`, options);
const quotesOverThrift = createClient(thrift.Quotes, overThrift, options);

const streamed: string[] = [];
for await (const { fish } of feed.watchPrices({ fish: [] })) if (streamed.push(fish) === 3) break;

console.log(
  JSON.stringify({
    grpc: await sale(trades),
    gzip: await sale(zipped),
    stream: streamed,
    subscribed: await prices(quotes.prices.subscribe({})),
    thrift: await sale(tradesOverThrift),
    theader: await sale(withHeaders),
    subscribedOverThrift: await prices(quotesOverThrift.prices.subscribe({})),
  }),
);
for (const client of [trades, zipped, feed, quotes, tradesOverThrift, withHeaders, quotesOverThrift])
  await client.$close();
process.exit(0);
