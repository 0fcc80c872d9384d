/**
 * How many calls may be in flight while the event loop is late. Handlers that wait first and compute then are let in by the
 * hundred before any limit is found, and all compute in one turn of the loop: whoever came meanwhile, the critical too, waits
 * in the sockets where nobody sees them. So while the loop is late as many are let in as keep the thread busy and its turns
 * short: fewer after each late look at it, more after one in time, in proportion. Calls that did not end in a late turn did not
 * make it late: where few of those in flight do, the machine was away or others computed, and hardly fewer are let in.
 */

export interface PaceTerms {
  /** ms that the event loop may be late, as for the limit. */
  readonly loopDelay: number;
  /** Calls in flight however late the loop is, at first and for as long as it stays late. */
  readonly first: number;
  readonly least: number;
}

/** Parts of what the loop may be late: from here on calls are paced; so late it is when the thread is busy and yet attentive. */
const engages = 0.3;
const aim = 0.2;
/** What is made of the pace at most each time that the loop is looked at; a pause of the machine costs little. */
const slower = 0.5;
const faster = 1.25;

export class Pace {
  readonly #terms: PaceTerms;
  #calls = Number.POSITIVE_INFINITY;
  /** Calls that have ended since the loop was last looked at. */
  #ended = 0;

  constructor(terms: PaceTerms) {
    this.#terms = terms;
  }

  /** A call in flight is over. */
  end(): void {
    this.#ended += 1;
  }

  /** Calls that may be in flight, of `inFlight` that are; `overdue`: ms that the loop is late already. */
  room(inFlight: number, overdue: number): number {
    const { loopDelay, first } = this.#terms;
    if (overdue > engages * loopDelay) {
      this.#calls = Math.min(this.#calls, Math.max(first, inFlight * this.#relieving(slower, inFlight)));
    }
    return this.#calls;
  }

  /** The loop was looked at, and so many ms late. `limit`: calls that may be in flight without a pace. */
  looked(late: number, inFlight: number, limit: number): void {
    if (this.#calls === Number.POSITIVE_INFINITY) this.room(inFlight, late);
    else {
      const { loopDelay, least } = this.#terms;
      const factor = Math.max(slower, Math.min(faster, (aim * loopDelay) / late));
      this.#calls = Math.max(least, this.#calls * (factor < 1 ? this.#relieving(factor, inFlight) : factor));
      if (this.#calls >= limit) this.free();
    }
    this.#ended = 0;
  }

  /** No call comes: nothing is to be paced. */
  free(): void {
    this.#calls = Number.POSITIVE_INFINITY;
    this.#ended = 0;
  }

  /** What is left when a part of only those is to go that compute: as large a part of all as ended since the last look. */
  #relieving(factor: number, inFlight: number): number {
    return 1 - Math.min(1, this.#ended / Math.max(1, inFlight)) * (1 - factor);
  }
}
