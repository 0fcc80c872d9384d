/**
 * Time as a port. `now` is monotonic: a deadline never moves when the wall clock is set.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start; never falls. */
  now(): number;
  /** Runs `fn` once, `ms` from now; returns what cancels it. */
  setTimer(fn: () => void, ms: number): TimerHandle;
  /** Milliseconds since the Unix epoch. For stamps that leave the process, never for measuring: it jumps when set. */
  wallTime(): number;
}

/** Cancels a timer. */
export interface TimerHandle {
  (): void;
  /**
   * Whether the timer keeps the process running, which it does at first. Cheaper than to cancel it and set another; left out by
   * clocks whose timers keep nothing running.
   */
  hold?(running: boolean): void;
}

/** setTimeout wraps above this and then fires at once. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(fn, ms) {
    if (ms <= longestTimer) {
      const timer = setTimeout(fn, ms);
      const handle: TimerHandle = () => clearTimeout(timer);
      handle.hold = (running) => void (running ? timer.ref() : timer.unref());
      return handle;
    }
    let cancel = (): void => {};
    const timer = setTimeout(() => {
      cancel = systemClock.setTimer(fn, ms - longestTimer);
    }, longestTimer);
    cancel = () => clearTimeout(timer);
    return () => cancel();
  },
};

/**
 * Runs a function in a later turn of the event loop, after what has come in this one. Under a virtual clock nothing but its timers
 * runs by itself, so there a timer of 0 ms does it.
 */
export function laterTurn(clock: Clock): (fn: () => void) => void {
  return clock === systemClock ? setImmediate : (fn) => clock.setTimer(fn, 0);
}
