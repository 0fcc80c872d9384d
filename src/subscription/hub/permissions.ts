/**
 * How often the permissions of each principal were said to have changed. An answer of `authorize` is as of one such life: one that
 * is older is asked for again, and what a subscriber holds by it is not taken for what it may see now.
 */
import { randomBytes } from 'node:crypto';

/** Principals whose count is kept by itself; when there are more, all begin a new life. */
const most = 10_000;

export class Permissions {
  /** No other process, and no other hub of this one, has the same lives. */
  readonly #origin = randomBytes(6).toString('hex');
  readonly #counts = new Map<string, number>();
  #all = 0;

  lifeOf(principal: string): string {
    return `${this.#origin}.${this.#all}.${this.#counts.get(principal) ?? 0}`;
  }

  /** Undefined: of everybody. */
  changed(principal: string | undefined): void {
    if (principal === undefined || (this.#counts.size >= most && !this.#counts.has(principal))) {
      this.#all += 1;
      this.#counts.clear();
    }
    if (principal !== undefined) this.#counts.set(principal, (this.#counts.get(principal) ?? 0) + 1);
  }
}
