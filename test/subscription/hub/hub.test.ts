import { expect, test } from 'vitest';
import { Conflate_When, Mode, Outcome, Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../../src/call/logger.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import type { TopicDeclaration } from '../../../src/subscription/hub/declaration.js';
import { Hub, type HubInit } from '../../../src/subscription/hub/hub.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { change, declaration, HubClient } from '../../support/hub-client.js';

const prices = 'test.Prices/Watch';

function setUp(more: Partial<TopicDeclaration> = {}, init: Partial<HubInit> = {}) {
  const clock = new VirtualClock();
  const hub = new Hub({
    stores: memoryTopics(clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
    ...init,
  });
  hub.declare(declaration(prices, more));
  const publish = (...texts: string[]) => {
    for (const text of texts) hub.publish(prices, [change(text)]);
  };
  const go = (ms = 0) => clock.advance(ms);
  return { clock, hub, publish, go };
}

test('a subscriber gets a snapshot, then every update, in a chain', async () => {
  const { hub, publish, go } = setUp();
  publish('cod=1', 'hake=2', 'cod=3');
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  await go();
  expect(view.values()).toEqual({ cod: 'cod=3', hake: 'hake=2' });
  expect(view.consistent).toBe(true);
  publish('cod=4', 'eel=5', 'hake');
  await go();
  expect(view.values()).toEqual({ cod: 'cod=4', eel: 'eel=5' });
  expect(view.position).toBe(6);
  expect(view.outcomes).toEqual(['FRESH']);
});

test('subscribers that are caught up get the very same bytes', async () => {
  const { hub, publish, go } = setUp();
  const clients = [new HubClient(hub), new HubClient(hub)];
  for (const client of clients) client.subscribe(1, prices);
  await go();
  publish('cod=1', 'cod=2');
  await go();
  const [one, other] = clients.map((client) => client.frames.at(-1));
  expect(one).toBe(other);
  expect(clients[0]?.views.get(1)?.updates.length).toBe(2);
});

test('two subscriptions of one connection to one topic have chains of their own', async () => {
  const { hub, publish, go } = setUp();
  const client = new HubClient(hub);
  const all = client.subscribe(1, prices);
  const cod = client.subscribe(2, prices, { keys: ['cod'] });
  await go();
  publish('cod=1', 'hake=2');
  await go();
  expect(all.ref).not.toBe(cod.ref);
  expect(all.values()).toEqual({ cod: 'cod=1', hake: 'hake=2' });
  expect(cod.values()).toEqual({ cod: 'cod=1' });
});

test('a slow subscriber gets the newest of each key, and is told exactly what it has', async () => {
  const { hub, publish, go } = setUp();
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  await go();
  client.drained(0);
  for (let i = 1; i <= 100; i++) publish(`cod=${i}`, `hake=${i}`);
  await go();
  expect(view.updates).toEqual([]);
  client.drained();
  await go();
  expect(view.updates.map(({ seq }) => seq)).toEqual([199, 200]);
  expect(view.position).toBe(200);
  expect(view.consistent).toBe(true);
});

test('a subscriber that resumes gets every update since its position', async () => {
  const { hub, publish, go } = setUp();
  publish('cod=1', 'cod=2', 'hake=3');
  const { epoch } = hub.topic(prices).store.state();
  const client = new HubClient(hub);
  const view = client.resume(1, prices, Buffer.from(epoch, 'hex'), 1);
  await go();
  expect(view.outcomes).toEqual(['REPLAY']);
  expect(view.updates.map(({ seq }) => seq)).toEqual([2, 3]);
});

test('a subscriber that resumes behind the log gets the newest of what changed, tombstones included', async () => {
  const { hub, publish, go } = setUp({ history: { count: 2, age: Number.POSITIVE_INFINITY, bytes: 1e9 } });
  publish('cod=1', 'hake=2', 'cod=3', 'hake', 'eel=5', 'eel=6');
  const { epoch } = hub.topic(prices).store.state();
  const client = new HubClient(hub);
  const view = client.resume(1, prices, Buffer.from(epoch, 'hex'), 2);
  await go();
  expect(view.outcomes).toEqual(['CONFLATED']);
  expect(view.updates.map(({ seq, tombstone }) => [seq, tombstone])).toEqual([
    [3, false],
    [4, true],
    [6, false],
  ]);
  expect(view.position).toBe(6);
});

test.each([
  ['another epoch', Buffer.alloc(16, 7), 1],
  ['the future', undefined, 1000],
])('a subscriber that resumes from %s is reset, and gets a snapshot', async (_, given, seq) => {
  const { hub, publish, go } = setUp();
  publish('cod=1', 'hake=2');
  const epoch = given ?? Buffer.from(hub.topic(prices).store.state().epoch, 'hex');
  const client = new HubClient(hub);
  const view = client.resume(1, prices, epoch, seq);
  await go();
  expect(view.outcomes).toEqual(['RESET']);
  expect(client.of('reset').length).toBe(1);
  expect(view.values()).toEqual({ cod: 'cod=1', hake: 'hake=2' });
});

test('a subscriber that accepts nothing else than REPLAY is refused when there is none', async () => {
  const { hub, publish, go } = setUp();
  publish('cod=1');
  const client = new HubClient(hub);
  const view = client.resume(1, prices, Buffer.alloc(16, 7), 1, { accept: [Outcome.REPLAY] });
  await go();
  expect(view.ended).toBe('UNRECOVERABLE');
});

test('an empty snapshot has an end too', async () => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  client.subscribe(1, prices);
  await go();
  expect(client.of('snapshotEnd')).toMatchObject([{ count: 0, at: 0, consistentAt: 0 }]);
});

test('a topic without keys delivers each update, from the seq that is asked for', async () => {
  const { hub, go } = setUp({ keyOf: undefined, mode: 'EVERY', recovery: 'GAP' });
  for (let i = 1; i <= 5; i++) hub.publish(prices, [{ key: '', value: Buffer.from(`${i}`), ttl: 0 }]);
  const client = new HubClient(hub);
  const start = { kind: Start_Kind.FROM_SEQ, epoch: Buffer.alloc(0), seq: 3, time: 0, count: 0 };
  const view = client.subscribe(1, prices, { start });
  await go();
  expect(view.updates.map(({ seq }) => seq)).toEqual([3, 4, 5]);
});

test('a subscriber of every update that falls behind the log is told of the gap', async () => {
  const { hub, publish, go } = setUp({
    mode: 'EVERY',
    recovery: 'GAP',
    history: { count: 10, age: Number.POSITIVE_INFINITY, bytes: 1e9 },
  });
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  await go();
  client.drained(0);
  for (let i = 1; i <= 100; i++) publish(`cod=${i}`);
  client.drained();
  await go();
  expect(client.of('gap')).toMatchObject([{ from: 0, to: 90 }]);
  expect(view.represented + view.gapped).toBe(100);
});

test('no more is sent than the credit allows, and the rest when there is more', async () => {
  const { hub, publish, go } = setUp({ mode: 'EVERY' });
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices, { credit: { updates: 3, bytes: 0 } });
  await go();
  for (let i = 1; i <= 10; i++) publish(`cod=${i}`);
  await go();
  expect(view.updates.length).toBe(3);
  client.give({ $case: 'credit', value: { sub: 1, limits: { updates: 5, bytes: 0 } } });
  await go();
  expect(view.updates.length).toBe(5);
  client.give({ $case: 'credit', value: { sub: 1, limits: { updates: 4, bytes: 0 } } });
  await go();
  expect(view.updates.length).toBe(5);
});

test('between two batches lies the time that was asked for, and what came meanwhile is conflated', async () => {
  const { hub, publish, go } = setUp();
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices, { minIntervalMs: 100 });
  await go(200);
  publish('cod=1');
  await go(0);
  for (let i = 2; i <= 20; i++) {
    publish(`cod=${i}`);
    await go(10);
  }
  await go(200);
  expect(view.updates.map(({ seq }) => seq)).toEqual([1, 11, 20]);
});

test('a subscription that conflates always gets one update a key of what came at once', async () => {
  const { hub, publish, go } = setUp();
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices, {
    mode: Mode.LATEST,
    conflate: { when: Conflate_When.ALWAYS, overflow: 0 },
  });
  await go();
  publish('cod=1', 'cod=2', 'hake=3', 'cod=4');
  await go();
  expect(view.updates.map(({ seq }) => seq)).toEqual([3, 4]);
});

test('a merged update stands for all that it was made of', async () => {
  const sum = (values: readonly Uint8Array[]): Uint8Array => {
    const numbers = values.map((value) => Number(Buffer.from(value).toString().split('=')[1]));
    return Buffer.from(`cod=${numbers.reduce((a, b) => a + b)}`);
  };
  const { hub, publish, go } = setUp({ mode: 'MERGE', merge: sum });
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  await go();
  client.drained(0);
  publish('cod=1', 'cod=2', 'cod=3');
  await go();
  client.drained();
  await go();
  expect(view.values()).toEqual({ cod: 'cod=6' });
  expect(view.updates.map(({ mergedCount }) => mergedCount)).toEqual([3]);
  expect(view.represented).toBe(view.position - view.start);
});

test('a key expires when its time is over', async () => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  hub.publish(prices, [change('cod=1', { ttl: 5000 })]);
  await go();
  expect(view.values()).toEqual({ cod: 'cod=1' });
  await go(6000);
  expect(view.values()).toEqual({});
});

test('other keys begin the subscription anew', async () => {
  const { hub, publish, go } = setUp();
  publish('cod=1', 'hake=2');
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices, { keys: ['cod'] });
  await go();
  const change = { sub: 1, minIntervalMs: undefined, maxBps: undefined, conflate: undefined, paused: undefined };
  client.give({ $case: 'amend', value: { ...change, keysAdd: ['hake'], keysRemove: ['cod'] } });
  await go();
  expect(view.values()).toEqual({ hake: 'hake=2' });
  expect(view.outcomes).toEqual(['FRESH', 'RESET']);
});

test('what a client says of a subscription that is not decided on yet counts once it is', async () => {
  let allow = (): void => {};
  const authorize = (): Promise<void> => new Promise((resolve) => (allow = resolve));
  const { hub, publish, go } = setUp({}, { authorize });
  publish('cod=1', 'hake=2', 'eel=3');
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices, { credit: { updates: 1, bytes: 0 } });
  const epoch = Buffer.from(hub.topic(prices).store.state().epoch, 'hex');
  const terms = {
    sub: 1,
    keysAdd: [],
    keysRemove: [],
    minIntervalMs: undefined,
    maxBps: undefined,
    conflate: undefined,
  };
  client.give(
    { $case: 'credit', value: { sub: 1, limits: { updates: 50, bytes: 0 } } },
    { $case: 'credit', value: { sub: 1, limits: { updates: 20, bytes: 0 } } },
    { $case: 'commit', value: { sub: 1, position: { epoch, seq: 2 } } },
    ...Array.from({ length: 17 }, (_, n) => ({ $case: 'amend' as const, value: { ...terms, paused: n < 15 } })),
  );
  await go();
  expect(client.of('error')).toMatchObject([{ sub: 1, code: 'TOO_MANY_AMENDMENTS' }]);
  expect(client.of('commitOk')).toEqual([]);
  allow();
  await go();
  expect(view.values()).toEqual({ cod: 'cod=1', hake: 'hake=2', eel: 'eel=3' });
  expect(client.of('commitOk')).toMatchObject([{ sub: 1, position: { seq: 2 } }]);
  for (let n = 1; n <= 60; n++) publish(`cod=${n}`);
  await go();
  expect(view.updates.length).toBe(50 - 3);
});

test('a heartbeat says how far everything was sent, and moves those on who had nothing to get', async () => {
  const { hub, publish, go } = setUp();
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices, { keys: ['cod'] });
  await go();
  publish('hake=1', 'hake=2');
  await go(20_000);
  expect(view.position).toBe(2);
  expect(client.of('progress').at(-1)).toMatchObject({ deliveredTo: 2, head: 2 });
});

test('a client publishes where it may, and is told the position', async () => {
  const { hub, go } = setUp({}, { authorize: () => {} });
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  const one = {
    topic: prices,
    key: 'cod',
    value: Buffer.from('cod=1'),
    tombstone: false,
    ttlMs: 0,
    producerId: 'p',
    producerSeq: 1,
    expect: undefined,
    atomicGroup: 0,
  };
  client.give({ $case: 'publish', value: { ...one, request: 1 } }, { $case: 'publish', value: { ...one, request: 2 } });
  client.give({ $case: 'publish', value: { ...one, request: 3, key: 'hake', producerSeq: 2 } });
  await go();
  expect(client.of('published')).toMatchObject([
    { request: 1, position: { seq: 1 }, duplicate: false },
    { request: 2, position: { seq: 1 }, duplicate: true },
    { request: 3, error: { code: 'KEY_MISMATCH' } },
  ]);
  expect(view.values()).toEqual({ cod: 'cod=1' });
});

test('a group in which only some updates have a producer is refused, for it could not be sent again', async () => {
  const { hub, go } = setUp({}, { authorize: () => {} });
  const producer = { id: 'p', seq: 1 };
  expect(() => hub.publish(prices, [{ ...change('cod=1'), producer }, change('hake=1')])).toThrow(
    /1 of the 2 updates of a group for .* have a producer; give each its number, or none/,
  );
  const client = new HubClient(hub);
  const one = { topic: prices, tombstone: false, ttlMs: 0, expect: undefined, atomicGroup: 7 };
  const cod = { ...one, request: 1, key: 'cod', value: Buffer.from('cod=1'), producerId: 'p', producerSeq: 1 };
  const hake = { ...one, request: 2, key: 'hake', value: Buffer.from('hake=1'), producerId: '', producerSeq: 0 };
  client.give({ $case: 'publish', value: cod }, { $case: 'publish', value: hake });
  client.give(
    { $case: 'publish', value: { ...cod, request: 3 } },
    { $case: 'publish', value: { ...hake, request: 4, producerId: 'q', producerSeq: 9 } },
  );
  client.give(
    { $case: 'publish', value: { ...cod, request: 5 } },
    { $case: 'publish', value: { ...hake, request: 6, producerId: 'q', producerSeq: 9 } },
  );
  await go();
  expect(client.of('published').map(({ request, error, position }) => [request, error?.code ?? position?.seq])).toEqual(
    [
      [1, 'PRODUCER'],
      [2, 'PRODUCER'],
      [3, 1],
      [4, 2],
      [5, 1],
      [6, 2],
    ],
  );
  expect(hub.topic(prices).head).toBe(2);
});

test('a client that may not publish is told so, and nothing is published', async () => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  client.give({
    $case: 'publish',
    value: {
      request: 1,
      topic: prices,
      key: 'cod',
      value: Buffer.from('cod=1'),
      tombstone: false,
      ttlMs: 0,
      producerId: '',
      producerSeq: 0,
      expect: undefined,
      atomicGroup: 0,
    },
  });
  await go();
  expect(client.of('published')).toMatchObject([{ error: { code: 'MAY_NOT_PUBLISH' } }]);
  expect(hub.topic(prices).head).toBe(0);
});

test('a closing hub tells its clients when to come back, and ends their streams in order', async () => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  client.subscribe(1, prices);
  await go();
  const closed = hub.close(1000);
  await go(2000);
  await closed;
  expect(client.of('goAway')).toMatchObject([{ reason: 'SHUTDOWN', windowMs: 5000 }]);
  expect(client.isClosed).toBe(true);
  expect(client.closedWith).toBeUndefined();
});

test('a commit that is in no log of the topic is refused with the reason, and what was committed before stays', async () => {
  const { hub, publish, go } = setUp();
  for (let n = 1; n <= 5; n++) publish(`cod=${n}`);
  const client = new HubClient(hub);
  client.subscribe(1, prices, {
    durableName: 'ledger',
    start: { kind: Start_Kind.FROM_SEQ, epoch: Buffer.alloc(0), seq: 1, time: 0, count: 0 },
  });
  await go();
  const { epoch: known, generations } = hub.topic(prices).store.state();
  const epoch = Buffer.from(known, 'hex');
  const generation = Buffer.from(generations.newest ?? '', 'hex');
  const other = Buffer.alloc(8, 7);
  const commits = [
    { epoch, seq: 3, generation },
    { epoch, seq: 6, generation },
    { epoch, seq: 4, generation: other },
    { epoch: Buffer.alloc(16, 7), seq: 4, generation },
  ];
  client.give(...commits.map((position) => ({ $case: 'commit' as const, value: { sub: 1, position } })));
  await go();
  const answers = client
    .of('commitOk')
    .map(({ position, refused, error }) => [position?.seq, refused?.seq, error?.code, error?.message]);
  const code = 'COMMIT_OF_OTHER_HISTORY';
  expect(answers).toEqual([
    [3, undefined, undefined, undefined],
    [undefined, 6, code, expect.stringContaining('seq 6 lies in the future: the head is 5')],
    [undefined, 4, code, expect.stringContaining('the log was put back')],
    [undefined, 4, code, expect.stringContaining(`the epoch is ${known} now`)],
  ]);
  const again = new HubClient(hub);
  const view = again.subscribe(1, prices, { durableName: 'ledger' });
  await go();
  expect([view.outcomes, view.start]).toEqual([['REPLAY'], 3]);
});
