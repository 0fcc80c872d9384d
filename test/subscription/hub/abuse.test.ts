/** What a client may do to a hub, and what it costs others: nothing. */
import { expect, test } from 'vitest';
import { ClientFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../../src/call/logger.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import type { HubLimits } from '../../../src/subscription/hub/limits.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { change, declaration, HubClient, subscription } from '../../support/hub-client.js';

const prices = 'test.Prices/Watch';

function setUp(limits: Partial<HubLimits> = {}) {
  const clock = new VirtualClock();
  const hub = new Hub({
    stores: memoryTopics(clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
    limits,
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
  }).finish();
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
