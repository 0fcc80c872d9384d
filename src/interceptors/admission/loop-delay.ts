/**
 * How late the event loop is: on one thread this is the queue that no other number shows. A timer is set every 20 ms
 * while calls come, and none while they do not; two that fire late in a row are a thread that cannot keep up, one alone is a
 * pause of the garbage collector.
 */
import type { Clock } from '../../call/clock.js';

/** ms */
const every = 20;
/** ms after which what was last seen says nothing of now: nobody looks while no calls come. */
const stale = 10 * every;

export class LoopDelay {
  readonly #clock: Clock;
  readonly #threshold: number;
  #armed = false;
  #active = false;
  #due = 0;
  #last = 0;
  #current = 0;
  #lookedAt = 0;

  readonly #looked: (late: number | undefined) => void;

  /** `threshold` in ms; `looked` is told how many ms the loop was late, undefined when no call came meanwhile. */
  constructor(clock: Clock, threshold: number, looked: (late: number | undefined) => void) {
    this.#clock = clock;
    this.#threshold = threshold;
    this.#looked = looked;
  }

  /** A call has come. */
  touch(): void {
    this.#active = true;
    if (!this.#armed) this.#arm();
  }

  /** ms that the last timer fired late; 0 when that is long ago. */
  get current(): number {
    return this.#isStale ? 0 : this.#current;
  }

  /** ms that the timer which is to fire next is late already; negative while it is not. */
  overdue(now: number): number {
    return this.#armed ? now - this.#due : 0;
  }

  /** ms that the loop is late for good; 0 while it is not above the threshold twice in a row. */
  get excess(): number {
    const both = this.#isStale ? 0 : Math.min(this.#last, this.#current);
    return both > this.#threshold ? both : 0;
  }

  /** A timer that is set and has not fired leaves what was seen before it as it is. */
  get #isStale(): boolean {
    return !this.#armed && this.#clock.now() - this.#lookedAt > stale;
  }

  #arm(): void {
    if (this.#isStale) {
      this.#last = 0;
      this.#current = 0;
    }
    this.#armed = true;
    this.#active = false;
    this.#due = this.#clock.now() + every;
    this.#clock.setTimer(() => {
      this.#last = this.#current;
      this.#current = Math.max(0, this.#clock.now() - this.#due);
      this.#lookedAt = this.#clock.now();
      this.#armed = false;
      this.#looked(this.#active || this.#current > this.#threshold ? this.#current : undefined);
      if (this.#active) this.#arm();
    }, every);
  }
}
