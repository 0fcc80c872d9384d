/**
 * Calls that time out on a connection over which nothing comes: by two of them, one begun after the other ended, it is known long
 * before pings tell, which servers forbid to be frequent. Calls that end together count as one.
 */
interface Heard {
  /** Grows with everything that comes. */
  readonly heard: number;
}

export class Silence {
  readonly #connection: Heard;
  readonly #found: () => void;
  #timeouts = 0;
  /** What had been heard at the last timeout. */
  #heardThen = -1;

  constructor(connection: Heard, found: () => void) {
    this.#connection = connection;
    this.#found = found;
  }

  /** For `timedOut`, when the call begins. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /** A call has ended at its deadline; `heard` and `timeouts` are as they were when it began. */
  timedOut(heard: number, timeouts: number): void {
    if (this.#connection.heard !== heard || this.#timeouts !== timeouts) return;
    this.#timeouts += 1;
    const again = this.#heardThen === heard;
    this.#heardThen = heard;
    if (again) this.#found();
  }
}
