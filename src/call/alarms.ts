/**
 * The deadlines of many calls on one timer of the clock: a timer of its own would cost a call more than its place in a heap,
 * and most calls are over long before theirs. So what is cancelled leaves its place empty, and empty ones are cleared away
 * together. The timer stays when the last alarm is gone: a server that answers at once would set one for each call else. It
 * keeps no process running then.
 */
import type { Clock, TimerHandle } from './clock.js';
import { outsideCalls } from './current.js';

/** Rings once unless it is cancelled before. */
export abstract class Alarm {
  /** On the clock's scale, ms. */
  readonly at: number;
  #place: Place | undefined;

  constructor(at: number) {
    this.at = at;
  }

  abstract ring(): void;

  /** For the heap that it was set in. */
  setAt(place: Place): void {
    this.#place = place;
  }

  cancel(): void {
    const place = this.#place;
    if (place?.alarm === this) place.heap.empty(place);
  }
}

/** A place in the heap. It holds on to no alarm, and so to no call, that was cancelled. */
interface Place {
  readonly heap: Alarms;
  readonly at: number;
  /** The number in which it was taken: of two that are due at once the first rings first. */
  readonly turn: number;
  alarm: Alarm | undefined;
}

/** Empty places, at most, besides as many as are not. */
const mostEmpty = 64;

const known = new WeakMap<Clock, Alarms>();

export class Alarms {
  readonly #clock: Clock;
  /** A binary heap, the next to ring first. */
  #heap: Place[] = [];
  /** Places that are not empty. */
  #taken = 0;
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
    const { at } = alarm;
    const place: Place = { heap: this, at, turn: this.#turns++, alarm };
    alarm.setAt(place);
    this.#taken += 1;
    this.#heap.push(place);
    this.#rise(place, this.#heap.length - 1);
    if (at < this.#armedFor) this.#arm();
    else if (this.#taken === 1) this.#timer?.hold?.(true);
  }

  /** For an alarm that is cancelled. */
  empty(place: Place): void {
    place.alarm = undefined;
    this.#taken -= 1;
    if (this.#taken === 0) this.#rest();
    else if (this.#heap.length > 2 * this.#taken + mostEmpty) this.#tidy();
  }

  #tidy(): void {
    this.#heap = this.#heap.filter(({ alarm }) => alarm !== undefined);
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(this.#heap[at] as Place, at);
  }

  /** The place that is due first, undefined when there is none. */
  #first(): Place | undefined {
    while (this.#heap[0]?.alarm === undefined && this.#heap.length > 0) this.#drop();
    return this.#heap[0];
  }

  #drop(): void {
    const last = this.#heap.pop() as Place;
    if (this.#heap.length > 0) this.#sink(last, 0);
  }

  /** A timer that comes too early, since what it was for is gone, sets the next. */
  #arm(): void {
    this.#disarm();
    const next = this.#first();
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
    this.#heap = [];
    if (this.#timer?.hold === undefined) this.#disarm();
    else this.#timer.hold(false);
  }

  #due(): void {
    this.#timer = undefined;
    this.#armedFor = Number.NEGATIVE_INFINITY; // not to be armed by what is set meanwhile
    const now = this.#clock.now();
    try {
      for (let next = this.#first(); next !== undefined && next.at <= now; next = this.#first()) {
        const { alarm } = next;
        this.empty(next);
        alarm?.ring();
      }
    } finally {
      this.#arm();
    }
  }

  #rise(place: Place, from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Place;
      if (!before(place, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = place;
  }

  #sink(place: Place, from: number): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Place, heap[below] as Place)) below += 1;
      const child = heap[below] as Place;
      if (!before(child, place)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = place;
  }
}

function before(a: Place, b: Place): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}
