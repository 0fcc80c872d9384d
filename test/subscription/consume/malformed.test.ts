/** What becomes of bytes that are no message, in a log that is older than the rule that none come in: readers end at them, or skip them. */
import { expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../../gen/market.js';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import { createServer } from '../../../src/server/create-server.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import type { SqliteTransaction } from '../../../src/stores/sqlite/index.js';
import { type ConsumeOptions, type Consumer, consume, type Subscribable } from '../../../src/subscription/consume.js';
import type { MalformedUpdate } from '../../../src/subscription/subscriber/events.js';
import type { TopicStore, TopicStores } from '../../../src/subscription/topic-store.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { scratchStore } from '../../stores/sqlite/scratch-store.js';
import { effect } from '../../stores/sqlite/selling.js';
import { Otel } from '../../support/otel.js';
import { type Price, Prices, type WatchRequest } from '../../support/prices.js';

const bad = Buffer.from([0x7b, 0xff]);

type Options = Partial<ConsumeOptions<WatchRequest, SqliteTransaction>>;

const kinds = [
  ['memory', 'streamed'],
  ['memory', 'polled'],
  ['sqlite', 'streamed'],
  ['sqlite', 'polled'],
] as const;

async function market(kept: 'memory' | 'sqlite', how: 'streamed' | 'polled') {
  const scratch = await scratchStore({ groupDelay: 0 });
  const network = new MemoryNetwork();
  const made = new Map<string, TopicStore>();
  const inner: TopicStores = kept === 'sqlite' ? scratch.store.topics : memoryTopics();
  const stores: TopicStores = {
    durability: inner.durability,
    topic: (spec) => {
      const one = inner.topic({ ...spec, durability: kept === 'sqlite' ? 'FSYNC' : 'NONE' });
      made.set(spec.name, one);
      return one;
    },
    close: () => {},
  };
  const server = createServer({ logger: silentLogger, topics: { store: stores } });
  server.add(Prices, {}).add(Quotes, {});
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  const { thrift } = await server.listen({ memory: network, thrift: '127.0.0.1:0' });
  const streams = createClient(Prices, network, { logger: silentLogger });
  const polls = createClient(Quotes, `thrift://${thrift}`, { logger: silentLogger });
  onTestFinished(async () => {
    await streams.$close();
    await polls.$close();
    await server.close({ grace: 0 });
  });
  const topic = (how === 'streamed' ? streams.watch : polls.prices) as unknown as Subscribable<WatchRequest, Price>;
  const name = how === 'streamed' ? 'test.Prices/Watch' : 'Quotes/Prices';
  const publish = async (price: number) => {
    if (how === 'streamed') await server.topic(Prices.methods.watch).publish({ fish: 'cod', price });
    else await server.topic(Quotes.methods.prices).publish({ fish: 'cod', price, market: 1, seq: 0n });
  };
  /** Past every check. */
  const slip = async () => {
    const [store] = [...made].filter(([one]) => one.endsWith(name)).map(([, one]) => one);
    if (store === undefined) throw new Error('nothing was published yet');
    await store.append([{ key: 'cod', value: bad, ttl: 0 }]);
  };
  const start = (options: Options = {}): Consumer => {
    const consumer = consume(topic, 'ledger', ({ value }, tx) => effect(tx, String(value?.price)), {
      store: scratch.store,
      logger: silentLogger,
      ...options,
    });
    onTestFinished(() => consumer.stop());
    return consumer;
  };
  return { ...scratch, client: how === 'streamed' ? streams : polls, publish, slip, start };
}

it.each(kinds)(
  'a consumer of a log in %s, %s, stops at it each time, and goes on once it is told to skip it',
  { timeout: 30_000 },
  async (kept, how) => {
    const { effects, publish, slip, start } = await market(kept, how);
    await publish(1);
    await slip();
    await publish(3);
    for (let time = 0; time < 2; time++) {
      await expect(start().done).rejects.toMatchObject({
        reason: 'RESPONSE_MALFORMED',
        message: expect.stringMatching(/update 2 .*onMalformed: 'skip'/),
      });
      expect(effects()).toEqual(['1']);
    }
    const skipped: MalformedUpdate[] = [];
    const keep: Options = {
      onMalformed: 'skip',
      onSkipped: (update, tx) => {
        skipped.push(update);
        effect(tx, `skipped ${update.seq}`);
      },
    };
    const going = start(keep);
    await expect.poll(effects, { timeout: 10_000 }).toEqual(['1', 'skipped 2', '3']);
    expect(skipped).toMatchObject([{ key: 'cod', seq: 2, error: { reason: 'RESPONSE_MALFORMED' } }]);
    expect(Buffer.from(skipped[0]?.value ?? []).equals(bad)).toBe(true);
    // The last of the log: the next start has nothing to skip.
    await slip();
    await expect.poll(() => going.position?.seq, { timeout: 10_000 }).toBe(4);
    await going.stop();
    start(keep);
    await publish(5);
    await expect.poll(effects, { timeout: 10_000 }).toEqual(['1', 'skipped 2', '3', 'skipped 4', '5']);
    expect(skipped.length).toBe(2);
  },
);

it('a consumer whose report fails keeps nothing of it, and reports again', async () => {
  const { effects, publish, slip, start } = await market('memory', 'streamed');
  await publish(1);
  await slip();
  await publish(3);
  const failing = start({
    onMalformed: 'skip',
    onSkipped: (_, tx) => {
      effect(tx, 'half');
      throw new RangeError('no room');
    },
  });
  await expect(failing.done).rejects.toThrow('no room');
  expect(effects()).toEqual(['1']);
  start({ onMalformed: 'skip' });
  await expect.poll(effects, { timeout: 10_000 }).toEqual(['1', '3']);
});

it('each one that is skipped is logged, told by the client and counted, also without onSkipped', async () => {
  const otel = new Otel({ spans: false });
  const { client, effects, publish, slip, start } = await market('memory', 'streamed');
  const told: unknown[] = [];
  client.$on('malformed', ({ topic, seq }) => told.push([topic, seq]));
  await publish(1);
  await slip();
  await slip();
  await publish(4);
  start({ onMalformed: 'skip' });
  await expect.poll(effects, { timeout: 10_000 }).toEqual(['1', '4']);
  expect(told).toEqual([
    ['test.Prices/Watch', 2],
    ['test.Prices/Watch', 3],
  ]);
  expect(await otel.metric('hawser.client.topic.malformed')).toEqual([
    { attributes: { 'rpc.system.name': 'grpc', 'rpc.method': 'test.Prices/Watch' }, value: 2 },
  ]);
});

it.each([
  ['another word', { onMalformed: 'ignore' as 'skip' }, /onMalformed/],
  ['a listener of what is not skipped', { onSkipped: () => {} }, /onMalformed: 'skip'/],
])('a consumer refuses %s', async (_, options: Options, message) => {
  const { start } = await market('memory', 'streamed');
  expect(() => start(options)).toThrow(message);
});
