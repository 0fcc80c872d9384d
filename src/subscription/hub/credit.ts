/**
 * How much a client has said it can take: cumulative limits on updates and on bytes of values, so that a limit that is said
 * twice, or late, does no harm.
 */
import type { CreditLimits } from '../../../gen/hawser/subscription/v1/subscription.js';

export class Credit {
  #maxUpdates: number;
  #maxBytes: number;
  #updates = 0;
  #bytes = 0;

  constructor(limits: CreditLimits | undefined) {
    this.#maxUpdates = limitOf(limits?.updates);
    this.#maxBytes = limitOf(limits?.bytes);
  }

  /** Updates that may be sent: none when the bytes are used up. */
  get updates(): number {
    return this.#bytes >= this.#maxBytes ? 0 : Math.max(0, this.#maxUpdates - this.#updates);
  }

  get bytes(): number {
    return Math.max(0, this.#maxBytes - this.#bytes);
  }

  /** A limit that is lower than one given before changes nothing; where there was none, it stays so. */
  raise(limits: CreditLimits | undefined): void {
    this.#maxUpdates = Math.max(this.#maxUpdates, limits?.updates ?? 0);
    this.#maxBytes = Math.max(this.#maxBytes, limits?.bytes ?? 0);
  }

  spend(updates: number, bytes: number): void {
    this.#updates += updates;
    this.#bytes += bytes;
  }
}

/** 0 is no limit. */
function limitOf(given: number | undefined): number {
  return given === undefined || given === 0 ? Number.POSITIVE_INFINITY : given;
}
