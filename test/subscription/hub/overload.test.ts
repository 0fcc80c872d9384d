/** What a hub gives up while the event loop is late, and that it takes all of it back by time alone. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { LoopDelay } from '../../../src/interceptors/admission/loop-delay.js';
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
  const go = (ms: number) => clock.runTo(clock.now() + ms);
  /** The loop is busy all the time, and gets to its timers only every `ms`. */
  const labour = async (ms: number, times: number) => {
    for (let n = 0; n < times; n++) {
      clock.pause(ms);
      await go(0);
    }
  };
  /** Whether one who comes now is let in. */
  const letsIn = async (): Promise<boolean> => {
    const client = new HubClient(hub);
    await go(1);
    const welcome = client.of('welcome').length === 1;
    client.gone();
    return welcome;
  };
  return { clock, hub, go, labour, letsIn };
}

describe('a hub whose event loop is late', () => {
  it.each([1500, 3000, 60_000])('lets everybody in after one pause of %i ms', async (ms) => {
    const { clock, hub, go, letsIn } = setUp();
    const only = new HubClient(hub);
    await go(1500);
    clock.pause(ms);
    await go(10);
    only.gone();
    expect(await letsIn()).toBe(true);
  });

  it('refuses newcomers while it lasts, and lets them in once it is over, though nobody is connected meanwhile', async () => {
    const { hub, go, labour, letsIn } = setUp();
    const only = new HubClient(hub);
    await labour(2500, 4);
    expect(await letsIn()).toBe(false);
    only.gone();
    expect(hub.connections).toBe(0);
    const refused: boolean[] = [];
    for (let n = 0; n < 20 && !(await letsIn()); n++) {
      refused.push(true);
      await go(1000);
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(20);
  });

  it('is not held to be late for a time in which it had no timer set', async () => {
    const { hub, go, labour, letsIn } = setUp();
    const first = new HubClient(hub);
    await labour(2500, 1);
    first.gone();
    await go(3_600_000);
    const second = new HubClient(hub);
    await labour(2500, 1);
    expect(second.of('welcome').length).toBe(1);
    expect(await letsIn()).toBe(true);
  });

  it('takes publications and sends snapshots again as soon as the level has fallen', async () => {
    const { hub, go, labour } = setUp();
    hub.publish(prices, [change('cod=1')]);
    const client = new HubClient(hub);
    await labour(2500, 4);
    const view = client.subscribe(1, prices);
    await go(100);
    expect(hub.snapshotsPaused).toBe(true);
    expect(view.staging).toEqual([]);
    await go(20_000);
    expect(hub.snapshotsPaused).toBe(false);
    expect(view.values()).toEqual({ cod: 'cod=1' });
  });
});

describe('the lateness of the loop that calls see', () => {
  it('is that of now, and not of the last calls an hour ago', async () => {
    const clock = new SimClock();
    const seen: (number | undefined)[] = [];
    const loop = new LoopDelay(clock, 50, (late) => seen.push(late));
    for (let n = 0; n < 3; n++) {
      loop.touch();
      clock.pause(220);
      await clock.runTo(clock.now());
    }
    expect(loop.current).toBe(200);
    expect(loop.excess).toBe(200);
    await clock.runTo(clock.now() + 3_600_000);
    expect(loop.current).toBe(0);
    expect(loop.excess).toBe(0);
    loop.touch();
    clock.pause(220);
    await clock.runTo(clock.now());
    expect([loop.current, loop.excess]).toEqual([200, 0]);
  });
});
