/**
 * What each caller holds of something that is bounded by caller. A caller at its bound is refused, and no other notices.
 */
import type { Reason } from '../contract/reasons.js';
import { ownError } from './own-error.js';
import type { Owner } from './owner.js';
import { countRefusal } from './refusals.js';
import { withoutStack } from './rpc-error.js';

export interface ShareTerms {
  /** Of one caller. */
  readonly most: number;
  /** What is counted: `streams`. */
  readonly what: string;
  /** The option that sets the bound. */
  readonly option: string;
  readonly reason: Reason;
}

export class Shares {
  readonly #terms: ShareTerms;
  readonly #taken = new Map<Owner, number>();

  constructor(terms: ShareTerms) {
    this.#terms = terms;
  }

  taken(owner: Owner): number {
    return this.#taken.get(owner) ?? 0;
  }

  /** Callers that hold something. */
  get owners(): number {
    return this.#taken.size;
  }

  /** Throws an RpcError RESOURCE_EXHAUSTED where the caller would have more than it may. */
  take(owner: Owner, amount = 1): void {
    const taken = this.taken(owner);
    const { most } = this.#terms;
    if (taken + amount > most) throw this.#refused(owner, taken, amount);
    this.#taken.set(owner, taken + amount);
  }

  give(owner: Owner, amount = 1): void {
    const left = this.taken(owner) - amount;
    if (left > 0) this.#taken.set(owner, left);
    else this.#taken.delete(owner);
  }

  #refused(owner: Owner, taken: number, amount: number) {
    const { most, what, option, reason } = this.#terms;
    countRefusal(reason);
    const wanted = amount === 1 ? 'one more' : `${amount} more`;
    return withoutStack(() =>
      ownError(
        reason,
        `the caller (${owner}) has ${taken} ${what} at once and asks for ${wanted}; ${option} is ${most}`,
        { code: 'RESOURCE_EXHAUSTED', disposition: 'not-executed' },
      ),
    );
  }
}
