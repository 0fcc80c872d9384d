/** What `npm start` calls: a unary call, a declared error and a list over both wires, and a stream; each printed with its time. */
import { type Client, createClient } from 'hawser';
import { PriceFeed, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';

const marketNames = Object.fromEntries(Object.entries(thrift.Market).map(([name, number]) => [number, name]));

export async function demonstrate(grpcAddress: string, thriftAddress: string): Promise<void> {
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
