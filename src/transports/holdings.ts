/**
 * The bytes that all connections of a server hold. Each is bounded by itself; a thousand of them together would not be. Beyond the
 * bound the caller whose connections hold most loses the largest of them, not the connection that happened to come last.
 */
import type { Owner } from '../call/owner.js';

export interface Holder {
  /** Received and not answered, or waiting to be sent. */
  readonly heldBytes: number;
  /** Whose connection it is: its address, as nothing else is known of a connection. */
  readonly owner: Owner;
  cutOff(total: number): void;
}

/** Connections that hold less are not looked at. */
const least = 16_384;

export class Holdings {
  readonly #limit: number;
  readonly #large = new Set<Holder>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A connection holds more than it did. */
  grown(holder: Holder, bytes: number): void {
    if (bytes < least) return;
    this.#large.add(holder);
    let total = 0;
    for (const each of this.#large) {
      const held = each.heldBytes;
      if (held < least) this.#large.delete(each);
      total += held;
    }
    if (total <= this.#limit) return;
    const largest = this.#largest();
    this.#large.delete(largest);
    largest.cutOff(total);
  }

  gone(holder: Holder): void {
    this.#large.delete(holder);
  }

  /** Of the owner that holds most. There is one. */
  #largest(): Holder {
    const byOwner = new Map<Owner, { total: number; most: number; holder: Holder }>();
    for (const holder of this.#large) {
      const held = holder.heldBytes;
      const known = byOwner.get(holder.owner);
      if (known === undefined) byOwner.set(holder.owner, { total: held, most: held, holder });
      else {
        known.total += held;
        if (held > known.most) Object.assign(known, { most: held, holder });
      }
    }
    const [first, ...others] = byOwner.values();
    return others.reduce(
      (a, b) => (b.total > a.total ? b : a),
      first as { total: number; most: number; holder: Holder },
    ).holder;
  }
}
