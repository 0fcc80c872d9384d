/**
 * Deletes records whose time is over, in the background and a batch at a time. Their time is the server's wall clock; the
 * looks at it are on a timer of the process that keeps nothing alive, and on the calls themselves, so that
 * a virtual clock has no timer left and a busy server needs none.
 */
import type { Clock } from '../call/clock.js';
import type { Logger } from '../call/logger.js';
import type { IdempotencyStore } from './idempotency-store.js';
import type { ServerEventHub } from './server-events.js';

/** ms between two sweeps */
const interval = 60_000;
const batch = 500;
/** Batches of one sweep; what is left waits for the next. */
const mostBatches = 200;

export interface ExpiryContext {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly events: ServerEventHub;
  readonly logger: Logger;
}

export class RecordExpiry {
  readonly #context: ExpiryContext;
  #timer: NodeJS.Timeout | undefined;
  /** Wall time, ms */
  #sweptAt: number;
  #sweeping = false;
  #stopped = false;

  constructor(context: ExpiryContext) {
    this.#context = context;
    this.#sweptAt = context.clock.wallTime();
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#sweep(), interval).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** A KEYED call has come, at `now`. */
  nudge(now: number): void {
    if (Math.abs(now - this.#sweptAt) >= interval) this.#sweep();
  }

  #sweep(): void {
    if (this.#sweeping || this.#stopped) return;
    this.#sweeping = true;
    this.#sweptAt = this.#context.clock.wallTime();
    const { logger, store } = this.#context;
    this.#batches()
      .catch((error: unknown) => {
        if (!this.#stopped)
          logger.warn(
            { err: error, store: store.name },
            'expired idempotency records could not be deleted; the next sweep tries again',
          );
      })
      .finally(() => {
        this.#sweeping = false;
      });
  }

  async #batches(): Promise<void> {
    const { store, clock, events } = this.#context;
    for (let count = 0; count < mostBatches && !this.#stopped; count++) {
      const deleted = await store.expire(clock.wallTime(), batch);
      if (deleted > 0 && events.wants('expiry')) events.emit('expiry', { store: store.name, deleted });
      if (deleted < batch) return;
      // Calls come first.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
