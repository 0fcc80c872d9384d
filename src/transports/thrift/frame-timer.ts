/** Tells when a frame that was begun does not go on. One timer a connection, set again only when it has fired. */
import type { Clock } from '../../call/clock.js';

export class FrameTimer {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #onStall: () => void;
  #lastByte = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, ms: number, onStall: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#onStall = onStall;
  }

  /** Bytes have come. */
  progress(): void {
    if (this.#cancel !== undefined) this.#lastByte = this.#clock.now();
  }

  /** Whether a frame is incomplete. */
  watch(incomplete: boolean): void {
    if (!incomplete) {
      this.#cancel?.();
      this.#cancel = undefined;
    } else if (this.#cancel === undefined) {
      this.#lastByte = this.#clock.now();
      this.#arm(this.#ms);
    }
  }

  #arm(ms: number): void {
    this.#cancel = this.#clock.setTimer(() => {
      const left = this.#lastByte + this.#ms - this.#clock.now();
      if (left > 0) this.#arm(left);
      else {
        this.#cancel = undefined;
        this.#onStall();
      }
    }, ms);
  }
}
