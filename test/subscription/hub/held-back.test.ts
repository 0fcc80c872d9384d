/** What one that is held back hears meanwhile: how far the log is, and why it gets nothing, at a heartbeat of 15 s. */
import { describe, expect, it } from 'vitest';
import { type CreditLimits, type Subscribe, Throttle_Cause } from '../../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../../src/call/logger.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import { change, declaration, HubClient } from '../../support/hub-client.js';
import { SimClock } from '../sim/sim-clock.js';

const prices = 'test.Prices/Watch';

function setUp() {
  const clock = new SimClock();
  const hub = new Hub({
    stores: memoryTopics(clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
  });
  hub.declare(declaration(prices));
  const client = new HubClient(hub);
  const go = (ms: number) => clock.runTo(clock.now() + ms);
  let n = 0;
  const publish = (count: number): void => {
    for (let i = 0; i < count; i++) hub.publish(prices, [change(`k${++n % 10}=${'x'.repeat(50)}`)]);
  };
  const head = (): number =>
    Math.max(0, ...client.of('progress').map((one) => one.head), ...client.of('batch').map(({ to }) => to));
  return { hub, client, go, publish, head, published: () => n };
}

const credit: CreditLimits = { updates: 5, bytes: 0 };
const ways: readonly (readonly [string, Partial<Subscribe>, Throttle_Cause])[] = [
  ['no credit, every update', { mode: 1, credit }, Throttle_Cause.CREDIT],
  ['no credit, the newest of each key', { mode: 2, credit }, Throttle_Cause.CREDIT],
  ['no credit in bytes', { mode: 1, credit: { updates: 0, bytes: 100 } }, Throttle_Cause.CREDIT],
  ['an interval', { mode: 2, minIntervalMs: 20_000 }, Throttle_Cause.QUOTA],
  ['an interval, every update', { mode: 1, minIntervalMs: 20_000 }, Throttle_Cause.QUOTA],
  ['a rate', { mode: 1, maxBps: 10 }, Throttle_Cause.QUOTA],
];

describe.each(ways)('one that is held back by %s', (_, terms, cause) => {
  it.each([[[] as string[]], [['k1', 'k2']]])(
    'hears of each head within a second, and once why; keys %j',
    async (keys) => {
      const { client, go, publish, head, published } = setUp();
      const view = client.subscribe(1, prices, { ...terms, keys });
      await go(100);
      publish(100);
      await go(50);
      for (let second = 0; second < 8; second++) {
        publish(100);
        await go(1000);
        expect(head()).toBe(published());
        expect(view.position).toBeLessThan(published());
      }
      expect(client.of('throttle').map((one) => one.cause)).toEqual([cause]);
      // Nothing is published, so there is nothing to tell.
      await go(1000);
      const { length } = client.of('progress');
      await go(4000);
      expect(client.of('progress').length).toBe(length);
    },
  );
});

describe('a connection whose socket takes nothing', () => {
  it('tells the head before anything else once it does, and in between while it takes a little', async () => {
    const { client, go, publish, head, published } = setUp();
    client.subscribe(1, prices, { mode: 1 });
    await go(100);
    client.drained(0);
    publish(10);
    await go(2000);
    publish(1000);
    client.drained(1);
    await go(1);
    expect(client.items.filter(({ $case }) => $case === 'progress' || $case === 'batch')[0]?.$case).toBe('progress');
    expect(head()).toBe(published());
    for (let n = 0; n < 5; n++) {
      publish(1000);
      client.drained(1);
      await go(1000);
      client.drained(1);
      await go(1);
      expect(head()).toBe(published());
    }
    expect(client.of('throttle').some((one) => one.cause === Throttle_Cause.SOCKET)).toBe(true);
  });
});

describe('one that is not held back', () => {
  it('hears of no head but at the heartbeat, and of no throttle', async () => {
    const { client, go, publish } = setUp();
    client.subscribe(1, prices, { mode: 1 });
    client.subscribe(2, prices, { mode: 2, minIntervalMs: 100 });
    for (let n = 0; n < 100; n++) {
      publish(3);
      await go(50);
    }
    expect(client.of('throttle')).toEqual([]);
  });
});

it('one that the application has paused hears how far the log is, and of no throttle', async () => {
  const { client, go, publish, head, published } = setUp();
  client.subscribe(1, prices, { mode: 1 });
  await go(100);
  client.give({ $case: 'amend', value: { sub: 1, keysAdd: [], keysRemove: [], conflate: undefined, paused: true } });
  for (let n = 0; n < 5; n++) {
    publish(10);
    await go(1000);
    expect(head()).toBe(published());
  }
  expect(client.of('throttle')).toEqual([]);
  expect(client.of('batch')).toEqual([]);
});
