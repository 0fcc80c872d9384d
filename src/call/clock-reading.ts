/**
 * A reading of the clock for more than one stage. Each costs some 80 ns and a call passes a dozen places that want one; those
 * that follow each other in one run of the event loop's stack share it.
 */
import type { Call } from './call.js';
import type { Clock } from './clock.js';
import type { Handler } from './interceptor.js';

/** Calls `next`; until it returns, `readingOf` is `now` there. A stage that waits before it goes on finds it gone. */
export function handOn(call: Call, now: number, next: Handler): Promise<unknown> {
  call.reading = now;
  try {
    return next(call);
  } finally {
    call.reading = Number.NaN;
  }
}

/** What a stage further out has just read, or else `clock` now. */
export function readingOf(call: Call, clock: Clock): number {
  const { reading } = call;
  return Number.isNaN(reading) ? clock.now() : reading;
}
