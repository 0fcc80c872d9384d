/** When the flush sends: at once to a few, and to a crowd no sooner than what it took last time. */
import { expect, test } from 'vitest';
import { Flush } from '../../../src/subscription/hub/flush.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

/** A flush whose senders take `cost` ms each, of a wire that writes when the turn of the program is over. */
function flushing(cost: number) {
  const virtual = new VirtualClock();
  let spent = 0;
  const clock = {
    now: () => virtual.now() + spent,
    wallTime: () => virtual.wallTime(),
    setTimer: (fn: () => void, ms: number) => virtual.setTimer(fn, ms),
  };
  const deferred: (() => void)[] = [];
  const flush = new Flush(
    clock,
    (fn) => deferred.push(fn),
    4,
    1024,
    () => {},
  );
  let sent = 0;
  let unwritten = 0;
  const publish = (senders: number): void => {
    for (let i = 0; i < senders; i++) {
      flush.add({
        ready: false,
        failed: () => {},
        send: () => {
          sent += 1;
          unwritten += cost;
          return 1;
        },
      });
    }
  };
  /** The event loop goes round once: what is deferred, then the wires. */
  const turn = (): void => {
    for (const fn of deferred.splice(0)) fn();
    spent += unwritten;
    unwritten = 0;
  };
  return { flush, virtual, publish, turn, sent: () => sent };
}

test('a few readers are sent to in the next turn, however long that takes', () => {
  const { publish, turn, sent } = flushing(1);
  publish(15);
  turn();
  publish(15);
  turn();
  expect(sent()).toBe(30);
});

test('after a crowd nothing is sent for as long as that took, at most for a slice', async () => {
  const { virtual, publish, turn, sent } = flushing(0.1);
  publish(20);
  turn();
  expect(sent()).toBe(20);
  publish(20);
  turn();
  turn();
  await virtual.advance(1.9);
  expect(sent()).toBe(20);
  await virtual.advance(0.2);
  expect(sent()).toBe(40);
});

test('the rest after a crowd of slow writes is a slice', async () => {
  const { virtual, publish, turn, sent } = flushing(10);
  publish(20);
  turn();
  publish(20);
  turn();
  await virtual.advance(4);
  expect(sent()).toBe(40);
});

test('a flush that is stopped while it rests sends nothing more', async () => {
  const { flush, virtual, publish, turn, sent } = flushing(0.1);
  publish(20);
  turn();
  publish(20);
  turn();
  flush.stop();
  await virtual.advance(100);
  turn();
  expect(sent()).toBe(20);
});
