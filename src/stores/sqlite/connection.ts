/**
 * One open database with its settings, and the statements prepared on it. Preparing a statement costs as much as running
 * it, and handlers prepare the same ones call after call, so they are kept by their text.
 */
import type { DatabaseSync, SqliteDriver, StatementSync } from './driver.js';
import { inTransaction } from './driver.js';
import { isBusy } from './failure.js';
import { type Scan, scan } from './transaction-control.js';

/** `full`: a commit is on the disk before its answer leaves. `normal`: it is with the operating system. */
export type Synchronous = 'full' | 'normal';

export interface ConnectionOptions {
  readonly synchronous: Synchronous;
  readonly onOpen?: ((db: DatabaseSync) => void) | undefined;
}

export interface Prepared extends Scan {
  readonly sql: string;
  /** Prepared when first used: what is refused never is. */
  statement: StatementSync | undefined;
}

const mostStatements = 500;
/** Longer texts are data with a little SQL around them. */
const longestKept = 10_000;
/** Bytes that the log keeps on disk after it was copied back. */
const logLimit = 64 * 2 ** 20;

export class Connection {
  readonly db: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();
  #savepoint: StatementSync | undefined;
  #dataVersion: StatementSync | undefined;
  #release: StatementSync | undefined;

  constructor(db: DatabaseSync) {
    this.db = db;
  }

  /** The text with what it does; its statement is shared by all who give the same text. */
  look(sql: string): Prepared {
    let found = this.#statements.get(sql);
    if (found === undefined) {
      found = { sql, ...scan(sql), statement: undefined };
      if (sql.length <= longestKept) {
        if (this.#statements.size >= mostStatements) this.#dropOldest();
        this.#statements.set(sql, found);
      }
    }
    return found;
  }

  statement(prepared: Prepared): StatementSync {
    prepared.statement ??= this.db.prepare(prepared.sql);
    return prepared.statement;
  }

  /** Prepared: these two stand around every member of a group. Not `run`: what it returns costs more than they do. */
  savepoint(): void {
    this.#savepoint ??= this.db.prepare('SAVEPOINT member');
    this.#savepoint.get();
  }

  release(): void {
    this.#release ??= this.db.prepare('RELEASE member');
    this.#release.get();
  }

  /** Changes with every commit of another connection. */
  dataVersion(): number {
    this.#dataVersion ??= this.db.prepare('PRAGMA data_version');
    return (this.#dataVersion.get() as { readonly data_version: number }).data_version;
  }

  #dropOldest(): void {
    for (const sql of this.#statements.keys()) {
      this.#statements.delete(sql);
      return;
    }
  }

  /**
   * Copies the log back into the file first: @photostructure/sqlite keeps a closed connection, and with it the log, until
   * the last of its statements is collected.
   */
  close(checkpoint = true): void {
    this.#statements.clear();
    this.#savepoint = undefined;
    this.#dataVersion = undefined;
    this.#release = undefined;
    if (this.db.isOpen === false) return;
    if (checkpoint) this.#checkpoint();
    this.db.close();
  }

  #checkpoint(): void {
    try {
      this.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // Whoever opens the file next reads the log.
    }
  }
}

/** Throws what SQLite throws, and an Error when the file system cannot hold a write-ahead log. */
export function openWriter(path: string, driver: SqliteDriver, options: ConnectionOptions): Connection {
  const db = driver.open(path);
  try {
    // Waiting inside SQLite would stop the event loop: the writer waits outside.
    db.exec('PRAGMA busy_timeout = 0');
    const mode = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string };
    if (mode.journal_mode !== 'wal') {
      throw new Error(
        `${path} stays in journal mode ${mode.journal_mode}; a store needs WAL, so a file on a local file system`,
      );
    }
    // fullfsync: on macOS fsync alone does not reach the disk. Elsewhere it means nothing.
    db.exec(
      options.synchronous === 'full'
        ? 'PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1'
        : 'PRAGMA synchronous = NORMAL',
    );
    db.exec(`PRAGMA foreign_keys = 1; PRAGMA journal_size_limit = ${logLimit}`);
    options.onOpen?.(db);
    if (inTransaction(db)) throw new Error('onOpen left a transaction open; end it with COMMIT or ROLLBACK');
    return new Connection(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * SQLite opens a file that it may not write to for reading, without a word, and would refuse each call. Throws an Error that names the
 * file; not for one that another program has locked for now.
 */
export function checkWritable(path: string, { db }: Connection): void {
  try {
    // Alone, BEGIN IMMEDIATE begins to read where nothing can be written.
    db.exec('BEGIN IMMEDIATE; CREATE TABLE hawser_writable (n INTEGER)');
  } catch (cause) {
    if (inTransaction(db)) db.exec('ROLLBACK');
    if (isBusy(cause)) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `${path} cannot be written to (${why}); a store needs a file and a folder that this process may write to: change their permissions, or mount the file system for writing`,
      { cause },
    );
  }
  db.exec('ROLLBACK');
}

export function openReader(path: string, driver: SqliteDriver): Connection {
  const db = driver.open(path, { readOnly: true });
  db.exec('PRAGMA busy_timeout = 100');
  return new Connection(db);
}
