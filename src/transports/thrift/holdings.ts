/**
 * The bytes that all connections of a server hold. Each is bounded by itself; a thousand of them together would not be. Beyond the
 * bound the connection that holds most is cut off, not the one that happened to come last.
 */
export interface Holder {
  /** Received and not answered, or waiting to be sent. */
  readonly heldBytes: number;
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
    let largest = holder;
    let most = 0;
    for (const each of this.#large) {
      const held = each.heldBytes;
      if (held < least) this.#large.delete(each);
      total += held;
      if (held > most) {
        most = held;
        largest = each;
      }
    }
    if (total <= this.#limit) return;
    this.#large.delete(largest);
    largest.cutOff(total);
  }

  gone(holder: Holder): void {
    this.#large.delete(holder);
  }
}
