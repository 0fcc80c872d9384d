import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Alarm, Alarms } from '../../src/call/alarms.js';
import type { TimerHandle } from '../../src/call/clock.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { runs } from '../support/soak.js';

class Bell extends Alarm {
  readonly #ring: () => void;

  constructor(at: number, ring: () => void) {
    super(at);
    this.#ring = ring;
  }

  override ring(): void {
    this.#ring();
  }
}

describe('the deadlines of many calls', () => {
  it('ring each at its time, in order, unless they are cancelled before', async () => {
    const step = fc.record({
      in: fc.integer({ min: 0, max: 50 }),
      wait: fc.integer({ min: 0, max: 20 }),
      cancel: fc.option(fc.nat(30)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new VirtualClock();
        const alarms = Alarms.of(clock);
        const set: { at: number; bell: Bell; cancelled: boolean; rang: number[] }[] = [];
        const order: number[] = [];
        for (const one of steps) {
          const entry = { at: clock.now() + one.in, cancelled: false, rang: [] as number[] };
          const number = set.length;
          const bell = new Bell(entry.at, () => {
            entry.rang.push(clock.now());
            order.push(number);
          });
          set.push({ ...entry, bell });
          alarms.set(bell);
          const other = one.cancel === null ? undefined : set[one.cancel];
          if (other !== undefined && other.rang.length === 0) {
            other.cancelled = true;
            other.bell.cancel();
            other.bell.cancel();
          }
          await clock.advance(one.wait);
        }
        await clock.advance(100);
        const due = set.map((_, i) => i).filter((i) => !set[i]?.cancelled);
        for (const i of due) expect(set[i]?.rang).toEqual([set[i]?.at]);
        for (const { cancelled, rang } of set) if (cancelled) expect(rang).toEqual([]);
        expect(order).toEqual(due.sort((a, b) => (set[a]?.at ?? 0) - (set[b]?.at ?? 0) || a - b));
        expect(clock.pending()).toEqual([]);
      }),
      { numRuns: runs(100) },
    );
  });

  it('ring in order though nearly all of many were cancelled', async () => {
    const alarm = fc.record({ at: fc.integer({ min: 1, max: 50 }), lasts: fc.boolean(), alive: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(fc.array(alarm, { minLength: 300, maxLength: 600 }), async (all) => {
        const clock = new VirtualClock();
        const rang: number[] = [];
        const waiting: Bell[] = [];
        const due: number[] = [];
        for (const [i, { at, lasts, alive }] of all.entries()) {
          const bell = new Bell(at, () => rang.push(i));
          Alarms.of(clock).set(bell);
          if (lasts && alive < 3) due.push(i);
          else waiting.push(bell);
          while (waiting.length > alive) waiting.splice(i % waiting.length, 1)[0]?.cancel();
        }
        for (const bell of waiting) bell.cancel();
        await clock.advance(100);
        expect(rang).toEqual(due.sort((a, b) => (all[a]?.at ?? 0) - (all[b]?.at ?? 0) || a - b));
        expect(clock.pending()).toEqual([]);
      }),
      { numRuns: runs(50) },
    );
  });

  it('keep no timer once all are cancelled', () => {
    const clock = new VirtualClock();
    const bells = [5, 1, 3].map((at) => new Bell(at, () => {}));
    for (const bell of bells) Alarms.of(clock).set(bell);
    expect(clock.pending()).toHaveLength(1);
    for (const bell of bells) bell.cancel();
    expect(clock.pending()).toEqual([]);
  });

  it('leave their timer to the next, and let the process end meanwhile, where the clock can do that', () => {
    const held: boolean[] = [];
    const setTimer = vi.fn(() => {
      const handle: TimerHandle = () => {};
      handle.hold = (running) => void held.push(running);
      return handle;
    });
    const alarms = Alarms.of({ now: () => 0, wallTime: () => 0, setTimer });
    for (let i = 0; i < 3; i++) {
      const bell = new Bell(5, () => {});
      alarms.set(bell);
      bell.cancel();
    }
    expect(setTimer).toHaveBeenCalledOnce();
    expect(held).toEqual([false, true, false, true, false]);
  });

  it('go on ringing after one of them throws', async () => {
    const clock = new VirtualClock();
    const rang: number[] = [];
    Alarms.of(clock).set(new Bell(1, () => rang.push(1)));
    Alarms.of(clock).set(
      new Bell(2, () => {
        throw new Error('broken');
      }),
    );
    Alarms.of(clock).set(new Bell(2, () => rang.push(2)));
    await clock.advance(3).catch(() => {});
    await clock.advance(3);
    expect(rang).toEqual([1, 2]);
  });
});
