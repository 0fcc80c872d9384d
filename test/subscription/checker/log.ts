/** The log of one epoch, as the checker asks it. */
import type { LogEntry, ReplicaEntry } from './history.js';

export class LogIndex {
  readonly #entries: readonly LogEntry[];
  /** The updates of each key, by seq. */
  readonly #byKey = new Map<string, LogEntry[]>();

  constructor(entries: readonly LogEntry[]) {
    this.#entries = entries;
    for (const entry of entries) {
      const own = this.#byKey.get(entry.key);
      if (own === undefined) this.#byKey.set(entry.key, [entry]);
      else own.push(entry);
    }
  }

  get head(): number {
    return this.#entries.length;
  }

  at(seq: number): LogEntry | undefined {
    return this.#entries[seq - 1];
  }

  /** How far readers could see it at a time. */
  headAt(t: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as LogEntry).t <= t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What a subscriber of these keys is concerned with, after `from` up to `to`. */
  between(from: number, to: number, wants: (key: string) => boolean): LogEntry[] {
    return this.#entries.slice(from, to).filter(({ key }) => wants(key));
  }

  /** The newest update of a key up to `to`, if it is after `from`. */
  newest(key: string, from: number, to: number): LogEntry | undefined {
    const own = this.#byKey.get(key) ?? [];
    for (let at = own.length - 1; at >= 0; at--) {
      const entry = own[at] as LogEntry;
      if (entry.seq <= from) return undefined;
      if (entry.seq <= to) return entry;
    }
    return undefined;
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  /** fold(log(from..to]): what there is of each key. */
  fold(from: number, to: number, wants: (key: string) => boolean): Map<string, LogEntry> {
    const state = new Map<string, LogEntry>();
    for (const key of this.keys()) {
      if (!wants(key)) continue;
      const entry = this.newest(key, from, to);
      if (entry !== undefined && entry.value !== null) state.set(key, entry);
    }
    return state;
  }

  /** Whether the log explains a value that stands for `merged` updates of its key, the last of them `seq`. */
  explains({ seq, key, value, merged }: { seq: number; key: string; value: string | null; merged: number }): boolean {
    const entry = this.at(seq);
    if (entry === undefined || entry.key !== key) return false;
    if (merged <= 1 && entry.value === value) return true;
    const own = this.#byKey.get(key) ?? [];
    const last = own.indexOf(entry);
    if (last + 1 < merged) return false;
    return mergeOf(own.slice(last + 1 - merged, last + 1)) === value;
  }

  /** Whether a value is what some run of the key's updates up to `seq` comes to. */
  explainsSome([key, seq, value]: ReplicaEntry): boolean {
    const parts = value.split(mergeMark).length;
    for (let merged = parts; merged <= this.head; merged++) {
      if (this.explains({ seq, key, value, merged })) return true;
      if (merged > parts + 50) return false;
    }
    return false;
  }
}

export const mergeMark = '|';

/** As the topics of the tests merge: one after the other, and a tombstone ends what came before it. */
function mergeOf(run: readonly LogEntry[]): string | null {
  let values: string[] = [];
  for (const { value } of run) values = value === null ? [] : [...values, value];
  const last = run.at(-1);
  return values.length > 1 ? values.join(mergeMark) : (last?.value ?? null);
}
