/**
 * Whose an item is: the numbers that the subscriptions of one connection have, and the chains that were announced for them.
 * What names neither is the server's fault; what names one that was given up came late, and is passed over.
 */
import type { ServerItem, Subscribed } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Subscriber } from './subscriber.js';

/** What the server says of one subscription. */
export type SubscriptionItem = Exclude<
  NonNullable<ServerItem['item']>,
  { $case: 'welcome' | 'goAway' | 'pong' | 'published' }
>;

export class Routes {
  /** By number; undefined: it is given up, and its late frames are of no interest. */
  readonly #subs = new Map<number, Subscriber | undefined>();
  /** The number that a chain belongs to. */
  readonly #refs = new Map<number, number>();
  #last = 0;

  /** A number that was never used on this connection. */
  add(subscriber: Subscriber): number {
    this.#last += 1;
    this.#subs.set(this.#last, subscriber);
    return this.#last;
  }

  giveUp(sub: number): void {
    this.#subs.set(sub, undefined);
  }

  remove(sub: number): void {
    this.#subs.delete(sub);
    this.#dropRefs(sub);
  }

  /** A sentence for what no server may send. */
  deliver(item: SubscriptionItem): string | undefined {
    switch (item.$case) {
      case 'batch': {
        const owner = this.#byRef(item.value.ref);
        if (owner === undefined) return unknownRef(item.value.ref);
        owner.dispatch('batch', item.value);
        return undefined;
      }
      case 'progress': {
        const owner = this.#byRef(item.value.ref);
        if (owner === undefined) return unknownRef(item.value.ref);
        owner.dispatch('progress', item.value);
        return undefined;
      }
      case 'subscribed':
        return this.#announced(item.value);
      case 'unsubscribed': {
        const { sub } = item.value;
        if (!this.#subs.has(sub)) return `Unsubscribed of ${sub}, which was never asked for`;
        const subscriber = this.#subs.get(sub);
        if (subscriber === undefined) this.remove(sub);
        else subscriber.dispatch('unsubscribed', item.value);
        return undefined;
      }
      case 'snapshotBegin':
      case 'snapshotChunk':
      case 'snapshotEnd':
      case 'gap':
      case 'reset':
      case 'throttle':
      case 'commitOk':
      case 'error': {
        const { sub } = item.value;
        if (!this.#subs.has(sub)) return `${item.$case} of the subscription ${sub}, which was never asked for`;
        const owner = this.#subs.get(sub) ?? deaf;
        // The case and its value belong together; TypeScript sees two unions.
        (owner.dispatch as (name: string, value: unknown) => void).call(owner, item.$case, item.value);
        return undefined;
      }
    }
  }

  /** From now on the chain `ref` is this subscription's. */
  #announced(value: Subscribed): string | undefined {
    const { sub, ref } = value;
    if (!this.#subs.has(sub)) return `Subscribed of ${sub}, which was never asked for`;
    const other = this.#refs.get(ref);
    if (other !== undefined && other !== sub) return `the chain ${ref} of the subscription ${sub} is that of ${other}`;
    this.#dropRefs(sub);
    this.#refs.set(ref, sub);
    this.#subs.get(sub)?.dispatch('subscribed', value);
    return undefined;
  }

  /** Undefined for a chain that nobody announced. */
  #byRef(ref: number): Owner | undefined {
    const sub = this.#refs.get(ref);
    return sub === undefined ? undefined : (this.#subs.get(sub) ?? deaf);
  }

  #dropRefs(sub: number): void {
    for (const [ref, owner] of this.#refs) if (owner === sub) this.#refs.delete(ref);
  }
}

type Owner = Pick<Subscriber, 'dispatch'>;

/** Of a subscription that was given up. */
const deaf: Owner = { dispatch: () => {} };

function unknownRef(ref: number): string {
  return `something of the chain ${ref}, which was never announced`;
}
