/**
 * What the handler of a KEYED call has put off until its transaction commits, because it goes to a place that the transaction
 * does not reach. Whoever runs the transaction says how it ended.
 */

/** One thing that is put off. */
export interface Deferred {
  /** Asked again directly before the commit; what it throws rolls the transaction back. */
  readonly check: () => void;
  /** Once it has committed. Never throws or rejects. */
  readonly run: () => Promise<void> | undefined;
}

export class CommitHooks {
  #deferred: Deferred[] | undefined;
  #state: 'open' | 'committed' | 'rolled back' = 'open';

  get state(): 'open' | 'committed' | 'rolled back' {
    return this.#state;
  }

  /** Nothing is put off. */
  get empty(): boolean {
    return this.#deferred === undefined;
  }

  add(deferred: Deferred): void {
    this.#deferred ??= [];
    this.#deferred.push(deferred);
  }

  /** Throws what stands against the commit. */
  check(): void {
    for (const { check } of this.#deferred ?? []) check();
  }

  /** In the order in which they were put off; resolves when all are done, where one takes time. */
  committed(): Promise<void> | undefined {
    this.#state = 'committed';
    let last: Promise<void> | undefined;
    for (const { run } of this.#deferred ?? []) last = last === undefined ? run() : last.then(run);
    this.#deferred = undefined;
    return last;
  }

  rolledBack(): void {
    this.#state = 'rolled back';
    this.#deferred = undefined;
  }
}

/** Commits that went unanswered, by the record that tells later what became of them. The oldest are given up first. */
export class CommitsInDoubt {
  readonly #hooks = new Map<string, CommitHooks>();
  readonly #most = 1000;

  add(record: string, hooks: CommitHooks): void {
    this.#hooks.delete(record);
    this.#hooks.set(record, hooks);
    if (this.#hooks.size <= this.#most) return;
    const [oldest] = this.#hooks.keys();
    if (oldest !== undefined) this.take(oldest)?.rolledBack();
  }

  take(record: string): CommitHooks | undefined {
    const hooks = this.#hooks.get(record);
    this.#hooks.delete(record);
    return hooks;
  }
}
