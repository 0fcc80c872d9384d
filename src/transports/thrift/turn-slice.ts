/**
 * How many messages one connection may have handled in a turn of the event loop, so that a connection which floods starves none.
 * The count is never too low: it goes back to nothing only in a later turn. Until a few have come nothing is scheduled, so that
 * connections with a call now and then pay an addition.
 */
import { type Clock, laterTurn } from '../../call/clock.js';

const scheduleFrom = 8;

export class TurnSlice {
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #onRoom: () => void;
  readonly #later: (fn: () => void) => void;
  #messages = 0;
  #bytes = 0;
  #scheduled = false;

  /** `onRoom` runs in the turn after one in which the slice was used up. */
  constructor(most: number, mostBytes: number, clock: Clock, onRoom: () => void) {
    this.#later = laterTurn(clock);
    this.#most = most;
    this.#mostBytes = mostBytes;
    this.#onRoom = onRoom;
  }

  get usedUp(): boolean {
    return this.#messages >= this.#most || this.#bytes >= this.#mostBytes;
  }

  take(bytes: number): void {
    this.#messages++;
    this.#bytes += bytes;
    if (this.#scheduled || (this.#messages < scheduleFrom && !this.usedUp)) return;
    this.#scheduled = true;
    // After what other connections have brought in this turn; immediates of several connections run in their order.
    this.#later(() => {
      const waited = this.usedUp;
      this.#scheduled = false;
      this.#messages = 0;
      this.#bytes = 0;
      if (waited) this.#onRoom();
    });
  }
}
