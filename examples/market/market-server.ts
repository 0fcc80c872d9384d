/**
 * The market's server, which can be stopped and started again while the market goes on: the log of its topic is in an SQLite
 * file, so those who follow the prices go on where they were.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TopicStores } from 'hawser';
import { type SqliteStore, sqliteStore } from 'hawser/sqlite';
import type { Price } from '../../gen/market/v1/market.js';
import { PriceFeed, Quotes, TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { FishMarket } from './sales.js';
import { priceFeed, thriftTradeHistory, tradeHistory } from './services.js';

export interface Addresses {
  readonly grpc: string;
  readonly thrift: string;
}

const usual: Addresses = { grpc: '127.0.0.1:50051', thrift: '127.0.0.1:9090' };
const free: Addresses = { grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' };

export type MarketServer = Awaited<ReturnType<typeof openMarket>>;

/** Serves on the wanted ports, or on free ones when the user named none and the usual are taken. */
export async function openMarket(wanted: Partial<Addresses>) {
  const market = new FishMarket();
  const folder = mkdtempSync(join(tmpdir(), 'hawser-market-'));
  const start = (addresses: Addresses) => serve(market, addresses, join(folder, 'market.db'));
  let running: Awaited<ReturnType<typeof serve>> | undefined = await start({ ...usual, ...wanted })
    .catch(() => start({ ...free, ...wanted }))
    .catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
  const { bound } = running;
  let trading: NodeJS.Timeout | undefined;
  let [head, restarts] = [0, 0];

  return {
    bound,
    /** The newest position of the log. */
    get head(): number {
      return head;
    },
    get restarts(): number {
      return restarts;
    },
    get running(): boolean {
      return running !== undefined;
    },
    /** Sells something every so many ms. */
    trade(every: number): void {
      clearInterval(trading);
      trading = setInterval(() => {
        // What is sold while nobody serves has no price in the log.
        running?.prices.publish(market.trade()).then(
          ({ seq }) => {
            head = Math.max(head, seq);
          },
          () => {},
        );
      }, every);
    },
    /** Ends at once, however many calls are open, and starts again from the file on the same ports. */
    async restart(): Promise<void> {
      const last = running;
      running = undefined;
      await last?.close(0);
      running = await start(bound);
      restarts += 1;
    },
    async close(): Promise<void> {
      clearInterval(trading);
      await running?.close(2000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function serve(market: FishMarket, addresses: Addresses, file: string) {
  const store = sqliteStore(file, { synchronous: 'normal' });
  const server = createServer({ topics: { store: keepingAll(store) } })
    .add(TradeHistory, tradeHistory(market))
    .add(PriceFeed, priceFeed(market))
    .add(Quotes, {})
    .add(thrift.TradeHistory, thriftTradeHistory(market));
  const topic = server.topic(Quotes.methods.prices);
  try {
    const bound = await server.listen(addresses);
    return {
      bound,
      prices: {
        publish: ({ seq, market: at, ...change }: ReturnType<FishMarket['trade']>) =>
          topic.publish({ ...change, market: at as Price['market'], seq: BigInt(seq) }),
      },
      async close(grace: number): Promise<void> {
        await server.close({ grace });
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The IDL asks for no durability; here the log outlives the server all the same. */
function keepingAll({ topics }: SqliteStore): TopicStores {
  return {
    durability: topics.durability,
    topic: (spec) => topics.topic({ ...spec, durability: 'PROCESS' }),
    close: () => topics.close(),
  };
}
