/** One after the other, whether the one before answers at once or later. */
import type { Awaitable } from '../topic-store.js';

export class Turns {
  #last: Promise<void> | undefined;
  /** That have not had their turn, or are in it. */
  waiting = 0;

  /** `turn` never throws or rejects. */
  take(turn: () => Awaitable<void>): Awaitable<void> {
    const now = this.#last === undefined ? turn() : this.#last.then(turn);
    if (!(now instanceof Promise)) return;
    this.waiting += 1;
    const last = now.then(() => {
      this.waiting -= 1;
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
    return last;
  }
}
