/** The numbers of a run: samples as they come, and what is made of them. */

/** One line of `--json`: the median of the runs, and the least and the most of them. */
export interface Row {
  readonly bench: string;
  readonly case: string;
  readonly subject: string;
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

export interface Key {
  readonly bench: string;
  readonly case: string;
  readonly subject: string;
  readonly metric: string;
}

export interface Failure {
  readonly bench: string;
  readonly case: string;
  readonly subject: string;
  readonly message: string;
}

export interface Compared {
  readonly value: number;
  /** Of runs. */
  readonly pairs: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

const textOf = ({ bench, case: name, subject, metric }: Key): string => [bench, name, subject, metric].join('\n');

/** Four digits are more than any of this is true to. */
const rounded = (value: number): number => Number(value.toPrecision(4));

export class Results {
  readonly #samples = new Map<
    string,
    { readonly key: Key; readonly unit: string; readonly byRun: Map<number, number> }
  >();
  readonly failures: Failure[] = [];
  /** Subjects that need something that this machine does not have. */
  readonly skipped: Failure[] = [];

  add(key: Key, unit: string, run: number, value: number): void {
    if (!Number.isFinite(value)) return;
    let samples = this.#samples.get(textOf(key));
    if (samples === undefined) {
      samples = { key, unit, byRun: new Map() };
      this.#samples.set(textOf(key), samples);
    }
    samples.byRun.set(run, value);
  }

  rows(): Row[] {
    return [...this.#samples.values()].map(({ key, unit, byRun }) => {
      const values = [...byRun.values()];
      return {
        bench: key.bench,
        case: key.case,
        subject: key.subject,
        metric: key.metric,
        unit,
        value: rounded(median(values)),
        min: rounded(Math.min(...values)),
        max: rounded(Math.max(...values)),
        runs: values.length,
      };
    });
  }

  /** The median of the ratios of runs that stood side by side: what slowed the machine down slowed both. */
  ratio(key: Key, versus: Partial<Key>): Compared | undefined {
    return this.#compared(key, versus, (own, base) => own / base);
  }

  /** The median of the differences of such runs. */
  difference(key: Key, versus: Partial<Key>): Compared | undefined {
    return this.#compared(key, versus, (own, base) => own - base);
  }

  #compared(key: Key, versus: Partial<Key>, compare: (own: number, base: number) => number): Compared | undefined {
    const own = this.#samples.get(textOf(key))?.byRun;
    const other = this.#samples.get(textOf({ ...key, ...versus }))?.byRun;
    if (own === undefined || other === undefined) return undefined;
    const pairs = [...own].flatMap(([run, value]) => {
      const base = other.get(run);
      return base === undefined || base === 0 ? [] : [compare(value, base)];
    });
    return pairs.length === 0 ? undefined : { value: median(pairs), pairs: pairs.length };
  }
}
