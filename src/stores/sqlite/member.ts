/** What the writer is given to do: look whether it was done, else do it, seal it and record it, all in one transaction. */
import type { Connection } from './connection.js';
import type { SqliteTransaction } from './tx.js';

export interface Member<V, R> {
  /** What holds the writer, for warnings: `market.v1.TradeHistory/Record`. */
  readonly name: string;
  /** Asked before the work, together with others of its transaction; with an answer nothing runs. */
  peek?(connection: Connection): Peeked<R> | undefined;
  work(tx: SqliteTransaction): Promise<V> | V;
  /** Last, inside the transaction. When it throws, what `work` wrote is rolled back. */
  seal(value: V, connection: Connection): R;
  /** Before the commit, together with all others of its group. When it throws, the whole group is rolled back. */
  record?(connection: Connection): void;
}

/** What had been done before, in an object of its own because it may be nothing. */
export interface Peeked<R> {
  readonly answer: R;
}
