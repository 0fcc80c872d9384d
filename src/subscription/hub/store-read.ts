/**
 * One read of the store at a time, for who cannot wait. A store that answers at once is gone on from at once; of one that
 * answers later the next step is kept until somebody asks for it, and forgotten when everything began anew meanwhile.
 */
import type { Awaitable } from '../topic-store.js';
import type { Outlet } from './outlet.js';
import type { Subscription } from './subscription.js';

export type Step = () => Uint8Array | undefined;

export class StoreRead {
  readonly #subscription: Subscription;
  readonly #outlet: Outlet;
  /** Grows whenever what was asked is of no interest any more, so that a late answer is known as such. */
  #life = 0;
  #waiting = false;
  #ready: Step | undefined;

  constructor(subscription: Subscription, outlet: Outlet) {
    this.#subscription = subscription;
    this.#outlet = outlet;
  }

  /** The store has not answered. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** It is asked, or its answer is not used. */
  get busy(): boolean {
    return this.#waiting || this.#ready !== undefined;
  }

  /** What the late answer leads to, once. */
  take(): Step | undefined {
    const ready = this.#ready;
    this.#ready = undefined;
    return ready;
  }

  forget(): void {
    this.#life += 1;
    this.#waiting = false;
    this.#ready = undefined;
  }

  /** Goes on with `fn` now, or when the step is taken. */
  goOn<T>(value: Awaitable<T>, fn: (value: T) => Uint8Array | undefined): Uint8Array | undefined {
    if (!(value instanceof Promise)) return fn(value);
    this.#waiting = true;
    const life = this.#life;
    const keep = (step: Step): void => {
      if (this.#life !== life) return;
      this.#waiting = false;
      this.#ready = step;
      this.#outlet.enqueue(this.#subscription);
    };
    value
      .then(
        (answer) => keep(() => fn(answer)),
        (error: unknown) => keep(() => this.#outlet.storeFailed(this.#subscription, error)),
      )
      .catch((error: unknown) => this.#outlet.subscriptionFailed(this.#subscription, error));
    return undefined;
  }
}
