import { expect, test } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { memoryTopics } from '../../src/stores/memory/topic-store.js';
import { Hub } from '../../src/subscription/hub/hub.js';
import { StoreTime } from '../../src/subscription/store-time.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { declaration, HubClient } from '../support/hub-client.js';

const topic = 'test.Prices/Watch';
const hour = 3_600_000;

function steppable() {
  const clock = { at: 0, step: 0, now: () => clock.at, wallTime: () => 1_000_000_000 + clock.at + clock.step };
  return clock;
}

test.each([
  ['an hour back', -hour],
  ['a day ahead', 24 * hour],
])('the time of a log goes on by what elapses when the clock steps %s for a moment', (_, step) => {
  const clock = steppable();
  const time = new StoreTime(clock);
  const began = time.now();
  clock.step = step;
  clock.at += 300;
  expect(time.now()).toBe(began + 300);
  clock.step = 0;
  clock.at += 1000;
  expect(time.now()).toBe(began + 1300);
});

test('a clock that stays ahead is followed, and a log that is ahead of the clock goes on from there', () => {
  const clock = steppable();
  const time = new StoreTime(clock);
  clock.step = hour;
  time.now();
  clock.at += 10_000;
  expect(time.now()).toBe(clock.wallTime());
  const late = new StoreTime(clock);
  const ahead = clock.wallTime() + 24 * hour;
  expect(late.now(ahead)).toBe(ahead);
  clock.at += 1000;
  expect(late.now(ahead)).toBe(ahead + 1000);
});

test('a snapshot has no key whose time was over while nobody was connected', async () => {
  const clock = new VirtualClock();
  const hub = new Hub({
    stores: memoryTopics(clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
  });
  hub.declare(declaration(topic));
  for (const [key, ttl] of [
    ['gone', 500],
    ['stays', 0],
  ] as const) {
    hub.publish(topic, [{ key, value: Buffer.from(`${key}=1`), ttl }]);
  }
  await clock.advance(5000);
  const client = new HubClient(hub);
  const view = client.subscribe(1, topic);
  await clock.advance(0);
  expect(view.values()).toEqual({ stays: 'stays=1' });
  expect(client.of('snapshotChunk').flatMap(({ entries }) => entries.map(({ key }) => key))).toEqual(['stays']);
});
