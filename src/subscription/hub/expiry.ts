/**
 * Ends the keys of one topic when their time is over, whether somebody is connected or not. Its timer keeps no process running.
 * Keys that end one by one are ended together, so that a store on a disk is not written to for each.
 */
import type { Clock, TimerHandle } from '../../call/clock.js';
import type { Awaitable } from '../topic-store.js';

/** ms between two times at least. */
const spacing = 50;
/** ms after which the store is asked again at most: its time may have gone on by more than elapsed, as while a machine sleeps. */
const longest = 60_000;
/** ms until the next try when the store failed. */
const afterFailure = 5_000;

export interface Expirable {
  /** ms until a key's time may be over; 0 or less: now. Infinity: there is none. */
  expiresIn(): number;
  trim(): Awaitable<void>;
}

export class Expiry {
  readonly #store: Expirable;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  #cancel: TimerHandle | undefined;
  /** When the timer fires. */
  #due = Number.POSITIVE_INFINITY;
  #notBefore = 0;
  #trimming = false;
  #ended = false;

  constructor(store: Expirable, clock: Clock, failed: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** The store may have something that ends earlier than what was known. */
  look(): void {
    if (this.#trimming || this.#ended) return;
    const wait = this.#store.expiresIn();
    if (wait === Number.POSITIVE_INFINITY) return;
    const now = this.#clock.now();
    const due = Math.max(now + Math.min(wait, longest), this.#notBefore);
    if (due >= this.#due) return;
    this.#cancel?.();
    this.#due = due;
    this.#cancel = this.#clock.setTimer(() => this.#run(), due - now);
    this.#cancel.hold?.(false);
  }

  end(): void {
    this.#ended = true;
    this.#cancel?.();
  }

  #run(): void {
    this.#due = Number.POSITIVE_INFINITY;
    try {
      if (this.#store.expiresIn() <= 0) {
        this.#notBefore = this.#clock.now() + spacing;
        const trimmed = this.#store.trim();
        if (trimmed instanceof Promise) {
          this.#trimming = true;
          trimmed.then(
            () => this.#trimmed(),
            (error: unknown) => this.#trimmed(error),
          );
          return;
        }
      }
    } catch (error) {
      this.#trimmed(error);
      return;
    }
    this.look();
  }

  #trimmed(error?: unknown): void {
    this.#trimming = false;
    if (this.#ended) return;
    if (error !== undefined) {
      this.#notBefore = this.#clock.now() + afterFailure;
      this.#failed(error);
    }
    this.look();
  }
}
