import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { type ClientOptions, createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import type { Change, Subscription } from '../../src/subscription/subscriber/subscription.js';
import { MemoryNetwork } from '../../src/transports/memory/network.js';
import { type Price, Prices } from '../support/prices.js';

async function serve(wire: 'memory' | 'grpc', options: ClientOptions = {}) {
  const server = createServer({ logger: silentLogger, reflection: false });
  server.add(Prices, {});
  server.topic(Prices.methods.merged).mergeWith((a, b) => ({ ...b, price: a.price + b.price }));
  const network = new MemoryNetwork();
  const bound = await server.listen(wire === 'memory' ? { memory: network } : { grpc: '127.0.0.1:0' });
  const address = wire === 'memory' ? network : (bound as { grpc: string }).grpc;
  const connect = () => {
    const client = createClient(Prices, address, {
      ...options,
      subscriptions: { backoff: { initial: 1, max: 20 } },
      logger: silentLogger,
    });
    onTestFinished(() => client.$close());
    return client;
  };
  onTestFinished(() => server.close({ grace: 0 }));
  return { server, connect, prices: server.topic(Prices.methods.watch), sales: server.topic(Prices.methods.sales) };
}

async function take<T>(subscription: Subscription<T>, count: number): Promise<Change<T>[]> {
  const iterator = subscription[Symbol.asyncIterator]();
  const changes: Change<T>[] = [];
  while (changes.length < count) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    changes.push(value);
  }
  return changes;
}

const told = <T>(subscription: Subscription<T>, name: 'consistent' | 'recovered' | 'end'): Promise<unknown> =>
  new Promise((resolve) => subscription.on(name, resolve));

describe.each(['memory', 'grpc'] as const)('a subscription over %s', (wire) => {
  it('gets the newest of each key, then what is published', async () => {
    const { connect, prices } = await serve(wire);
    await prices.publish({ fish: 'cod', price: 1 });
    await prices.publish({ fish: 'cod', price: 2 });
    await prices.publish({ fish: 'hake', price: 3 });
    const subscription = connect().watch.subscribe();
    const { position, outcome } = await subscription.ready;
    expect([position.seq, outcome]).toEqual([3, 'FRESH']);
    expect([...subscription.replica()]).toEqual([
      ['cod', { fish: 'cod', price: 2 }],
      ['hake', { fish: 'hake', price: 3 }],
    ]);
    await prices.publish({ fish: 'eel', price: 4 });
    await prices.delete('cod');
    const changes = await take(subscription, 4);
    expect(changes.map(({ type, key, seq, snapshot }) => [type, key, seq, snapshot])).toEqual([
      ['set', 'cod', 2, true],
      ['set', 'hake', 3, true],
      ['set', 'eel', 4, false],
      ['delete', 'cod', 5, false],
    ]);
    expect([...subscription.replica().keys()]).toEqual(['hake', 'eel']);
    expect(subscription.consistent).toBe(true);
  });

  it('is of some keys, and of the topic that the request names', async () => {
    const { server, connect, prices } = await serve(wire);
    await prices.publish({ fish: 'cod', price: 1 });
    await server.topic(Prices.methods.watch, { market: 'north' }).publish({ fish: 'cod', price: 9 });
    await prices.publish({ fish: 'hake', price: 3 });
    const client = connect();
    const some = client.watch.subscribe({ keys: ['hake'] });
    const north = client.watch.subscribe({ market: 'north' }, { changes: false });
    await Promise.all([some.ready, north.ready]);
    expect([...some.replica().values()]).toEqual([{ fish: 'hake', price: 3 }]);
    expect(north.replica().get('cod')).toEqual({ fish: 'cod', price: 9 });
    expect(() => north[Symbol.asyncIterator]()).toThrow(/changes: false/);
  });

  it('begins after a position that another one has reached', async () => {
    const { connect, sales } = await serve(wire);
    const client = connect();
    const subscription = client.sales.subscribe({}, { from: 'head' });
    await subscription.ready;
    await sales.publish({ fish: 'cod', price: 1 });
    const iterator = subscription[Symbol.asyncIterator]();
    expect((await iterator.next()).value?.value).toEqual({ fish: 'cod', price: 1 });
    const other = connect().sales.subscribe({}, { from: { position: subscription.position as never } });
    await sales.publish({ fish: 'eel', price: 2 });
    expect((await take(other, 1)).map(({ seq, value }) => [seq, value])).toEqual([[2, { fish: 'eel', price: 2 }]]);
  });

  it('gives no credit while nobody reads, and skips what was conflated meanwhile, by count', async () => {
    const { connect, prices } = await serve(wire);
    const subscription = connect().watch.subscribe({}, { from: 'head', credit: { updates: 4 } });
    await subscription.ready;
    for (let price = 1; price <= 1000; price++) await prices.publish({ fish: price % 2 ? 'cod' : 'hake', price });
    let newest = 0;
    let taken = 0;
    for await (const { seq } of subscription) {
      taken += 1;
      newest = Math.max(newest, seq);
      if (newest === 1000) break;
    }
    expect(taken).toBeLessThan(500);
    const { represented, skipped } = subscription.stats;
    expect(represented + skipped).toBe(1000);
  });

  it('ends with its client, and its reader sees the end', async () => {
    const { connect } = await serve(wire);
    const client = connect();
    const subscription = client.watch.subscribe();
    await subscription.ready;
    const rest = take(subscription, 1);
    await client.$close();
    expect(await rest).toEqual([]);
    expect(subscription.state).toBe('Ended');
    expect(() => client.watch.subscribe()).toThrow(/closed/);
  });

  it('ends when its signal says so, and when its reader leaves', async () => {
    const { connect, prices } = await serve(wire);
    await prices.publish({ fish: 'cod', price: 1 });
    const client = connect();
    const controller = new AbortController();
    const first = client.watch.subscribe({}, { signal: controller.signal });
    const second = client.watch.subscribe();
    for await (const _ of second) break;
    expect(second.state).toBe('Ended');
    controller.abort();
    expect(first.state).toBe('Ended');
    const never = client.watch.subscribe({}, { signal: AbortSignal.abort() });
    await expect(never.ready).rejects.toThrow(/ended before it was ready/);
  });

  it('fails with a sentence where there is no such topic, or the position cannot be had', async () => {
    const { connect } = await serve(wire);
    const client = connect();
    const position = { epoch: '00'.repeat(16), seq: 7 };
    const precise = client.sales.subscribe({}, { from: { position }, accept: ['REPLAY'] });
    await expect(precise.ready).rejects.toMatchObject({ code: 'DATA_LOSS', info: { reason: 'UNRECOVERABLE' } });
    await expect(take(precise, 1)).rejects.toThrow(/is gone/);
  });
});

describe('cursors', () => {
  it('carry a replica and its position into another process', async () => {
    const { connect, prices } = await serve('memory');
    await prices.publish({ fish: 'cod', price: 1 });
    await prices.publish({ fish: 'hake', price: 2 });
    const before = connect();
    await before.watch.subscribe().ready;
    const kept = JSON.stringify(before.$exportCursors());
    await before.$close();
    await prices.delete('cod');
    const after = connect();
    after.$importCursors(JSON.parse(kept));
    const subscription = after.watch.subscribe();
    expect(subscription.replica().get('cod')).toEqual({ fish: 'cod', price: 1 });
    expect(subscription.state).not.toBe('Live');
    await told(subscription, 'recovered');
    expect([...subscription.replica().keys()]).toEqual(['hake']);
    expect(subscription.position?.seq).toBe(3);
  });

  it('of every update of a topic with keys do not claim keys that have not changed since', async () => {
    const { connect, prices: watch } = await serve('memory');
    for (const fish of ['cod', 'hake']) await watch.publish({ fish, price: 1 });
    const before = connect();
    const subscription = before.watch.subscribe({}, { mode: 'EVERY' });
    expect(await take(subscription, 2)).toHaveLength(2);
    expect(subscription.consistent).toBe(true);
    const cursors = before.$exportCursors();
    await before.$close();
    await watch.publish({ fish: 'cod', price: 2 });
    const after = connect();
    after.$importCursors(cursors);
    const again = after.watch.subscribe({}, { mode: 'EVERY' });
    expect((await take(again, 1)).map(({ seq }) => seq)).toEqual([3]);
    expect([again.replica().size, again.consistent]).toEqual([1, false]);
    const head = after.watch.subscribe({}, { mode: 'EVERY', from: 'head' });
    await head.ready;
    expect([head.replica().size, head.consistent]).toEqual([0, false]);
  });

  it('of merged updates hold what they came to, and go on with what came meanwhile, each once', async () => {
    const { server, connect } = await serve('memory');
    const merged = server.topic(Prices.methods.merged);
    for (const fish of ['cod', 'cod', 'hake', 'eel']) await merged.publish({ fish, price: 1 });
    const before = connect();
    const subscription = before.merged.subscribe();
    await subscription.ready;
    await merged.publish({ fish: 'cod', price: 10 });
    await expect.poll(() => subscription.position?.seq).toBe(5);
    const kept = JSON.stringify(before.$exportCursors());
    await before.$close();
    for (const price of [100, 200, 400]) await merged.publish({ fish: 'cod', price });
    await merged.delete('eel');
    const after = connect();
    after.$importCursors(JSON.parse(kept));
    const again = after.merged.subscribe({}, { accept: ['CONFLATED'], conflate: 'ALWAYS' });
    expect(Object.fromEntries(again.replica())).toEqual({
      cod: { fish: 'cod', price: 10 },
      hake: { fish: 'hake', price: 1 },
      eel: { fish: 'eel', price: 1 },
    });
    const changes = (await take(again, 5)).filter(({ snapshot }) => !snapshot);
    const cod = changes.filter(({ key }) => key === 'cod');
    expect(cod.map(({ value, mergedCount, seq }) => [value?.price, mergedCount, seq])).toEqual([[700, 3, 8]]);
    expect(changes.find(({ key }) => key === 'eel')?.type).toBe('delete');
    await expect.poll(() => [again.position?.seq, again.consistent]).toEqual([9, true]);
    expect([...again.replica().keys()].sort()).toEqual(['cod', 'hake']);
    // What it holds now goes into the next process as it is.
    const [cursor] = after.$exportCursors().subscriptions;
    expect([cursor?.position.seq, cursor?.replica?.map(([key]) => key).sort()]).toEqual([9, ['cod', 'hake']]);
  });

  it.each(['EVERY', 'LATEST'] as const)('exported inside a snapshot leave nothing of it out, mode %s', async (mode) => {
    const { connect, prices } = await serve('memory');
    for (const fish of ['cod', 'hake', 'eel']) await prices.publish({ fish, price: 1 });
    await prices.publish({ fish: 'cod', price: 2 });
    const before = connect();
    const subscription = before.watch.subscribe({}, { mode });
    expect(before.$exportCursors().subscriptions, 'before anything has come').toEqual([]);
    await take(subscription, 1);
    const cursors = JSON.parse(JSON.stringify(before.$exportCursors()));
    // In EVERY the application has a part of a state, which is no position; else the replica goes along, and that is whole.
    expect(cursors.subscriptions).toHaveLength(mode === 'EVERY' ? 0 : 1);
    await before.$close();
    await prices.publish({ fish: 'hake', price: 3 });
    const after = connect();
    after.$importCursors(cursors);
    const again = after.watch.subscribe({}, { mode });
    await expect.poll(() => [again.position?.seq, again.consistent]).toEqual([5, true]);
    expect(Object.fromEntries([...again.replica()].map(([key, { price }]) => [key, price]))).toEqual({
      cod: 2,
      eel: 1,
      hake: 3,
    });
    const seen = await take(again, mode === 'EVERY' ? 3 : 4);
    expect(new Set(seen.map(({ key }) => key))).toEqual(new Set(['cod', 'eel', 'hake']));
    expect(seen.filter(({ snapshot }) => !snapshot).map(({ key }) => key)).toEqual(mode === 'EVERY' ? [] : ['hake']);
  });

  it('of a topic without keys are where its reader was, not what waited for it', async () => {
    const { connect, sales } = await serve('memory');
    const before = connect();
    const subscription = before.sales.subscribe({}, { from: 'head' });
    await subscription.ready;
    for (let price = 1; price <= 3; price++) await sales.publish({ fish: 'cod', price });
    expect((await take(subscription, 1)).map(({ seq }) => seq)).toEqual([1]);
    const cursors = before.$exportCursors();
    expect(cursors.subscriptions.map(({ position }) => position.seq)).toEqual([1]);
    await before.$close();
    const after = connect();
    after.$importCursors(cursors);
    expect((await take(after.sales.subscribe(), 2)).map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it('are refused when they are something else', async () => {
    const { connect } = await serve('memory');
    expect(() => connect().$importCursors({ version: 2, subscriptions: [] } as never)).toThrow(/no cursors/);
  });
});

describe('options of a subscription', () => {
  it.each([
    [{ from: 'yesterday' }, /from is "yesterday"/],
    [{ from: { seq: 0 } }, /from\.seq is 0/],
    [{ from: { position: { epoch: 'x', seq: 1 } } }, /epoch of a position/],
    [{ from: 'committed' }, /there is no name/],
    [{ accept: ['ALL'] }, /accept holds "ALL"/],
    [{ accept: [] }, /accept is empty/],
    [{ conflate: 'MAYBE' }, /conflate is "MAYBE"/],
    [{ credit: { updates: 0 } }, /credit\.updates is 0/],
    [{ minInterval: -1 }, /minInterval is -1/],
    [{ maxBps: Number.NaN }, /maxBps is NaN/],
    [{ maxKeys: 0 }, /maxKeys is 0/],
  ])('are refused when they cannot be meant: %j', async (options, sentence) => {
    const { connect } = await serve('memory');
    expect(() => connect().watch.subscribe({}, options as never)).toThrow(sentence);
  });

  it('are typed by the method: a plain stream has no subscribe', async () => {
    const { connect } = await serve('memory');
    const subscription: Subscription<Price> = connect().watch.subscribe({ keys: new Set(['cod']) });
    expect(subscription.topic).toBe('test.Prices/Watch');
  });
});
