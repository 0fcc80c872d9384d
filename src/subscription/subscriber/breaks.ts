/**
 * How often a subscription broke, and when it is tried again. What a resume does not mend a snapshot may, and what breaks
 * again and again is given up, since a server that is wrong stays wrong.
 */
import { Backoff } from './backoff.js';
import type { Host } from './host.js';

/** Breaks after which a resume is not tried again; and after which nothing is. */
const untilSnapshot = 3;
const untilFailure = 10;
/** ms without a break after which the next one is the first again. */
const forgottenAfter = 30_000;

export class Breaks {
  readonly #clock: Host['clock'];
  readonly #backoff: Backoff;
  readonly #again: () => void;
  #count = 0;
  #last = 0;
  #cancel: (() => void) | undefined;

  /** `again` is called when a wait is over. */
  constructor({ clock, random, backoff }: Host, again: () => void) {
    this.#clock = clock;
    this.#backoff = new Backoff(backoff, random);
    this.#again = again;
  }

  get count(): number {
    return this.#count;
  }

  /** Resuming is no use. */
  get often(): boolean {
    return this.#count >= untilSnapshot;
  }

  /** Nothing is of any use. */
  get tooOften(): boolean {
    return this.#count >= untilFailure;
  }

  add(): void {
    const now = this.#clock.now();
    if (now - this.#last > forgottenAfter) this.#count = 0;
    this.#last = now;
    this.#count += 1;
  }

  /** Not before `floor` ms. */
  retryLater(floor = 0): void {
    this.#cancel = this.#clock.setTimer(() => {
      this.#cancel = undefined;
      this.#again();
    }, this.#backoff.next(floor));
  }

  stopRetry(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** It stands again: the next wait is a first one. */
  mended(): void {
    this.#backoff.reset();
  }
}
