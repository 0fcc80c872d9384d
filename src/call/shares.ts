/**
 * What each caller holds of something that is bounded by caller. A caller at its bound is refused, and no other notices. One
 * connection gets three quarters of that at most: so one that floods leaves something to others of its caller, as behind one
 * address there may be many.
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
  readonly #ofConnections = new Map<string, number>();

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

  /**
   * Throws an RpcError RESOURCE_EXHAUSTED where the caller, or its connection, would have more than it may. `connection`: left out
   * where it is not known.
   */
  take(owner: Owner, amount = 1, connection?: string): void {
    const taken = this.taken(owner);
    const { most } = this.#terms;
    if (taken + amount > most) throw this.#refused(`the caller (${owner})`, taken, amount, `${most}`);
    if (connection !== undefined) {
      // Over one connection of a proxy many callers may come.
      const key = `${owner} ${connection}`;
      const ofConnection = this.#ofConnections.get(key) ?? 0;
      const part = most - Math.floor(most / 4);
      if (ofConnection + amount > part) {
        throw this.#refused('the connection', ofConnection, amount, `${most}, of which one connection gets ${part}`);
      }
      this.#ofConnections.set(key, ofConnection + amount);
    }
    this.#taken.set(owner, taken + amount);
  }

  give(owner: Owner, amount = 1, connection?: string): void {
    lessen(this.#taken, owner, amount);
    if (connection !== undefined) lessen(this.#ofConnections, `${owner} ${connection}`, amount);
  }

  #refused(who: string, taken: number, amount: number, bound: string) {
    const { what, option, reason } = this.#terms;
    countRefusal(reason);
    const wanted = amount === 1 ? 'one more' : `${amount} more`;
    return withoutStack(() =>
      ownError(reason, `${who} has ${taken} ${what} at once and asks for ${wanted}; ${option} is ${bound}`, {
        code: 'RESOURCE_EXHAUSTED',
        disposition: 'not-executed',
      }),
    );
  }
}

function lessen(counts: Map<string, number>, key: string, amount: number): void {
  const left = (counts.get(key) ?? 0) - amount;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
