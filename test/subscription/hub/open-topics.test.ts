/** Topics that exist because somebody named them: how many there are, for whom, and that they go. */

import { expect, onTestFinished, test } from 'vitest';
import { Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../../src/call/logger.js';
import { refusals } from '../../../src/call/refusals.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { Hub, type HubInit } from '../../../src/subscription/hub/hub.js';
import type { HubLimits } from '../../../src/subscription/hub/limits.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { scratchPath } from '../../stores/sqlite/scratch-store.js';
import { change, declaration, HubClient } from '../../support/hub-client.js';

const rooms = 'test.Rooms/Watch';
const room = (name: string | number): string => `${rooms}?${name}`;
const goneAfter = 5_000;

type Kind = 'memory' | 'sqlite';

function setUp({
  kind = 'memory',
  limits = {},
  more = {},
}: {
  kind?: Kind;
  limits?: Partial<HubLimits>;
  more?: Partial<HubInit>;
} = {}) {
  const clock = new VirtualClock();
  const store =
    kind === 'sqlite' ? sqliteStore(scratchPath().path, { logger: silentLogger, clock, groupDelay: 0 }) : undefined;
  if (store !== undefined) onTestFinished(() => store.close());
  const hub = new Hub({
    stores: store?.topics ?? memoryTopics(clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
    pressure: () => 0,
    limits,
    ...more,
  });
  hub.declare(declaration(rooms, { takes: () => true, durability: kind === 'sqlite' ? 'FSYNC' : 'NONE' }));
  /** Time passes, and the commits that it leads to come. */
  const go = async (ms = 0): Promise<void> => {
    for (let left = ms; left >= 0; left -= 1000) {
      await clock.advance(Math.min(left, 1000));
      for (let turns = 0; turns < 4; turns++) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(0);
      }
    }
  };
  const publish = async (name: string | number, ...texts: string[]) => {
    for (const text of texts) await clock.runUntil(Promise.resolve(hub.publish(room(name), [change(text)])));
  };
  return { clock, hub, go, publish, store };
}

function read(client: HubClient, from: number, to: number): void {
  for (let sub = from; sub <= to; sub++) client.subscribe(sub, room(`${client.principal}-${sub}`));
}

function leave(client: HubClient, from: number, to: number): void {
  for (let sub = from; sub <= to; sub++) client.give({ $case: 'unsubscribe', value: { sub, dropDurable: false } });
}

function codes(client: HubClient): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const { code } of client.of('unsubscribed')) if (code !== '') counted[code] = (counted[code] ?? 0) + 1;
  return counted;
}

test('one reader that names rooms without end gets its half of them, and takes none from other readers or the server', async () => {
  const { hub, go } = setUp({ limits: { maxTopics: 100 } });
  const before = refusals('TOO_MANY_TOPICS_OF_CALLER');
  const [greedy, again, honest] = [
    new HubClient(hub, 'greedy'),
    new HubClient(hub, 'greedy'),
    new HubClient(hub, 'honest'),
  ];
  read(greedy, 1, 40);
  read(again, 101, 140); // another connection is no other caller
  await go();
  expect(codes(greedy)).toEqual({});
  expect(codes(again)).toEqual({ TOO_MANY_TOPICS_OF_CALLER: 30 });
  expect(refusals('TOO_MANY_TOPICS_OF_CALLER') - before).toBe(30);
  read(honest, 1, 20);
  await go();
  expect(codes(honest)).toEqual({});
  for (let at = 0; at < 25; at++) await hub.publish(room(`new ${at}`), [change('cod=1')]);
});

test('all readers together leave the server its quarter', async () => {
  const { hub, go } = setUp({ limits: { maxTopics: 100 } });
  const clients = ['a', 'b', 'c'].map((name) => new HubClient(hub, name));
  for (const client of clients) read(client, 1, 30);
  await go();
  expect(clients.map(codes)).toEqual([{}, {}, { TOO_MANY_TOPICS: 15 }]);
  for (let at = 0; at < 25; at++) await hub.publish(room(`new ${at}`), [change('cod=1')]);
  expect(() => hub.publish(room('one too many'), [change('cod=1')])).toThrow(/raise maxTopics/);
  // What they read and the server publishes to is the server's, so that there is room for readers again.
  expect(hub.topics.size).toBe(100);
});

test.each(['memory', 'sqlite'] as const)(
  'rooms that were published to and emptied go within seconds, so names are no leak: %s',
  async (kind) => {
    const { hub, go, publish } = setUp({ kind, limits: { maxTopics: 50 } });
    for (let at = 0; at < 120; at++) await publish(at, 'cod=1', 'cod');
    await go(goneAfter);
    expect(hub.topics.size).toBe(0);
    const client = new HubClient(hub);
    client.subscribe(1, room(7));
    await go(1000);
    expect(client.views.get(1)).toMatchObject({ position: 2 });
    expect(client.views.get(1)?.values()).toEqual({});
  },
);

test.each(['memory', 'sqlite'] as const)(
  'a reader that comes back to a room which went meanwhile goes on where it was: %s',
  async (kind) => {
    const { hub, go, publish } = setUp({ kind });
    const client = new HubClient(hub);
    client.subscribe(1, room('never published'));
    client.subscribe(2, room('emptied'));
    await publish('emptied', 'cod=1', 'cod');
    await go(1000);
    const [one, two] = client.of('subscribed');
    client.gone();
    await go(goneAfter);
    expect(hub.topics.size).toBe(0);
    const back = new HubClient(hub);
    const views = [one, two].map((was, at) =>
      back.resume(at + 1, room(['never published', 'emptied'][at] as string), was?.epoch as Uint8Array, at * 2),
    );
    await go(1000);
    expect(views.map(({ outcomes }) => outcomes)).toEqual([['REPLAY'], ['REPLAY']]);
    await publish('emptied', 'cod=3');
    await publish('never published', 'cod=1');
    await go(1000);
    expect(views.map((view) => [view.values(), view.position])).toEqual([
      [{ cod: 'cod=1' }, 1],
      [{ cod: 'cod=3' }, 3],
    ]);
  },
);

test.each(['memory', 'sqlite'] as const)(
  'a room that went meanwhile knows what its producers published: %s',
  async (kind) => {
    const { hub, go, clock } = setUp({ kind });
    const put = (text: string, seq: number) =>
      clock.runUntil(Promise.resolve(hub.publish(room(1), [{ ...change(text), producer: { id: 'p', seq } }])));
    const [first] = await put('cod=1', 1);
    await put('cod', 2);
    await go(goneAfter);
    expect(hub.topics.size).toBe(0);
    expect(await put('cod=1', 1)).toMatchObject([{ duplicate: true, position: first?.position }]);
  },
);

test('in memory, a room that is lost with what was in it is another one afterwards', async () => {
  const clock = new VirtualClock();
  const stores = memoryTopics(clock);
  const spec = { name: 'room', keyed: true, history: { count: 9, age: 1e9, bytes: 1e9 }, tombstones: 9, maxKeys: 9 };
  const one = stores.topic(spec);
  await one.append([change('cod=1')]);
  const { epoch } = one.state();
  await one.close();
  expect(stores.topic(spec).state()).toMatchObject({ head: 0 });
  expect(stores.topic(spec).state().epoch).not.toBe(epoch);
});

test('readers write nothing into a file', async () => {
  const { hub, go, publish, store } = setUp({ kind: 'sqlite' });
  const client = new HubClient(hub);
  read(client, 1, 300);
  await go(3000); // keys are looked for that have ended
  leave(client, 1, 300);
  await go(goneAfter);
  const rows = () => store?.write((tx) => tx.prepare('SELECT count(*) AS n FROM hawser_topics').get());
  expect(await rows()).toEqual({ n: 0 });
  await publish(1, 'cod=1');
  expect(await rows()).toEqual({ n: 1 });
});

test('unread rooms that a file keeps make place for others, and are found again', async () => {
  const { hub, go, publish } = setUp({ kind: 'sqlite', limits: { maxTopics: 20 } });
  for (let at = 0; at < 50; at++) {
    await publish(at, `cod=${at}`);
    await go(100);
  }
  expect(hub.topics.size).toBeLessThanOrEqual(20);
  const client = new HubClient(hub);
  for (let at = 0; at < 10; at++) client.subscribe(at + 1, room(at));
  await go(1000);
  expect(codes(client)).toEqual({});
  for (let at = 0; at < 10; at++) expect(client.views.get(at + 1)?.values()).toEqual({ cod: `cod=${at}` });
});

test('what is held in memory alone is never closed for another', async () => {
  const { hub, publish } = setUp({ limits: { maxTopics: 20 } });
  for (let at = 0; at < 20; at++) await publish(at, `cod=${at}`);
  expect(() => hub.publish(room(20), [change('cod=1')])).toThrow(/raise maxTopics/);
});

test('a client that publishes to rooms without end has them counted as its own', async () => {
  const { hub, go, publish } = setUp({ limits: { maxTopics: 40 }, more: { authorize: () => {} } });
  const client = new HubClient(hub, 'greedy');
  for (let at = 1; at <= 30; at++) {
    const value = { request: at, topic: room(at), key: 'cod', value: Buffer.from('cod=1'), tombstone: false };
    const terms = { ttlMs: 0, producerId: '', producerSeq: 0, expect: undefined, atomicGroup: 0 };
    client.give({ $case: 'publish', value: { ...value, ...terms } });
  }
  await go();
  expect(client.of('published').filter(({ error }) => error?.code === 'TOO_MANY_TOPICS_OF_CALLER').length).toBe(10);
  await publish('new', 'cod=1');
});

test('a subscription that is refused, given up or ended holds no topic', async () => {
  const { hub, go } = setUp({ kind: 'sqlite' });
  const client = new HubClient(hub);
  client.subscribe(1, room(1), {
    start: { kind: Start_Kind.FROM_SEQ, epoch: new Uint8Array(), seq: 9, time: 0, count: 0 },
  });
  client.subscribe(2, room(2));
  leave(client, 2, 2);
  client.subscribe(3, room(3));
  await go();
  expect(codes(client)).toEqual({ OUT_OF_RANGE: 1 });
  expect(hub.topics.size).toBe(3);
  client.gone();
  await go(goneAfter);
  expect(hub.topics.size).toBe(0);
});

test('subscriptions and keys are bounded by caller over its connections, and are given back', async () => {
  const { hub, go } = setUp({ limits: { maxSubscriptionsPerCaller: 3, maxKeysPerCaller: 5 } });
  const [one, again, other] = ['greedy', 'greedy', 'honest'].map((name) => new HubClient(hub, name)) as [
    HubClient,
    HubClient,
    HubClient,
  ];
  one.subscribe(1, room(1));
  one.subscribe(2, room(1));
  again.subscribe(1, room(1));
  again.subscribe(2, room(1));
  await go();
  expect([codes(one), codes(again)]).toEqual([{}, { TOO_MANY_SUBSCRIPTIONS_OF_CALLER: 1 }]);
  leave(one, 1, 2);
  one.subscribe(3, room(1), { keys: ['a', 'b', 'c'] });
  again.subscribe(3, room(1), { keys: ['a', 'b', 'c'] });
  other.subscribe(1, room(1), { keys: ['a', 'b', 'c'] });
  await go();
  expect([codes(one), codes(again), codes(other)]).toEqual([
    {},
    { TOO_MANY_SUBSCRIPTIONS_OF_CALLER: 1, TOO_MANY_KEYS_OF_CALLER: 1 },
    {},
  ]);
  // A long key is worth several, and keys that are added later count too.
  again.subscribe(4, room(1), { keys: ['x'.repeat(300)] });
  await go();
  expect(codes(again).TOO_MANY_KEYS_OF_CALLER).toBe(2);
  const amend = { sub: 3, keysAdd: ['d', 'e', 'f'], keysRemove: [], paused: undefined, conflate: undefined };
  one.give({ $case: 'amend', value: { ...amend, minIntervalMs: undefined, maxBps: undefined } });
  await go();
  expect(one.of('error')).toMatchObject([{ code: 'TOO_MANY_KEYS_OF_CALLER', sub: 3 }]);
  one.gone();
  again.subscribe(5, room(1), { keys: ['a', 'b', 'c', 'd', 'e'] });
  await go();
  expect(again.views.get(5)?.outcomes).toEqual(['FRESH']);
});
