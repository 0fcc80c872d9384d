/** What the writer is given to do: look whether it was done, else do it, and seal it, all in one transaction. */
import type { Connection } from './connection.js';
import type { SqliteTransaction } from './tx.js';

export interface Member<V, R> {
  /** What holds the writer, for warnings: `market.v1.TradeHistory/Record`. */
  readonly name: string;
  /** Asked before anything begins; with an answer nothing runs. */
  peek?(connection: Connection): Peeked<R> | undefined;
  work(tx: SqliteTransaction): Promise<V> | V;
  /** Last, inside the transaction. When it throws, what `work` wrote is rolled back. */
  seal(value: V, connection: Connection): R;
}

export interface Peeked<R> {
  readonly answer: R;
  /** What was found is of the group that is open, so the answer waits until that has committed. */
  readonly uncommitted: boolean;
}
