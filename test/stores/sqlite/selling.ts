/** What tests do with a store, in a test runner or outside of one: sell, look at the file, and disturb statements. */
import { DatabaseSync } from '@photostructure/sqlite';
import {
  type DatabaseSync as Database,
  type SqliteDriver,
  type SqliteStore,
  type SqliteTransaction,
  type StatementSync,
  sqliteDriver,
} from '../../../src/stores/sqlite/index.js';

export const createEffects = (store: SqliteStore): Promise<void> =>
  store.write((tx) => tx.exec('CREATE TABLE IF NOT EXISTS effects (name TEXT NOT NULL)'));

/** Names of the effects that have committed, in order. */
export const effectsOf = (path: string): string[] => column(path, 'SELECT name AS v FROM effects ORDER BY rowid');
/** Keys that have a record. */
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
  return store.execute(
    {
      id: { principal: 'anonymous', service: 'market.v1.Till', method, key },
      fingerprint: Uint8Array.of(1, 2, 3),
      trace: '',
      expiresAt: Date.now() + 86_400_000,
    },
    async (tx) => {
      if (before !== undefined) await before(tx);
      effect(tx, key);
      if (after !== undefined) await after(tx);
      return { kind: 'response', type: '', encoding: 'proto', bytes: Buffer.from(key) };
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
