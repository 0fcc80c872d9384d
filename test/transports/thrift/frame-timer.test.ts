import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { FrameTimer } from '../../../src/transports/thrift/frame-timer.js';

function timed() {
  const clock = new VirtualClock();
  const stalls: number[] = [];
  return { clock, stalls, timer: new FrameTimer(clock, 1_000, () => stalls.push(clock.now())) };
}

describe('the frame timer', () => {
  it('strikes when a frame was begun and no byte comes', async () => {
    const { clock, stalls, timer } = timed();
    timer.watch(true);
    await clock.advance(5_000);
    expect(stalls).toEqual([1_000]);
  });

  it('counts from the last byte', async () => {
    const { clock, stalls, timer } = timed();
    timer.watch(true);
    for (let i = 0; i < 10; i++) {
      await clock.advance(900);
      timer.progress();
      timer.watch(true);
    }
    expect(stalls).toEqual([]);
    await clock.advance(5_000);
    expect(stalls).toEqual([10_000]);
  });

  it('is gone once the frame is complete', async () => {
    const { clock, stalls, timer } = timed();
    timer.watch(true);
    timer.watch(false);
    expect(clock.timers).toBe(0);
    await clock.advance(5_000);
    expect(stalls).toEqual([]);
  });
});
