/**
 * The synchronous SQLite API of `node:sqlite`, as far as this package uses it, and where it comes from: the module of Node
 * itself where there is one (22.13 on), else the package @photostructure/sqlite, which has the same API. Loaded on the
 * first use, so that importing this file loads nothing native.
 */
import { createRequire } from 'node:module';

export type SqliteValue = null | number | bigint | string | Uint8Array;
export type SqliteRow = Record<string, SqliteValue>;
/** Positional values, or one object of named ones before them. */
export type SqliteParameters = readonly (SqliteValue | Readonly<Record<string, SqliteValue>>)[];

export interface SqliteChanges {
  readonly changes: number | bigint;
  readonly lastInsertRowid: number | bigint;
}

/** `StatementSync` of node:sqlite. */
export interface StatementSync {
  readonly sourceSQL: string;
  readonly expandedSQL: string | undefined;
  run(...parameters: SqliteParameters): SqliteChanges;
  get(...parameters: SqliteParameters): unknown;
  all(...parameters: SqliteParameters): unknown[];
  iterate(...parameters: SqliteParameters): Iterator<unknown>;
  columns(): readonly object[];
  setReadBigInts(enabled: boolean): void;
  setAllowBareNamedParameters(enabled: boolean): void;
  /** From Node 22.15 on. */
  setAllowUnknownNamedParameters(enabled: boolean): void;
  /** From Node 22.16 on. */
  setReturnArrays(enabled: boolean): void;
}

/** `DatabaseSync` of node:sqlite. */
export interface DatabaseSync {
  readonly isOpen?: boolean;
  /** From Node 22.16 on. */
  readonly isTransaction?: boolean;
  exec(sql: string): void;
  prepare(sql: string): StatementSync;
  function(name: string, options: object, fn: (...args: never[]) => unknown): void;
  function(name: string, fn: (...args: never[]) => unknown): void;
  close(): void;
}

export interface OpenOptions {
  readonly readOnly?: boolean;
}

/** What opens database files. Tests put a wrapper in its place. */
export interface SqliteDriver {
  readonly name: string;
  open(path: string, options?: OpenOptions): DatabaseSync;
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string, options?: OpenOptions) => DatabaseSync;
}

let loaded: SqliteDriver | undefined;

/** Throws an Error that says what to install when this Node has no SQLite and the package is missing. */
export function sqliteDriver(): SqliteDriver {
  loaded ??= fromNode() ?? fromPackage();
  return loaded;
}

function driver(name: string, { DatabaseSync }: SqliteModule): SqliteDriver {
  return { name, open: (path, options = {}) => new DatabaseSync(path, options) };
}

function fromNode(): SqliteDriver | undefined {
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => unknown };
  const module = getBuiltinModule?.('node:sqlite') as SqliteModule | undefined;
  return module === undefined ? undefined : driver('node:sqlite', module);
}

const packageName = '@photostructure/sqlite';

function fromPackage(): SqliteDriver {
  try {
    return driver(packageName, createRequire(import.meta.url)(packageName) as SqliteModule);
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    throw new Error(
      missing
        ? `SQLite is not there: this Node (${process.version}) has no node:sqlite. Install the package that stands in for it, npm install ${packageName}, or use Node 22.13 or later`
        : `${packageName} does not load on this machine; use Node 22.13 or later, which has SQLite built in`,
      { cause },
    );
  }
}

/** Whether a transaction is open. Node before 22.16 does not say, so there it is tried out. */
export function inTransaction(db: DatabaseSync): boolean {
  const { isTransaction } = db;
  if (isTransaction !== undefined) return isTransaction;
  try {
    db.exec('BEGIN');
  } catch {
    return true;
  }
  db.exec('ROLLBACK');
  return false;
}
