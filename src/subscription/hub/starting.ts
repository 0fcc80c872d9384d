/**
 * A subscription that is asked for and not decided on. The client knows its number already, so what it says of it meanwhile is
 * kept and counts from the beginning: credit and commits replace what was said before, and of amendments few are kept.
 */
import type { Amend, Commit, CreditLimits } from '../../../gen/hawser/subscription/v1/subscription.js';

/** A client that waits for its subscription has no reason to change it more often. */
export const maxAmends = 16;

export class Starting {
  readonly amends: Amend[] = [];
  commit: Commit | undefined;
  #updates = 0;
  #bytes = 0;

  /** Limits are cumulative. */
  raise(limits: CreditLimits | undefined): void {
    this.#updates = Math.max(this.#updates, limits?.updates ?? 0);
    this.#bytes = Math.max(this.#bytes, limits?.bytes ?? 0);
  }

  get limits(): CreditLimits {
    return { updates: this.#updates, bytes: this.#bytes };
  }
}
