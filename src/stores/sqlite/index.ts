/** `hawser/sqlite`: exactly-once effects, and the logs of topics, in an SQLite file. */
export type { Synchronous } from './connection.js';
export type {
  DatabaseSync,
  OpenOptions,
  SqliteChanges,
  SqliteDriver,
  SqliteParameters,
  SqliteRow,
  SqliteValue,
  StatementSync,
} from './driver.js';
export { sqliteDriver } from './driver.js';
export type { SqliteStoreOptions } from './options.js';
export { type SqliteStore, sqliteStore } from './sqlite-store.js';
export type { SqliteStatement, SqliteTransaction } from './tx.js';
