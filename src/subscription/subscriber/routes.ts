/** Whose a frame is: the numbers that the subscriptions of one connection have, and the chains that were announced for them. */
import type { Subscriber } from './subscriber.js';

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

  has(sub: number): boolean {
    return this.#subs.has(sub);
  }

  get(sub: number): Subscriber | undefined {
    return this.#subs.get(sub);
  }

  /** A sentence when the chain is another subscription's. */
  announce(sub: number, ref: number): string | undefined {
    const other = this.#refs.get(ref);
    if (other !== undefined && other !== sub) return `the chain ${ref} of the subscription ${sub} is that of ${other}`;
    this.#dropRefs(sub);
    this.#refs.set(ref, sub);
    return undefined;
  }

  /** Undefined for a chain that nobody announced; a chain of a subscription that was given up has a deaf owner. */
  byRef(ref: number): { dispatch: Subscriber['dispatch'] } | undefined {
    const sub = this.#refs.get(ref);
    return sub === undefined ? undefined : (this.#subs.get(sub) ?? deaf);
  }

  #dropRefs(sub: number): void {
    for (const [ref, owner] of this.#refs) if (owner === sub) this.#refs.delete(ref);
  }
}

const deaf: { dispatch: Subscriber['dispatch'] } = { dispatch: () => {} };
