import { describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { type ClientOptions, createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import { memoryTopics } from '../../src/stores/memory/topic-store.js';
import type { Subscription } from '../../src/subscription/subscriber/subscription.js';
import type { TopicStores } from '../../src/subscription/topic-store.js';
import { faultProxy } from '../../src/testing/proxy/fault-proxy.js';

async function serve(address = '127.0.0.1:0', store: TopicStores = memoryTopics()) {
  const server = createServer({
    health: false,
    reflection: false,
    logger: silentLogger,
    topics: { store, limits: { goAwayWindowMs: 20 } },
  }).add(Quotes, {});
  onTestFinished(() => server.close({ grace: 0 }));
  const { thrift } = await server.listen({ thrift: address });
  const prices = server.topic(Quotes.methods.prices);
  const publish = (fish: string, price: number) => prices.publish({ fish, price, market: 1, seq: 0n });
  return { server, thrift, publish, prices };
}

function connect(address: string | readonly string[], options: ClientOptions = {}) {
  const client = createClient(Quotes, address, {
    logger: silentLogger,
    subscriptions: { backoff: { initial: 1, max: 20 } },
    ...options,
  });
  onTestFinished(() => client.$close());
  return client;
}

const at = (subscription: Subscription<unknown>, seq: number): Promise<void> =>
  expect
    .poll(() => [subscription.state, subscription.position?.seq], { timeout: 15_000, interval: 5 })
    .toEqual(['Live', seq]);

const held = (subscription: Subscription<{ readonly price: number }>) =>
  [...subscription.replica()].map(([key, { price }]) => [key, price]);

describe.each(['binary', 'compact', 'header'])('a subscription over Thrift, wire %s', (wire) => {
  it('holds the newest of each key, hears each change, and ends its session when it ends', async () => {
    const { thrift, publish, prices } = await serve();
    await publish('cod', 5);
    const client = connect(`thrift://${thrift}?wire=${wire}`);
    const subscription = client.prices.subscribe({});
    expect(await subscription.ready).toMatchObject({ outcome: 'FRESH', position: { seq: 1 } });
    await publish('eel', 8);
    await prices.delete('cod');
    await at(subscription, 3);
    expect(held(subscription)).toEqual([['eel', 8]]);
    const changes: unknown[] = [];
    for await (const { type, key, seq } of subscription) {
      changes.push([type, key, seq]);
      if (seq === 3) break;
    }
    expect(changes).toEqual([
      ['set', 'cod', 1],
      ['set', 'eel', 2],
      ['delete', 'cod', 3],
    ]);
    expect(subscription.state).toBe('Ended');
  });
});

describe('a subscription over Thrift', () => {
  it('goes on where it was after its connections were cut', async () => {
    const { thrift, publish } = await serve();
    const proxy = await faultProxy({ target: thrift });
    onTestFinished(() => proxy.close());
    const subscription = connect(`thrift://${proxy.address}`).prices.subscribe({});
    const outcomes: string[] = [];
    subscription.on('recovered', ({ outcome }) => outcomes.push(outcome));
    await subscription.ready;
    await publish('cod', 1);
    await at(subscription, 1);
    for (let n = 2; n <= 4; n++) {
      proxy.reset();
      await publish('cod', n);
      await at(subscription, n);
    }
    expect(held(subscription)).toEqual([['cod', 4]]);
    const { represented, skipped, gapped } = subscription.stats;
    expect([represented + skipped, gapped]).toEqual([4, 0]);
    expect(new Set(outcomes)).toEqual(new Set(['REPLAY']));
  });

  it('is many on one client, none of which holds up another', async () => {
    const { thrift, publish } = await serve();
    const client = connect(`thrift://${thrift}`);
    const subscriptions = Array.from({ length: 12 }, () => client.prices.subscribe({}));
    await publish('cod', 5);
    await Promise.all(subscriptions.map((one) => at(one, 1)));
  });

  it('is given no more than its reader takes, and goes on when it reads', async () => {
    const { thrift, publish } = await serve();
    const subscription = connect(`thrift://${thrift}`).prices.subscribe({}, { mode: 'EVERY', credit: { updates: 2 } });
    await subscription.ready;
    for (let n = 1; n <= 10; n++) await publish('cod', n);
    const seen: number[] = [];
    for await (const { seq } of subscription) {
      seen.push(seq);
      if (seq === 10) break;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('pauses and resumes', async () => {
    const { thrift, publish } = await serve();
    const subscription = connect(`thrift://${thrift}`).prices.subscribe({});
    await publish('cod', 5);
    await at(subscription, 1);
    subscription.pause();
    await publish('cod', 6);
    subscription.resume();
    await at(subscription, 2);
  });

  it('keeps what is committed under its name', async () => {
    const { thrift, publish } = await serve();
    const first = connect(`thrift://${thrift}`).prices.subscribe({}, { name: 'books' });
    const committed = new Promise((resolve) => first.on('committed', resolve));
    const { epoch } = await publish('cod', 5);
    await at(first, 1);
    first.commit({ epoch, seq: 1 });
    await committed;
    await publish('cod', 6);
    const second = connect(`thrift://${thrift}`).prices.subscribe({}, { name: 'books', from: 'committed' });
    expect(await second.ready).toMatchObject({ outcome: 'REPLAY' });
  });

  it('comes back after a server that said that it goes', async () => {
    const { server, thrift, publish } = await serve();
    const subscription = connect(`thrift://${thrift}`).prices.subscribe({});
    const reset = new Promise((resolve) => subscription.on('reset', resolve));
    await publish('cod', 5);
    await at(subscription, 1);
    await server.close({ grace: 1000 });
    const next = await serve(thrift);
    await next.publish('eel', 8);
    expect(await reset).toMatchObject({ reason: 'EPOCH_CHANGED', epochChanged: true });
    await at(subscription, 1);
    expect(held(subscription)).toEqual([['eel', 8]]);
  });

  it('is refused with the reason of the server', async () => {
    const { thrift } = await serve();
    const subscription = connect(`thrift://${thrift}`).prices.subscribe(
      {},
      {
        from: { position: { epoch: '00'.repeat(16), seq: 9 } },
        accept: ['REPLAY'],
      },
    );
    await expect(subscription.ready).rejects.toMatchObject({ reason: 'UNRECOVERABLE' });
  });

  it('says what only a stream can be asked for', async () => {
    const { thrift } = await serve();
    const client = connect(`thrift://${thrift}`);
    expect(() => client.prices.subscribe({}, { minInterval: '1s' })).toThrow(
      'minInterval cannot be asked of market.v1.Quotes/Prices over Thrift, where a subscription is polled; leave it out, or subscribe over gRPC',
    );
    expect(() => client.prices.subscribe({}).amend({ keysAdd: ['eel'] })).toThrow('cannot be amended');
  });

  it('follows one of several servers, and says that it cannot follow a name or a resolver', async () => {
    const store = memoryTopics();
    const [one, other] = [await serve('127.0.0.1:0', store), await serve('127.0.0.1:0', store)];
    await one.publish('cod', 5);
    await other.publish('cod', 5);
    await at(connect([`thrift://${one.thrift}`, `thrift://${other.thrift}`]).prices.subscribe({}), 1);
    expect(() => connect('dns:///sales.example:9090').prices.subscribe({})).toThrow(
      expect.objectContaining({ code: 'FAILED_PRECONDITION', reason: 'POLLS_NEED_ADDRESSES' }),
    );
    const resolved = createClient(Quotes, () => [`thrift://${one.thrift}`], { logger: silentLogger });
    onTestFinished(() => resolved.$close());
    await expect(resolved.prices.subscribe({}).ready).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
      reason: 'POLLS_NEED_ADDRESSES',
    });
  });
});
