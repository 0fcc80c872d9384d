/** Readers that are further behind than the server likes to send again: the log has everything, so they get everything. */
import { expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../../gen/market.js';
import type { Call } from '../../../src/call/call.js';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import type { MethodType } from '../../../src/contract/method.js';
import { createServer } from '../../../src/server/create-server.js';
import { plainSnapshot } from '../../../src/server/plain-topic.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { consume } from '../../../src/subscription/consume.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import type { SubscribeOptions } from '../../../src/subscription/subscriber/options.js';
import { declarationOf } from '../../../src/subscription/topic-method.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { scratchStore } from '../../stores/sqlite/scratch-store.js';
import { Prices } from '../../support/prices.js';

const maxReplay = 10;
const total = 60;
const all = Array.from({ length: total }, (_, index) => index + 1);

/** The topic has keys and is declared LATEST; `sales` has none. */
async function market(kind: 'memory' | 'sqlite') {
  const scratch = await scratchStore({ groupDelay: 0 });
  const network = new MemoryNetwork();
  const server = createServer({
    logger: silentLogger,
    topics: { store: kind === 'memory' ? memoryTopics() : scratch.store.topics, limits: { maxReplay } },
  });
  server.add(Prices, {});
  server.add(Quotes, {});
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  const { thrift } = await server.listen({ memory: network, thrift: '127.0.0.1:0' });
  const client = createClient(Prices, network, { logger: silentLogger });
  const polling = createClient(Quotes, `thrift://${thrift}`, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await polling.$close();
    await server.close({ grace: 0 });
  });
  const publish = async (from: number, to: number) => {
    for (let price = from; price <= to; price++) {
      await server.topic(Prices.methods.watch).publish({ fish: `k${price % 7}`, price });
      await server.topic(Prices.methods.watch, { market: 'x' }).publish({ fish: 'cod', price });
      await server.topic(Quotes.methods.prices).publish({ fish: 'cod', price, market: 1, seq: 0n });
    }
  };
  await publish(1, total);
  return { client, polling, publish, store: scratch.store };
}

it.each(['memory', 'sqlite'] as const)(
  'a consumer begins with the oldest update and comes back however far behind it is, over a stream and polled, in the %s store',
  { timeout: 30_000 },
  async (kind) => {
    const { client, polling, publish, store } = await market(kind);
    for (const [name, topic] of [
      ['streamed', client.watch],
      ['polled', polling.prices],
    ] as const) {
      const seen: number[] = [];
      const start = () =>
        consume(topic as typeof client.watch, name, ({ seq }) => void seen.push(seq), { store, logger: silentLogger });
      const first = start();
      await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(all.length);
      await first.stop();
      expect(seen).toEqual(all);
    }
    await publish(total + 1, total + 50);
    for (const [name, topic] of [
      ['streamed', client.watch],
      ['polled', polling.prices],
    ] as const) {
      const seen: number[] = [];
      const consumer = consume(topic as typeof client.watch, name, ({ seq }) => void seen.push(seq), {
        store,
        logger: silentLogger,
      });
      await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(50);
      expect([seen[0], seen.at(-1)]).toEqual([total + 1, total + 50]);
      await consumer.stop();
    }
  },
);

const starts: readonly [string, NonNullable<SubscribeOptions['from']>, number][] = [
  ['a seq', { seq: 1 }, 1],
  ['a time', { time: 1 }, 1],
  ['a count', { last: 1_000_000 }, 1],
  ['a shorter count', { last: 40 }, total - 39],
];

for (const kind of ['memory', 'sqlite'] as const) {
  it.each(starts)(
    `a reader of every update from %s gets all of them from there, in the ${kind} store`,
    async (_, from, first) => {
      const { client } = await market(kind);
      for (const accept of [['REPLAY'], ['REPLAY', 'GAP'], ['GAP']] as const) {
        const subscription = client.watch.subscribe({}, { from, mode: 'EVERY', accept });
        expect(await subscription.ready).toMatchObject({ outcome: 'REPLAY' });
        const seen: number[] = [];
        for await (const { seq } of subscription) {
          seen.push(seq);
          if (seq === total) break;
        }
        expect(seen).toEqual(all.slice(first - 1));
      }
    },
  );

  it.each(starts)(`a reader that conflates from %s is told so, in the ${kind} store`, async (_, from) => {
    const { client } = await market(kind);
    const conflated = client.watch.subscribe({}, { from });
    expect(await conflated.ready).toMatchObject({ outcome: 'CONFLATED' });
    await expect.poll(() => [conflated.position?.seq, conflated.replica().size]).toEqual([total, 7]);
    const reset = client.watch.subscribe({}, { from, mode: 'EVERY' });
    const reasons: string[] = [];
    reset.on('reset', ({ reason }) => reasons.push(reason));
    await reset.ready;
    await expect.poll(() => [reset.replica().size, ...reasons]).toEqual([7, 'TOO_FAR']);
  });
}

it('a plain call for a log that is longer than an answer may be is refused rather than cut', async () => {
  const clock = new VirtualClock();
  const hub = new Hub({ stores: memoryTopics(clock), clock, logger: silentLogger, limits: { maxReplay: 3 } });
  const method = Prices.methods.sales as unknown as MethodType;
  hub.declare(declarationOf(method, undefined));
  const call = { method, request: {}, peer: { address: 'test' }, principal: '', onFinish() {}, onAbort() {} };
  const answer = () => plainSnapshot(hub, call as unknown as Call, method, undefined);
  for (let price = 1; price <= 4; price++) {
    hub.publish(method.path.slice(1), [
      { key: '', value: method.response.encode({ fish: 'cod', price }, 'proto'), ttl: 0 },
    ]);
    if (price !== 3) continue;
    expect(await answer()).toHaveLength(3);
  }
  await expect(answer()).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOPIC_TOO_LONG' });
});
