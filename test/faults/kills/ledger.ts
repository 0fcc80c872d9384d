/** What the clients of a kill run know of each key, and what must hold between that and the effects that are found. */
export interface Entry {
  readonly key: string;
  readonly fish: string;
  readonly pounds: number;
  /** Every different answer, as text. One, if all is well. */
  readonly answers: Set<string>;
  acknowledged: number;
  /** A failed call that may have had its effect. */
  doubtful: boolean;
}

export interface Verdict {
  readonly keys: number;
  readonly acknowledged: number;
  readonly replays: number;
  /** Keys with more than one effect. */
  readonly duplicates: number;
  /** Acknowledged keys without an effect. */
  readonly lost: number;
  /** Keys with more than one answer, or one that is not that of their effect. */
  readonly unequal: number;
  /** Keys with an effect, although every call with them was proven not to have run. */
  readonly falselyDenied: number;
  /** Effects of keys that nobody sent. */
  readonly strangers: number;
}

export class Ledger {
  readonly entries = new Map<string, Entry>();
  answers = 0;
  replays = 0;
  /** Failures that no crash explains. */
  readonly surprises: string[] = [];

  add(key: string, fish: string, pounds: number): Entry {
    const entry = { key, fish, pounds, answers: new Set<string>(), acknowledged: 0, doubtful: false };
    this.entries.set(key, entry);
    return entry;
  }

  acknowledge(entry: Entry, answer: string): void {
    entry.answers.add(answer);
    entry.acknowledged += 1;
    this.answers += 1;
  }

  /** `effects`: the numbers of the effects of each key. */
  check(effects: ReadonlyMap<string, readonly number[]>): Verdict {
    let [acknowledged, duplicates, lost, unequal, falselyDenied, strangers] = [0, 0, 0, 0, 0, 0];
    for (const [key, numbers] of effects) {
      if (!this.entries.has(key)) strangers += 1;
      if (numbers.length > 1) duplicates += 1;
    }
    for (const { key, answers, acknowledged: answered, doubtful } of this.entries.values()) {
      const numbers = effects.get(key) ?? [];
      if (answered > 0) acknowledged += 1;
      if (answered > 0 && numbers.length === 0) lost += 1;
      const [answer = ''] = answers;
      if (answers.size > 1 || (answered > 0 && Number(answer.split(' ')[1]) !== numbers[0])) unequal += 1;
      if (answered === 0 && !doubtful && numbers.length > 0) falselyDenied += 1;
    }
    const { replays } = this;
    return { keys: this.entries.size, acknowledged, replays, duplicates, lost, unequal, falselyDenied, strangers };
  }
}
