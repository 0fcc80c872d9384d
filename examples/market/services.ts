/** The market as services: TradeHistory over gRPC and over Thrift, PriceFeed over gRPC. */
import type { Handlers } from 'hawser';
import type { Price, Trade } from '../../gen/market/v1/market.js';
import { BadFish, BadFishes, type PriceFeed, type TradeHistory } from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import type { FishMarket, Sale } from './sales.js';

const noSuchFish = 404;

export function tradeHistory(market: FishMarket): Handlers<typeof TradeHistory> {
  return {
    getLastSale({ fish }) {
      const sale = market.lastSale(fish);
      if (sale === undefined) throw new BadFish({ fish, errorCode: noSuchFish });
      return toTrade(sale);
    },
    getLastSaleList({ fish, failFast }) {
      const { sales, unknown } = lookUp(market, fish);
      const [first] = unknown;
      if (failFast && first !== undefined) throw new BadFish({ fish: first, errorCode: noSuchFish });
      if (unknown.length > 0)
        throw new BadFishes({ fishErrors: Object.fromEntries(unknown.map((name) => [name, noSuchFish])) });
      return { trades: sales.map(toTrade) };
    },
  };
}

export function thriftTradeHistory(market: FishMarket): Handlers<typeof thrift.TradeHistory> {
  return {
    getLastSale({ fish }) {
      const sale = market.lastSale(fish);
      if (sale === undefined) throw new thrift.BadFish({ fish, errorCode: noSuchFish });
      return toThriftTrade(sale);
    },
    getLastSaleList({ fish, failFast }) {
      const { sales, unknown } = lookUp(market, fish);
      const [first] = unknown;
      if (failFast && first !== undefined) throw new thrift.BadFish({ fish: first, errorCode: noSuchFish });
      if (unknown.length > 0)
        throw new thrift.BadFishes({ fishErrors: new Map(unknown.map((name) => [name, noSuchFish])) });
      return sales.map(toThriftTrade);
    },
  };
}

export function priceFeed(market: FishMarket): Handlers<typeof PriceFeed> {
  return {
    async *watchPrices({ fish }, { signal }): AsyncGenerator<Price> {
      for await (const { seq, ...change } of market.watch(fish, signal)) {
        yield { ...change, market: change.market as Price['market'], seq: BigInt(seq) };
      }
    },
  };
}

function lookUp(market: FishMarket, fish: Iterable<string>): { sales: Sale[]; unknown: string[] } {
  const sales: Sale[] = [];
  const unknown: string[] = [];
  for (const name of fish) {
    const sale = market.lastSale(name);
    if (sale === undefined) unknown.push(name);
    else sales.push(sale);
  }
  return { sales, unknown };
}

function toTrade({ fish, price, pounds, time, market }: Sale): Trade {
  return {
    fish,
    price,
    amount: { unit: { $case: 'pounds', value: pounds } },
    dateTime: { ...timeStamp(time), micros: 0 },
    market: market as Trade['market'],
  };
}

function toThriftTrade({ fish, price, pounds, time, market }: Sale): thrift.Trade {
  return { fish, price, amount: { $case: 'pounds', value: pounds }, dateTime: timeStamp(time), market };
}

function timeStamp(time: Date) {
  return {
    year: time.getUTCFullYear(),
    month: time.getUTCMonth() + 1,
    day: time.getUTCDate(),
    hour: time.getUTCHours(),
    minute: time.getUTCMinutes(),
    second: time.getUTCSeconds(),
  };
}
