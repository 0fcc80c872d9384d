/**
 * The subscriptions of one connection that have something to send and may not send it now: no credit, an interval or a rate, a
 * socket that is full. Each is told how far the log is meanwhile, and once in a while why it is held back, however long it takes
 * and however rarely the connection gives a sign of life otherwise.
 */
import { Throttle_Cause } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Subscription } from './subscription.js';

/** ms between two looks at what is held back. */
export const heldEvery = 500;
/** ms that a subscription is held back before it is told why, and between two times that it is told the same. */
const worthTelling = 400;
const toldEvery = 10_000;

export interface HeldNews {
  /** They are told the head. */
  readonly behind: readonly Subscription[];
  /** They are told why. */
  readonly throttled: readonly { readonly subscription: Subscription; readonly cause: Throttle_Cause }[];
}

interface Held {
  readonly since: number;
  readonly cause: Throttle_Cause;
}

interface Told {
  readonly at: number;
  readonly cause: Throttle_Cause;
}

export class HeldBack {
  readonly #held = new Map<Subscription, Held>();
  readonly #told = new WeakMap<Subscription, Told>();

  get size(): number {
    return this.#held.size;
  }

  /** A later cause takes the place of the first, but not its time. */
  add(subscription: Subscription, cause: Throttle_Cause, now: number): void {
    const before = this.#held.get(subscription);
    if (before?.cause !== cause) this.#held.set(subscription, { since: before?.since ?? now, cause });
  }

  /** It was sent something, or is over. */
  remove(subscription: Subscription): void {
    this.#held.delete(subscription);
  }

  clear(): void {
    this.#held.clear();
  }

  /** What there is to tell now. One that has been told everything is looked at again when it is held back again. */
  look(now: number): HeldNews {
    const behind: Subscription[] = [];
    const throttled: { subscription: Subscription; cause: Throttle_Cause }[] = [];
    for (const [subscription, { since, cause }] of [...this.#held]) {
      if (subscription.over || subscription.lag === 0) {
        this.#held.delete(subscription);
        continue;
      }
      behind.push(subscription);
      if (now - since < worthTelling) continue;
      // The next publication wakes a reader that is shown all keys. Others, and those behind a full socket, are looked at here.
      if (cause !== Throttle_Cause.SOCKET && subscription.view === undefined) this.#held.delete(subscription);
      const told = this.#told.get(subscription);
      if (cause === Throttle_Cause.UNSPECIFIED) continue;
      if (told?.cause === cause && now - told.at < toldEvery) continue;
      this.#told.set(subscription, { at: now, cause });
      throttled.push({ subscription, cause });
    }
    return { behind, throttled };
  }
}
