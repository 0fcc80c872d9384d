/** The system's clock, of which a test lets time pass at once: for what looks again only after a while. */
import { type Clock, systemClock } from '../../src/call/clock.js';

export class HastyClock implements Clock {
  #passed = 0;

  /** ms */
  pass(ms: number): void {
    this.#passed += ms;
  }

  now = (): number => systemClock.now() + this.#passed;
  wallTime = (): number => systemClock.wallTime() + this.#passed;
  setTimer: Clock['setTimer'] = (fn, ms) => systemClock.setTimer(fn, ms);
}
