/**
 * Subscribers that are held back, over real sockets and at the heartbeat that servers have, 15 s: how far the log is and why they get
 * nothing they hear long before it. Each waits for the event itself; what bounds the wait is a third of the heartbeat.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import type { SubscribeOptions } from '../../src/subscription/subscriber/options.js';
import type { Subscription } from '../../src/subscription/subscriber/subscription.js';
import { faultProxy } from '../../src/testing/proxy/fault-proxy.js';
import { fishServices, fishTopic, serveFish } from '../support/fish-topics.js';

const services = fishServices('test.HeldFish', (idl) => ({
  every: fishTopic(idl, 'every', { key: 'fish', mode: 'EVERY' }),
  latest: fishTopic(idl, 'latest', { key: 'fish', mode: 'LATEST' }),
  log: fishTopic(idl, 'log', { historyCount: 1_000 }),
}));

/** ms */
const heartbeat = 15_000;
const bound = heartbeat / 3;

function watched(subscription: Subscription<unknown>) {
  const causes: string[] = [];
  subscription.on('throttled', ({ cause }) => causes.push(cause));
  const since = performance.now();
  return {
    causes,
    /** Nothing of it can be a heartbeat's. */
    early: () => expect(performance.now() - since).toBeLessThan(heartbeat),
    head: () => subscription.lag + (subscription.position?.seq ?? 0),
  };
}

const reads: readonly (readonly ['grpc' | 'thrift', 'every' | 'latest' | 'log', SubscribeOptions, string])[] = [
  ['grpc', 'every', { credit: { updates: 2 } }, 'CREDIT'],
  ['grpc', 'latest', { credit: { updates: 2 } }, 'CREDIT'],
  ['grpc', 'log', { credit: { updates: 2 } }, 'CREDIT'],
  ['grpc', 'every', { minInterval: '1m' }, 'QUOTA'],
  ['grpc', 'latest', { maxBps: 1 }, 'QUOTA'],
  ['thrift', 'every', { credit: { updates: 2 } }, 'CREDIT'],
  ['thrift', 'latest', { credit: { updates: 2 } }, 'CREDIT'],
  ['thrift', 'log', { credit: { updates: 2 } }, 'CREDIT'],
  ['thrift', 'every', { credit: { updates: 1000, bytes: 20 } }, 'CREDIT'],
];

describe.each(reads)('over %s, a reader of %s that is held back by %j', (wire, name, options, cause) => {
  it('hears of each head, and why it gets nothing', async () => {
    const { server, client, service } = await serveFish(services, wire, 'memory');
    const topic = server.topic(service.methods[name]);
    const subscription = client[name].subscribe({}, { from: 'head', ...options });
    const { causes, early, head } = watched(subscription);
    await expect.poll(() => subscription.state, { timeout: bound, interval: 5 }).toBe('Live');
    let published = 0;
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 100; n++) await topic.publish({ fish: `f${n}`, price: ++published });
      await expect.poll(head, { timeout: bound, interval: 5 }).toBe(published);
    }
    // What it was sent at first may be all of the first round.
    expect(subscription.lag).toBeGreaterThan(0);
    await expect.poll(() => causes, { timeout: bound, interval: 5 }).toEqual([cause]);
    early();
    if (options.credit === undefined) return;
    // It was no worse for that: as it reads, it gets everything.
    let seen = 0;
    for await (const { seq } of subscription) {
      seen = seq;
      if (subscription.position?.seq === published && subscription.lag === 0 && seen === published) break;
    }
    expect(seen).toBe(published);
  });
});

it('one that the application pauses over Thrift hears of the head, and of no throttle', async () => {
  const { server, client, service } = await serveFish(services, 'thrift', 'memory');
  const topic = server.topic(service.methods.every);
  const subscription = client.every.subscribe({}, { from: 'head' });
  const { causes, early, head } = watched(subscription);
  await expect.poll(() => subscription.state, { timeout: bound, interval: 5 }).toBe('Live');
  subscription.pause();
  // A poll that had begun is still answered.
  for (let n = 1; n <= 5; n++) {
    await topic.publish({ fish: 'cod', price: n });
    await expect.poll(head, { timeout: bound, interval: 5 }).toBe(n);
  }
  expect(subscription.lag).toBeGreaterThan(0);
  expect(causes).toEqual([]);
  early();
  subscription.resume();
  await expect.poll(() => subscription.position?.seq, { timeout: bound }).toBe(5);
});

it('one whose socket takes nothing for a while hears why once it does', async () => {
  const service = services.grpc;
  const server = createServer({ logger: silentLogger, health: false }).add(service, {});
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const proxy = await faultProxy({ target: grpc });
  const client = createClient(service, `grpc://${proxy.address}`, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await proxy.close();
    await server.close({ grace: 0 });
  });
  const credit = { updates: 1_000_000, bytes: 1_000_000_000 };
  const subscription = client.log.subscribe({}, { from: 'head', credit, changes: false });
  const { causes, early, head } = watched(subscription);
  await expect.poll(() => subscription.state, { timeout: bound, interval: 5 }).toBe('Live');
  await proxy.set({ stall: 'toClient' });
  // More than all the buffers on the way hold together.
  const topic = server.topic(service.methods.log);
  let published = 0;
  while (published < 200) await topic.publish({ fish: 'x'.repeat(100_000), price: ++published });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await proxy.set({});
  await expect.poll(() => causes, { timeout: bound, interval: 5 }).toContain('SOCKET');
  await expect.poll(head, { timeout: bound, interval: 5 }).toBe(published);
  early();
});
