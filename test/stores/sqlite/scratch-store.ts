/** A store in a folder of its own, with a table of effects, and drivers that see and disturb every statement. */
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { silentLogger } from 'hawser';
import { onTestFinished } from 'vitest';
import type { NewRecord, StoredOutcome } from '../../../src/interceptors/idempotency-store.js';
import {
  type DatabaseSync as Database,
  type SqliteDriver,
  type SqliteStore,
  type SqliteStoreOptions,
  type SqliteTransaction,
  type StatementSync,
  sqliteDriver,
  sqliteStore,
} from '../../../src/stores/sqlite/index.js';
import { scratchFolder } from '../../support/scratch.js';
import { answer, recordOf } from '../conformance.js';

export interface Scratch {
  readonly path: string;
  readonly folder: string;
  readonly store: SqliteStore;
  /** Names of the effects that have committed, in order. */
  effects(): string[];
  /** Keys that have a record. */
  keys(): string[];
}

/** Closed and removed when the test is over. */
export async function scratchStore(options: SqliteStoreOptions = {}): Promise<Scratch> {
  const folder = scratchFolder('sqlite');
  const path = join(folder.path, 'market.db');
  const store = sqliteStore(path, { logger: silentLogger, ...options });
  onTestFinished(async () => {
    await store.close();
    folder.remove();
  });
  await store.write((tx) => tx.exec('CREATE TABLE effects (name TEXT NOT NULL)'));
  return { path, folder: folder.path, store, effects: () => effectsOf(path), keys: () => keysOf(path) };
}

export const effectsOf = (path: string): string[] => column(path, 'SELECT name AS v FROM effects ORDER BY rowid');
export const keysOf = (path: string): string[] => column(path, 'SELECT key AS v FROM hawser_records ORDER BY key');

function column(path: string, sql: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return (db.prepare(sql).all() as { v: string }[]).map(({ v }) => v);
  } finally {
    db.close();
  }
}

export function effect(tx: SqliteTransaction, name: string): void {
  tx.prepare('INSERT INTO effects (name) VALUES (?)').run(name);
}

export interface Selling {
  /** `Sell` by default: the method that holds the writer. */
  readonly method?: string;
  /** Before and after the effect is written. */
  readonly before?: (tx: SqliteTransaction) => unknown;
  readonly after?: (tx: SqliteTransaction) => unknown;
}

/** Runs a key whose work writes an effect of the key's name, with `await`s only where something is to be waited for. */
export function sell(store: SqliteStore, key: string, { method = 'Sell', before, after }: Selling = {}) {
  const record: NewRecord = recordOf({ key, method });
  return store.execute(
    record,
    async (tx): Promise<StoredOutcome> => {
      if (before !== undefined) await before(tx);
      effect(tx, key);
      if (after !== undefined) await after(tx);
      return answer(key);
    },
    () => {},
  );
}

/** A turn of the event loop, at least: what real I/O costs. */
export const loopTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What SQLite throws. */
export function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });
}

/** Calls `before` with the text of each statement of the writer before it runs; what that throws, the statement throws. */
export function watchedDriver(
  before: (sql: string, db: Database) => void,
  prepared: (sql: string) => void = () => {},
): SqliteDriver {
  const real = sqliteDriver();
  return {
    name: 'watched',
    open(path, options) {
      const db = real.open(path, options);
      if (path.endsWith('-owner') || options?.readOnly === true) return db;
      return watchedDatabase(db, (sql) => before(sql, db), prepared);
    },
  };
}

function watchedDatabase(db: Database, before: (sql: string) => void, prepared: (sql: string) => void): Database {
  return {
    get isOpen() {
      return db.isOpen ?? true;
    },
    get isTransaction() {
      return db.isTransaction ?? false;
    },
    exec(sql) {
      before(sql);
      db.exec(sql);
    },
    prepare(sql) {
      prepared(sql);
      return watchedStatement(db.prepare(sql), sql, before);
    },
    function: db.function.bind(db),
    close: () => db.close(),
  };
}

function watchedStatement(statement: StatementSync, sql: string, before: (sql: string) => void): StatementSync {
  const watched = Object.create(statement) as StatementSync;
  for (const name of ['run', 'get', 'all', 'iterate'] as const) {
    Object.defineProperty(watched, name, {
      value: (...parameters: never[]) => {
        before(sql);
        return statement[name](...parameters);
      },
    });
  }
  return watched;
}
