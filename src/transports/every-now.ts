/** Looks at connections every now and then, so that each that nobody uses is found without a timer of its own. */
import { systemClock, type TimerHandle } from '../call/clock.js';

/** How often in the time that something may be idle. */
const looks = 4;

/** Calls `look` as often as it takes to find what is idle for `idleMs` within a quarter more of that. Returns what ends it. */
export function everyNow(idleMs: number, look: (now: number) => void): () => void {
  const every = Math.max(1, Math.ceil(idleMs / looks));
  let cancel: TimerHandle;
  const next = (): void => {
    cancel = systemClock.setTimer(() => {
      look(systemClock.now());
      next();
    }, every);
    cancel.hold?.(false);
  };
  next();
  return () => cancel();
}
