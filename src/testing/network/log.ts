/** What a network did, in lines to read when a seed fails. Keeps the last ones; formats them when asked. */
export class NetworkLog {
  readonly #limit: number;
  #entries: (readonly [at: number, who: string, what: string])[] = [];
  #dropped = 0;

  /** Throws a RangeError unless `limit` is a whole number of lines. */
  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 0) {
      throw new RangeError(`the log keeps a whole number of lines, 0 or more, not ${limit}`);
    }
    this.#limit = limit;
  }

  /** @internal */
  add(at: number, who: string, what: string): void {
    this.#entries.push([at, who, what]);
    // By halves, not one by one: shifting a long array costs its length.
    if (this.#entries.length > 2 * this.#limit) {
      this.#dropped += this.#entries.length - this.#limit;
      this.#entries = this.#limit === 0 ? [] : this.#entries.slice(-this.#limit);
    }
  }

  /** `12.500 ms  web > a  #3 Say  request (24 bytes) sent`, oldest first. */
  get lines(): readonly string[] {
    const shown = this.#limit === 0 ? [] : this.#entries.slice(-this.#limit);
    return shown.map(([at, who, what]) => `${at.toFixed(3).padStart(12)} ms  ${who}  ${what}`);
  }

  toString(): string {
    const { lines } = this;
    const missing = this.#dropped + this.#entries.length - lines.length;
    return [...(missing > 0 ? [`(${missing} earlier lines are dropped)`] : []), ...lines].join('\n');
  }
}
