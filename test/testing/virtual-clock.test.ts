import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';

describe('virtual time', () => {
  it('stands still until it is moved, and then arrives exactly', async () => {
    const clock = new VirtualClock({ start: 5 });
    expect(clock.now()).toBe(5);
    await clock.advance(0.25);
    expect(clock.now()).toBe(5.25);
    await expect(clock.advance(-1)).rejects.toThrow('advance(-1): time moves forward');
    await expect(clock.advance(Number.POSITIVE_INFINITY)).rejects.toThrow(RangeError);
    expect(() => new VirtualClock({ start: Number.NaN })).toThrow('finite');
  });

  it('fires each timer once, when it is due, those of one instant in the order they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -5, max: 20 }), { maxLength: 60 }), async (delays) => {
        const clock = new VirtualClock();
        const fired: { i: number; at: number }[] = [];
        for (const [i, ms] of delays.entries()) clock.setTimer(() => fired.push({ i, at: clock.now() }), ms);
        expect(fired).toEqual([]);
        await clock.run();
        const expected = delays.map((ms, i) => ({ i, at: Math.max(0, ms) })).sort((a, b) => a.at - b.at || a.i - b.i);
        expect(fired).toEqual(expected);
        expect(clock.timers).toBe(0);
      }),
    );
  });

  it('never fires a timer that was cancelled, and counts what is left at every step', async () => {
    const step = fc.oneof(
      fc.record({ set: fc.integer({ min: 0, max: 30 }) }),
      fc.record({ cancel: fc.nat(40) }),
      fc.record({ advance: fc.integer({ min: 0, max: 10 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const clock = new VirtualClock();
        const model = new Map<number, number>();
        const cancels: (() => void)[] = [];
        const fired: number[] = [];
        const expected: number[] = [];
        for (const one of steps) {
          if ('set' in one) {
            const id = cancels.length;
            model.set(id, clock.now() + one.set);
            cancels.push(clock.setTimer(() => fired.push(id), one.set));
          } else if ('cancel' in one) {
            cancels[one.cancel]?.();
            model.delete(one.cancel);
          } else {
            const until = clock.now() + one.advance;
            await clock.advance(one.advance);
            const due = [...model].filter(([, at]) => at <= until).sort((a, b) => a[1] - b[1] || a[0] - b[0]);
            for (const [id] of due) {
              expected.push(id);
              model.delete(id);
            }
          }
          expect(clock.timers).toBe(model.size);
        }
        expect(fired).toEqual(expected);
      }),
    );
  });

  it('runs a promise chain of any length before the next timer', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimer(async () => {
      for (let i = 0; i < 5_000; i++) await null;
      order.push('chain');
    }, 1);
    clock.setTimer(() => order.push('next timer'), 1);
    await clock.run();
    expect(order).toEqual(['chain', 'next timer']);
  });

  it('fires timers that are set on the way, at their time', async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const work = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(10);
        seen.push(clock.now());
      }
    };
    void work();
    await clock.advance(25);
    expect(seen).toEqual([10, 20]);
    expect(clock.now()).toBe(25);
    await clock.advance(5);
    expect(seen).toEqual([10, 20, 30]);
  });

  it('runs a timer as part of what set it, like setTimeout', async () => {
    const clock = new VirtualClock();
    const storage = new AsyncLocalStorage<string>();
    let seen: string | undefined;
    storage.run('call 1', () => clock.setTimer(() => (seen = storage.getStore()), 1));
    await storage.run('the test', () => clock.run());
    expect(seen).toBe('call 1');
  });

  it('refuses NaN, and never fires a timer of infinite length', async () => {
    const clock = new VirtualClock();
    expect(() => clock.setTimer(() => {}, Number.NaN)).toThrow('not NaN');
    clock.setTimer(() => expect.unreachable(), Number.POSITIVE_INFINITY);
    await clock.run();
    expect(clock.timers).toBe(1);
    expect(clock.now()).toBe(0);
  });

  it('says where a timer was set when asked to', () => {
    const clock = new VirtualClock({ origins: true });
    clock.setTimer(() => {}, 7);
    expect(clock.pending()).toEqual([{ due: 7, origin: expect.stringContaining('virtual-clock.test') }]);
  });
});

describe('sleep', () => {
  it('ends early with the reason of its signal, and leaves no timer or listener', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(50, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    await expect(clock.sleep(50, controller.signal)).rejects.toThrow('enough');
    expect(clock.timers).toBe(0);
  });
});

describe('runUntil', () => {
  it('moves time no further than it must, and settles like the promise', async () => {
    const clock = new VirtualClock();
    clock.setTimer(() => {}, 100);
    expect(await clock.runUntil(clock.sleep(40).then(() => 'done'))).toBe('done');
    expect(clock.now()).toBe(40);
    const failing = clock.sleep(10).then(() => Promise.reject(new TypeError('broken')));
    await expect(clock.runUntil(failing)).rejects.toThrow(new TypeError('broken'));
    expect(clock.timers).toBe(1);
  });

  it('says what waits when nothing is left that could end the wait', async () => {
    const clock = new VirtualClock();
    clock.setTimer(() => {}, 30);
    clock.setTimer(() => {}, Number.POSITIVE_INFINITY);
    await expect(clock.runUntil(new Promise(() => {}), { name: 'the reply of the leaf' })).rejects.toThrow(
      'deadlock at 30 ms of virtual time: the reply of the leaf has not settled, and no timer is left',
    );
  });

  it('says what is due next when the promise takes longer than allowed', async () => {
    const clock = new VirtualClock();
    const tick = (): void => void clock.setTimer(tick, 10);
    tick();
    await expect(clock.runUntil(new Promise(() => {}), { within: 1_000 })).rejects.toThrow(
      'the promise has not settled within 1000 ms of virtual time (from 0 to 1000).\n  due at 1010 ms',
    );
  });

  it('waits for code that takes a few turns of the real event loop', async () => {
    const clock = new VirtualClock();
    const work = async (): Promise<number> => {
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
      await clock.sleep(5);
      return clock.now();
    };
    expect(await clock.runUntil(work())).toBe(5);
  });
});

describe('run', () => {
  it('gives up on timers that set each other for ever', async () => {
    const clock = new VirtualClock();
    const tick = (): void => void clock.setTimer(tick, 0);
    tick();
    await expect(clock.run({ maxTimers: 5_000 })).rejects.toThrow('5000 timers have fired and more are due');
    await expect(clock.runUntil(new Promise(() => {}), { maxTimers: 10 })).rejects.toThrow('10 timers have fired');
  });

  it('names what is left after its limit', async () => {
    const clock = new VirtualClock();
    for (let i = 1; i <= 7; i++) clock.setTimer(() => {}, i * 100);
    await expect(clock.run({ within: 150 })).rejects.toThrow(
      /6 timers are left after 150 ms.*\n.*200 ms(?:.|\n)*and 1 more/,
    );
  });

  it('passes on what a timer throws', async () => {
    const clock = new VirtualClock();
    clock.setTimer(() => {
      throw new Error('in the timer');
    }, 1);
    await expect(clock.run()).rejects.toThrow('in the timer');
  });
});
