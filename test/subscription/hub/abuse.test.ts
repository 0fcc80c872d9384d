/** What a client may do to a hub, and what it costs others: nothing. */
import { expect, test } from 'vitest';
import { ClientFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../../src/call/logger.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { Hub, type HubInit } from '../../../src/subscription/hub/hub.js';
import type { HubLimits } from '../../../src/subscription/hub/limits.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { change, declaration, HubClient, subscription } from '../../support/hub-client.js';

const prices = 'test.Prices/Watch';

function setUp(limits: Partial<HubLimits> = {}, more: Partial<HubInit> = {}) {
  const clock = new VirtualClock();
  const hub = new Hub({
    stores: memoryTopics(clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
    limits,
    ...more,
  });
  hub.declare(declaration(prices));
  return { clock, hub, go: (ms = 0) => clock.advance(ms) };
}

test('subscriptions above the limit are refused one by one, and those before go on', async () => {
  const { hub, go } = setUp({ maxSubscriptions: 10 });
  const client = new HubClient(hub);
  for (let sub = 1; sub <= 5000; sub++) {
    client.subscribe(sub, prices);
    if (sub % 100 === 0) await go();
  }
  hub.publish(prices, [change('cod=1')]);
  await go();
  expect(client.of('subscribed').length).toBe(10);
  expect(client.of('unsubscribed').length).toBe(4990);
  expect(client.of('unsubscribed')[0]).toMatchObject({ code: 'TOO_MANY_SUBSCRIPTIONS' });
  expect(client.views.get(1)?.values()).toEqual({ cod: 'cod=1' });
});

test('a client that asks a million times and reads nothing is let go, with little kept of it', async () => {
  const { hub, go } = setUp({ maxWaitingBytes: 100_000 });
  const client = new HubClient(hub);
  await go();
  client.drained(0);
  const frame = ClientFrame.encode({
    items: Array.from({ length: 1000 }, (_, i) => ({
      item: { $case: 'subscribe' as const, value: subscription(i + 1, `${prices}/nowhere`) },
    })),
  });
  let frames = 0;
  for (; frames < 1000 && !client.isClosed; frames++) client.giveBytes(frame);
  expect(client.closedWith?.reason).toBe('CLIENT_DOES_NOT_READ');
  expect(frames).toBeLessThan(10);
  expect(hub.connections).toBe(0);
});

test('a client that reads nothing for a minute is let go, and others never notice', async () => {
  const { hub, go } = setUp();
  const [stalled, healthy] = [new HubClient(hub), new HubClient(hub)];
  stalled.subscribe(1, prices);
  const view = healthy.subscribe(1, prices);
  await go();
  stalled.drained(0);
  for (let i = 1; i <= 90; i++) {
    hub.publish(prices, [change(`cod=${i}`)]);
    await go(1000);
    expect(view.position).toBe(i);
  }
  expect(stalled.closedWith?.reason).toBe('CLIENT_DOES_NOT_READ');
  expect(healthy.isClosed).toBe(false);
});

test.each([
  ['garbage', () => Buffer.from('\xff\xff\xff\xff no frame'), 'FRAME_MALFORMED'],
  ['a frame that is too large', () => Buffer.alloc(2 << 20), 'FRAME_TOO_LARGE'],
  [
    'a seq beyond 2^53',
    () =>
      // ClientItem.credit{ sub: 1, limits{ updates: 2^64-1 } }
      Buffer.from([0x0a, 0x11, 0x2a, 0x0f, 0x08, 0x01, 0x12, 0x0b, 0x08, ...Array(9).fill(0xff), 0x01]),
    'FRAME_MALFORMED',
  ],
])('%s ends the connection with a clear error', async (_, frame, code) => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  client.giveBytes(frame());
  await go();
  expect(client.of('error')).toMatchObject([{ code }]);
  expect(client.isClosed).toBe(true);
  expect(client.closedWith).toBeUndefined();
  expect(hub.connections).toBe(0);
});

test('numbers at the ends of their range harm neither the connection nor other readers', async () => {
  const { hub, go } = setUp({}, { authorize: () => {} });
  const reader = new HubClient(hub);
  const view = reader.subscribe(1, prices);
  hub.publish(prices, [change('cod=1')]);
  await go();
  const uint32 = 2 ** 32 - 1;
  const most = Number.MAX_SAFE_INTEGER;
  const start = { epoch: Buffer.alloc(16), seq: most, time: most, count: uint32 };
  const odd = { minIntervalMs: uint32, maxBps: uint32, priority: uint32, credit: { updates: most, bytes: most } };
  const client = new HubClient(hub);
  // Every kind of start there is, and one there is not.
  for (let kind = 0; kind <= 7; kind++)
    client.subscribe(kind + 1, prices, { ...odd, start: { ...start, kind: kind as never } });
  client.subscribe(uint32, prices, odd);
  await go();
  const granted = new Set(client.of('subscribed').map(({ sub }) => sub));
  for (let sub = 1; sub <= 8; sub++) {
    const refused = client.of('unsubscribed').find((one) => one.sub === sub);
    expect(granted.has(sub) !== (refused !== undefined), `sub ${sub}`).toBe(true);
    expect(refused?.code ?? 'granted').not.toBe('INTERNAL');
  }
  const position = { epoch: Buffer.alloc(16), seq: most };
  client.give(
    { $case: 'commit', value: { sub: 1, position } },
    { $case: 'commit', value: { sub: uint32, position } },
    { $case: 'credit', value: { sub: uint32, limits: { updates: most, bytes: most } } },
    { $case: 'credit', value: { sub: 0, limits: { updates: most, bytes: most } } },
    { $case: 'ping', value: { nonce: most } },
  );
  const publish = {
    request: uint32,
    topic: prices,
    key: 'cod',
    value: Buffer.from('cod=2'),
    tombstone: false,
    ttlMs: most,
    producerId: '',
    producerSeq: 0,
    expect: undefined,
    atomicGroup: 0,
  };
  const expectation = { epoch: new Uint8Array(), generation: new Uint8Array(), keyGeneration: new Uint8Array() };
  client.give(
    { $case: 'publish', value: publish },
    { $case: 'publish', value: { ...publish, ttlMs: 0, producerId: 'p', producerSeq: 0 } },
    {
      $case: 'publish',
      value: { ...publish, ttlMs: 0, expect: { ...expectation, seq: 2n ** 64n - 1n, keySeq: undefined } },
    },
    {
      $case: 'publish',
      value: { ...publish, ttlMs: 0, expect: { ...expectation, seq: undefined, keySeq: 2n ** 53n } },
    },
  );
  await go();
  expect(client.of('published').map(({ error }) => error?.code)).toEqual([
    'TTL',
    'PRODUCER',
    'EXPECTATION_FAILED',
    'EXPECTATION_FAILED',
  ]);
  expect(client.of('pong')).toMatchObject([{ nonce: most }]);
  expect(client.isClosed).toBe(false);
  client.give({
    $case: 'publish',
    value: { ...publish, ttlMs: 100 * 365.25 * 86_400_000, producerId: 'p', producerSeq: most },
  });
  await go();
  expect(view.values()).toEqual({ cod: 'cod=2' });
});

test('a connection begins with Hello, of a version that the server speaks', async () => {
  const { hub, go } = setUp();
  const silent = new HubClient(hub, 'anonymous', false);
  silent.subscribe(1, prices);
  const old = new HubClient(hub, 'anonymous', false);
  const hello = { version: 7, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined };
  old.give({ $case: 'hello', value: hello });
  await go();
  expect(silent.of('error')).toMatchObject([{ code: 'HELLO_EXPECTED' }]);
  expect(old.of('error')).toMatchObject([{ code: 'VERSION' }]);
});

test.each([
  ['a topic that there is not', 'nowhere', {}, 'NO_SUCH_TOPIC'],
  ['parameters that the topic does not take', `${prices}?{"x":1}`, {}, 'NO_SUCH_TOPIC'],
  ['a mode that there is not', prices, { mode: 9 as never }, 'INVALID_MODE'],
  ['a merge that is not declared', prices, { mode: 3 as const }, 'INVALID_MODE'],
  ['a key that is too long', prices, { keys: ['x'.repeat(2000)] }, 'INVALID_KEYS'],
  [
    'a seq in the future',
    prices,
    { start: { kind: 4 as const, epoch: Buffer.alloc(0), seq: 1e15, time: 0, count: 0 } },
    'OUT_OF_RANGE',
  ],
])('a subscription to %s is refused, and the connection goes on', async (_, topic, more, code) => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  client.subscribe(1, topic, more);
  await go();
  expect(client.of('unsubscribed')).toMatchObject([{ sub: 1, code }]);
  const view = client.subscribe(2, prices);
  await go();
  expect(view.outcomes).toEqual(['FRESH']);
});

test('a number that is in use stays with whom it is', async () => {
  const { hub, go } = setUp();
  const client = new HubClient(hub);
  const view = client.subscribe(1, prices);
  client.give({ $case: 'subscribe', value: subscription(1, prices) });
  hub.publish(prices, [change('cod=1')]);
  await go();
  expect(client.of('error')).toMatchObject([{ code: 'SUB_IN_USE', sub: 1 }]);
  expect(view.values()).toEqual({ cod: 'cod=1' });
});

test('topics that nobody reads and nothing is in are forgotten, so their names are no leak', async () => {
  const { hub, go } = setUp({ maxTopics: 3 });
  hub.declare(declaration('test.Any/Topic', { takes: () => true }));
  const client = new HubClient(hub);
  for (let sub = 1; sub <= 4; sub++) client.subscribe(sub, `test.Any/Topic?${sub}`);
  await go();
  expect(client.of('unsubscribed')).toMatchObject([{ sub: 4, code: 'TOO_MANY_TOPICS' }]);
  for (let sub = 1; sub <= 3; sub++) client.give({ $case: 'unsubscribe', value: { sub, dropDurable: false } });
  await go(120_000);
  client.subscribe(9, 'test.Any/Topic?9');
  await go();
  expect(client.views.get(9)?.outcomes).toEqual(['FRESH']);
});
