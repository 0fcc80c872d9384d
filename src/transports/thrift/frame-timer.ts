/**
 * Gives up a frame that was begun and does not go on: no byte for a while, too few bytes for the time that it has taken, or too
 * long in all. One timer a connection, set again only when it has fired.
 */
import type { Clock } from '../../call/clock.js';

/** What a frame is held to besides the time without a byte. */
export interface FramePace {
  /** ms that a whole frame may take. */
  readonly wholeMs: number;
  /** Bytes a second, counted from the frame's beginning, once the time without a byte has passed. */
  readonly leastRate: number;
}

const anyPace: FramePace = { wholeMs: Number.POSITIVE_INFINITY, leastRate: 0 };

export type Stall = 'silent' | 'slow' | 'long';

export class FrameTimer {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #pace: FramePace;
  readonly #onStall: (how: Stall) => void;
  #begun = 0;
  #bytes = 0;
  #lastByte = 0;
  #cancel: (() => void) | undefined;

  /** `ms`: without a byte. */
  constructor(clock: Clock, ms: number, onStall: (how: Stall) => void, pace: FramePace = anyPace) {
    this.#clock = clock;
    this.#ms = ms;
    this.#pace = pace;
    this.#onStall = onStall;
  }

  /** Bytes have come. */
  progress(bytes = 0): void {
    if (this.#cancel === undefined) return;
    this.#lastByte = this.#clock.now();
    this.#bytes += bytes;
  }

  /** Whether a frame is incomplete, and whether it is another than before: one was completed meanwhile. */
  watch(incomplete: boolean, another = false): void {
    if (!incomplete) {
      this.#cancel?.();
      this.#cancel = undefined;
      return;
    }
    if (this.#cancel !== undefined && !another) return;
    this.#begun = this.#clock.now();
    this.#lastByte = this.#begun;
    this.#bytes = 0;
    if (this.#cancel === undefined) this.#arm(Math.min(this.#ms, this.#pace.wholeMs));
  }

  #arm(ms: number): void {
    this.#cancel = this.#clock.setTimer(() => {
      const left = this.#left(this.#clock.now());
      if (typeof left === 'number') this.#arm(left);
      else {
        this.#cancel = undefined;
        this.#onStall(left);
      }
    }, ms);
  }

  /** ms until the frame is to be looked at again, or what is wrong with it. */
  #left(now: number): number | Stall {
    const silent = this.#lastByte + this.#ms - now;
    if (silent <= 0) return 'silent';
    const { wholeMs, leastRate } = this.#pace;
    const whole = this.#begun + wholeMs - now;
    if (whole <= 0) return 'long';
    const slow = leastRate === 0 ? silent : this.#begun + this.#ms + (this.#bytes / leastRate) * 1000 - now;
    if (slow <= 0) return 'slow';
    return Math.max(1, Math.min(silent, whole, slow));
  }
}

/** What was wrong with a frame, for the log. */
export function stalled(
  how: Stall,
  limits: { readonly frameTimeoutMs: number; readonly wholeFrameMs: number; readonly minFrameRate: number },
): string {
  switch (how) {
    case 'silent':
      return `no byte of it came for ${limits.frameTimeoutMs} ms (frameTimeoutMs)`;
    case 'slow':
      return `it comes with less than ${limits.minFrameRate} bytes a second (minFrameRate)`;
    case 'long':
      return `it was not complete within ${limits.wholeFrameMs} ms (wholeFrameMs)`;
  }
}
