/**
 * The deadlines of many calls on one timer of the clock: a timer of its own would cost a call more than its place in a heap,
 * and most calls are over long before theirs. What is cancelled is gone at once. The timer stays when the last of them is: a
 * server that answers at once would set one for each call else. It keeps no process running then.
 */
import type { Clock, TimerHandle } from './clock.js';
import { outsideCalls } from './current.js';

/** Rings once unless it is cancelled before. */
export abstract class Alarm {
  /** On the clock's scale, ms. */
  readonly at: number;
  #heap: Alarms | undefined;
  /** Where it stands among the others; for them. */
  place = -1;
  /** The number in which it was set: of two that are due at once the first rings first. */
  turn = 0;

  constructor(at: number) {
    this.at = at;
  }

  abstract ring(): void;

  /** For the heap that it was set in. */
  setIn(heap: Alarms): void {
    this.#heap = heap;
  }

  cancel(): void {
    this.#heap?.remove(this);
  }
}

const known = new WeakMap<Clock, Alarms>();

export class Alarms {
  readonly #clock: Clock;
  /** A binary heap, the next to ring first. */
  readonly #heap: Alarm[] = [];
  #turns = 0;
  #timer: TimerHandle | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All that go by a clock are on the same timer. */
  static of(clock: Clock): Alarms {
    let alarms = known.get(clock);
    if (alarms === undefined) {
      alarms = new Alarms(clock);
      known.set(clock, alarms);
    }
    return alarms;
  }

  set(alarm: Alarm): void {
    alarm.setIn(this);
    alarm.turn = this.#turns++;
    this.#heap.push(alarm);
    this.#rise(alarm, this.#heap.length - 1);
    if (alarm.at < this.#armedFor) this.#arm();
    else if (this.#heap.length === 1) this.#timer?.hold?.(true);
  }

  remove(alarm: Alarm): void {
    const at = alarm.place;
    if (at < 0) return;
    const heap = this.#heap;
    alarm.place = -1;
    const last = heap.pop() as Alarm;
    if (last !== alarm) {
      this.#sink(last, at);
      this.#rise(last, last.place);
    }
    if (heap.length === 0) this.#rest();
  }

  /** A timer that comes too early, since what it was for is gone, sets the next. */
  #arm(): void {
    this.#disarm();
    const next = this.#heap[0];
    if (next === undefined) return;
    this.#armedFor = next.at;
    // It is nobody's timer: whoever happens to set it may be over when it fires for another.
    this.#timer = outsideCalls(() => this.#clock.setTimer(() => this.#due(), Math.max(0, next.at - this.#clock.now())));
  }

  #disarm(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#timer?.();
    this.#timer = undefined;
  }

  /** Nothing is to ring. A timer that cannot be told to keep nothing running is no longer set. */
  #rest(): void {
    if (this.#timer?.hold === undefined) this.#disarm();
    else this.#timer.hold(false);
  }

  #due(): void {
    this.#timer = undefined;
    this.#armedFor = Number.NEGATIVE_INFINITY; // not to be armed by what is set meanwhile
    const now = this.#clock.now();
    try {
      for (let next = this.#heap[0]; next !== undefined && next.at <= now; next = this.#heap[0]) {
        this.remove(next);
        next.ring();
      }
    } finally {
      this.#arm();
    }
  }

  #rise(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Alarm;
      if (!before(alarm, parent)) break;
      heap[at] = parent;
      parent.place = at;
      at = above;
    }
    heap[at] = alarm;
    alarm.place = at;
  }

  #sink(alarm: Alarm, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Alarm, heap[below] as Alarm)) below += 1;
      const child = heap[below] as Alarm;
      if (!before(child, alarm)) break;
      heap[at] = child;
      child.place = at;
      at = below;
    }
    heap[at] = alarm;
    alarm.place = at;
  }
}

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}
