/**
 * What everybody does at first: the keys are remembered in one database and the work is done in another, one commit after
 * the other. It is the control of the kill harness, which must find the duplicates that come of it.
 */
import type { IdempotencyStore } from 'hawser';
import { type SqliteTransaction, sqliteStore } from 'hawser/sqlite';

export function splitStore(path: string): IdempotencyStore<SqliteTransaction> {
  const effects = sqliteStore(path);
  const keys = sqliteStore(`${path}-keys`);
  return {
    name: 'split',
    retention: keys.retention,
    transactional: true,
    execute: (record, work, beforeCommit) =>
      keys.execute(
        record,
        () => effects.transact(work, beforeCommit),
        () => {},
      ),
    transact: (work, beforeCommit) => effects.transact(work, beforeCommit),
    expire: (now, limit) => keys.expire(now, limit),
    async close() {
      await keys.close();
      await effects.close();
    },
  };
}
