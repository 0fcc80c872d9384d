/** A market whose callers say who they are, over each wire, with a policy for its keys that a test changes. */
import { onTestFinished } from 'vitest';
import { Quotes } from '../../../gen/market.js';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import type { Authorize, Resource } from '../../../src/interceptors/authorize.js';
import { createServer } from '../../../src/server/create-server.js';
import type { ServerOptions } from '../../../src/server/types.js';
import type { Subscription } from '../../../src/subscription/subscriber/subscription.js';
import { MemoryNetwork, type MemoryNode } from '../../../src/transports/memory/network.js';
import { Prices } from '../../support/prices.js';

export type Policy = (resource: Resource, principal: string) => ReturnType<Authorize>;

export interface Market {
  policy: Policy;
  /** What the hook was asked about topics. */
  readonly asked: Resource[];
}

export async function openMarket(policy: Policy, options: ServerOptions = {}) {
  const market: Market = { policy, asked: [] };
  const server = createServer({
    logger: silentLogger,
    health: false,
    reflection: false,
    authenticate: (headers) => headers.get('principal'),
    authorize: (_call, principal, resource) => {
      if (resource === undefined) return true;
      market.asked.push(resource);
      return market.policy(resource, principal);
    },
    ...options,
  });
  server.add(Prices, {}).add(Quotes, {});
  server.topic(Prices.methods.merged).mergeWith((a, b) => {
    if (b.price < 0) throw new Error('a price is negative');
    return { ...b, price: a.price + b.price };
  });
  const network = new MemoryNetwork();
  const { grpc, thrift, memory } = await server.listen({
    grpc: '127.0.0.1:0',
    thrift: '127.0.0.1:0',
    memory: network,
  });
  onTestFinished(() => server.close({ grace: 0 }));
  const common = (principal: string) => ({
    logger: silentLogger,
    retry: false as const,
    headers: { principal },
    subscriptions: { backoff: { initial: 1, max: 20 } },
  });
  const proto = (address: string | MemoryNode, principal = 'mallory') => {
    const client = createClient(Prices, address, common(principal));
    onTestFinished(() => client.$close());
    return client;
  };
  const quotes = (address: string, principal = 'mallory') => {
    const client = createClient(Quotes, address, common(principal));
    onTestFinished(() => client.$close());
    return client;
  };
  const watch = server.topic(Prices.methods.watch);
  const prices = server.topic(Quotes.methods.prices);
  return {
    market,
    server,
    grpc: `grpc://${grpc}`,
    thrift: `thrift://${thrift}?wire=header`,
    memory,
    proto,
    quotes,
    /** To the topics of both IDLs. */
    publish: async (fish: string, price = 1) => {
      await prices.publish({ fish, price, market: 1, seq: 0n });
      return watch.publish({ fish, price });
    },
  };
}

export const secret = (key: string): boolean => key.startsWith('secret');

export const keysOf = (subscription: Subscription<unknown>): string[] => [...subscription.replica().keys()].sort();

/** What the application was told, by key. */
export function collect(subscription: Subscription<unknown>): {
  readonly told: string[];
  readonly ended: Promise<unknown>;
} {
  const told: string[] = [];
  const ended = (async () => {
    for await (const { type, key } of subscription) told.push(`${type} ${key}`);
  })().catch((error: unknown) => error);
  return { told, ended };
}
