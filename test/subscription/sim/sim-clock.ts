/**
 * Virtual time for thousands of short runs: as the public VirtualClock, but what fires runs to its end at once, because
 * hub, memory and subscriber here wait for no promise but those of publishers. Where a store answers with promises, time moves when
 * what they led to has happened. The time of day can be set.
 */
import type { Clock } from '../../../src/call/clock.js';

interface Timer {
  readonly due: number;
  readonly sequence: number;
  fn: (() => void) | undefined;
}

export class SimClock implements Clock {
  #now = 0;
  #sequence = 0;
  /** ms that the time of day was set ahead. */
  #ahead = 0;
  readonly #turns: number;
  readonly #heap: Timer[] = [];

  /** `turns`: of promises, before time moves. */
  constructor(turns = 0) {
    this.#turns = turns;
  }

  now(): number {
    return this.#now;
  }

  /** Sets the time of day to `ms` ahead of what it would be; below 0: behind. */
  set(ms: number): void {
    this.#ahead = ms;
  }

  wallTime(): number {
    return 1_767_225_600_000 + this.#now + this.#ahead;
  }

  /** The clock of another machine: its time of day is `ahead` ms ahead, and its elapsed time begins at `origin`. */
  elsewhere(ahead: number, origin: number): Clock {
    return {
      now: () => this.now() + origin,
      wallTime: () => this.wallTime() + ahead,
      setTimer: (fn, ms) => this.setTimer(fn, ms),
    };
  }

  setTimer(fn: () => void, ms: number): () => void {
    const timer: Timer = { due: this.#now + Math.max(0, ms), sequence: this.#sequence++, fn };
    this.#push(timer);
    return () => {
      timer.fn = undefined;
    };
  }

  /** The event loop does nothing for so long: what was due meanwhile fires late, by the next `runTo`. */
  pause(ms: number): void {
    this.#now += ms;
  }

  /** Fires what is due up to `until`, and lets promises settle in between; stops early when `done` says so. */
  async runTo(until: number, done: () => boolean = () => false): Promise<void> {
    for (let fired = 0; ; ) {
      if (this.#turns > 0 && (this.#heap[0]?.due ?? until) > this.#now) {
        for (let turn = 0; turn < this.#turns; turn++) await undefined;
      }
      const first = this.#heap[0];
      if (first === undefined || first.due > until) break;
      this.#pop();
      if (first.fn === undefined) continue;
      this.#now = Math.max(this.#now, first.due);
      first.fn();
      if (++fired % 16 === 0) await undefined;
      if (fired > 1_000_000) throw new Error('a million timers in one run: something sets a new one each time');
      if (done()) return;
    }
    this.#now = Math.max(this.#now, until);
    await undefined;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (before(heap[parent] as Timer, timer)) break;
      heap[at] = heap[parent] as Timer;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (before(last, heap[child] as Timer)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.sequence < b.sequence);
}
