/**
 * What became of every update of the log: it was represented, by itself or within a conflated one; it lies in an announced
 * gap; or it was skipped on purpose. Exact between two consistent cuts of one connection. From a position that no cut
 * was at nothing is counted until the next cut, because what ran ahead then cannot be told apart.
 */
export interface Cut {
  readonly from: number;
  readonly to: number;
  readonly represented: number;
  readonly gapped: number;
  /** Conflated away or filtered: (to - from) less what is represented and what is lost. */
  readonly skipped: number;
}

export class Accounting {
  #from: number | undefined;
  #represented = 0;
  #gapped = 0;
  /** Over all cuts so far. */
  readonly total = { represented: 0, gapped: 0, skipped: 0 };

  /** A chain begins; `from` is undefined where what is held there is no cut. */
  begin(from: number | undefined): void {
    this.#from = from;
    this.#represented = 0;
    this.#gapped = 0;
  }

  /** One more update came that stands for `count` of the log. */
  represent(count: number): void {
    this.#represented += count;
  }

  gap(count: number): void {
    this.#gapped += count;
    this.total.gapped += count;
  }

  /** What is held is a state of the topic at `to`. Undefined where the last one is not known. */
  cut(to: number): Cut | undefined {
    const from = this.#from;
    const represented = this.#represented;
    const gapped = this.#gapped;
    this.begin(to);
    if (from === undefined) return undefined;
    const skipped = to - from - represented - gapped;
    this.total.represented += represented;
    this.total.skipped += skipped;
    return { from, to, represented, gapped, skipped };
  }
}
