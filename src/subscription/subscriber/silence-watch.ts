/**
 * Notices a connection on which nothing comes, whatever its socket says. Looks when the silence would be too long, and not at
 * every frame.
 */
import type { Clock } from '../../call/clock.js';

export class SilenceWatch {
  readonly #clock: Clock;
  readonly #tooLong: (silentFor: number) => void;
  #heard = 0;
  #most = 0;
  #cancel: (() => void) | undefined;

  /** `tooLong` is told for how many ms nothing came; after it nothing is watched. */
  constructor(clock: Clock, tooLong: (silentFor: number) => void) {
    this.#clock = clock;
    this.#tooLong = tooLong;
  }

  /** Something came. */
  hear(): void {
    this.#heard = this.#clock.now();
  }

  /** From now on more than `most` ms of silence are too long. */
  allow(most: number): void {
    this.#most = most;
    this.#look();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    this.#cancel?.();
    const wait = Math.max(1, this.#heard + this.#most - this.#clock.now());
    this.#cancel = this.#clock.setTimer(() => {
      this.#cancel = undefined;
      const silentFor = this.#clock.now() - this.#heard;
      if (silentFor >= this.#most) this.#tooLong(silentFor);
      else this.#look();
    }, wait);
  }
}
