/**
 * Timers in the order they are due, those of one instant in the order they were set. A binary heap
 * that can remove from its middle, because most timers of a call (its deadline) are cancelled.
 */
import type { AsyncResource } from 'node:async_hooks';

export interface Timer {
  readonly due: number;
  readonly sequence: number;
  readonly fn: () => void;
  /** Where it was set, as AsyncLocalStorage sees it: as setTimeout does, the timer runs as part of what set it. */
  readonly scope: AsyncResource;
  /** Where it was set, when the clock records that. */
  readonly origin: string | undefined;
  /** Its place in the heap; -1 when it has left. */
  index: number;
}

export class TimerHeap {
  readonly #timers: Timer[] = [];

  get size(): number {
    return this.#timers.length;
  }

  get first(): Timer | undefined {
    return this.#timers[0];
  }

  /** In the order they are due. */
  sorted(): readonly Timer[] {
    return [...this.#timers].sort((a, b) => (before(a, b) ? -1 : 1));
  }

  push(timer: Timer): void {
    timer.index = this.#timers.length;
    this.#timers.push(timer);
    this.#rise(timer);
  }

  /** Does nothing when the timer has left already. */
  remove(timer: Timer): void {
    const { index } = timer;
    if (index < 0) return;
    timer.index = -1;
    const last = this.#timers.pop();
    if (last === undefined || last === timer) return;
    this.#put(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #put(timer: Timer, index: number): void {
    this.#timers[index] = timer;
    timer.index = index;
  }

  #rise(timer: Timer): void {
    while (timer.index > 0) {
      const parent = this.#timers[(timer.index - 1) >> 1] as Timer;
      if (!before(timer, parent)) return;
      this.#swap(timer, parent);
    }
  }

  #sink(timer: Timer): void {
    for (;;) {
      const left = this.#timers[2 * timer.index + 1];
      const right = this.#timers[2 * timer.index + 2];
      if (left === undefined) return;
      const child = right !== undefined && before(right, left) ? right : left;
      if (!before(child, timer)) return;
      this.#swap(timer, child);
    }
  }

  #swap(a: Timer, b: Timer): void {
    const { index } = a;
    this.#put(a, b.index);
    this.#put(b, index);
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.sequence < b.sequence);
}
