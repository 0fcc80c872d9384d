/**
 * Two who follow the prices over one bad network: one takes every update, the other little at a time and of each fish only the
 * newest. What happens to them is told as it happens.
 */
import { createClient, type OutcomeName, type SubscribeOptions, type Subscription } from 'hawser';
import { type FaultProxy, faultProxy } from 'hawser/testing';
import type { Price } from '../../gen/market/v1/market.js';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import type { MarketServer } from './market-server.js';

export interface Follower {
  readonly name: string;
  readonly terms: string;
  readonly subscription: Subscription<Price>;
  /** What the server did when it began, or last came back. */
  readonly outcome: OutcomeName | undefined;
  /** How often it came back. */
  readonly recoveries: number;
}

/** ms without a network before and after the server's restart. */
const outage = { before: 1200, after: 400 };

export type Followers = Awaited<ReturnType<typeof follow>>;

export async function follow(market: MarketServer, tell: (what: string) => void) {
  const proxy = await faultProxy({ target: market.bound.grpc });
  const each = [
    await join('fast', 'every update', proxy, tell, { mode: 'EVERY', accept: ['REPLAY'] }),
    await join('throttled', 'newest of each, 2/s, 400 B/s', proxy, tell, {
      mode: 'LATEST',
      accept: ['CONFLATED', 'RESET'],
      minInterval: '500ms',
      maxBps: 400,
    }),
  ] as const;
  let cutting: Promise<void> | undefined;
  let network = true;
  return {
    each: each as readonly Follower[],
    get network(): boolean {
      return network;
    },
    /** Cuts the network, restarts the server meanwhile, and gives the network back. One at a time. */
    cut(): Promise<void> {
      cutting ??= (async () => {
        network = false;
        tell('the network is cut');
        await proxy.set({ refuse: true });
        proxy.reset();
        await passed(outage.before);
        tell('the server restarts');
        await market.restart();
        await passed(outage.after);
        await proxy.set({});
        network = true;
        tell('the network is back');
      })().finally(() => {
        cutting = undefined;
      });
      return cutting;
    },
    async close(): Promise<void> {
      await cutting;
      await Promise.all(each.map(({ leave }) => leave()));
      await proxy.close();
    },
  };
}

async function join(
  name: string,
  terms: string,
  proxy: FaultProxy,
  tell: (what: string) => void,
  options: SubscribeOptions,
) {
  const client = createClient(Quotes, `grpc://${proxy.address}`);
  const subscription = client.prices.subscribe({}, { ...options, changes: false });
  let outcome: OutcomeName | undefined;
  let recoveries = 0;
  let stale = false;
  subscription.on('ready', (event) => {
    outcome = event.outcome;
    tell(`${name}: ready, ${event.outcome} at ${event.position.seq}`);
  });
  subscription.on('stale', ({ position }) => {
    // Each further try that fails is told, too.
    if (!stale) tell(`${name}: stale at ${position?.seq ?? 0}`);
    stale = true;
  });
  subscription.on('recovered', (event) => {
    outcome = event.outcome;
    recoveries += 1;
    stale = false;
    tell(`${name}: resumed, ${event.outcome}, now at ${event.position.seq}`);
  });
  subscription.on('reset', ({ reason }) => tell(`${name}: reset, ${reason}`));
  subscription.on('gap', ({ from, to }) => tell(`${name}: lost ${from + 1} to ${to}`));
  subscription.on('end', ({ error }) => {
    if (error !== undefined) tell(`${name}: ended, ${error.message}`);
  });
  await subscription.ready;
  return {
    name,
    terms,
    subscription,
    get outcome(): OutcomeName | undefined {
      return outcome;
    },
    get recoveries(): number {
      return recoveries;
    },
    leave: () => client.$close(),
  };
}

export function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
