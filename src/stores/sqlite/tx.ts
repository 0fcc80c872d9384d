/**
 * What a handler gets as `call.tx`: the DatabaseSync API, for as long as its turn lasts. It opens the turn's savepoint at
 * the first statement that may write, refuses what would touch the transaction around it, and is dead afterwards, with
 * every statement and iterator that came from it, because the next statement would belong to another call.
 */
import type { Connection, Prepared } from './connection.js';
import type { SqliteChanges, SqliteParameters, StatementSync } from './driver.js';

/** The part of `DatabaseSync` that makes sense inside a transaction. */
export interface SqliteTransaction {
  readonly isOpen: boolean;
  readonly isTransaction: boolean;
  /** Runs one or more statements. Throws an Error for BEGIN, COMMIT and their like, and once the turn is over. */
  exec(sql: string): void;
  /** Statements are kept by their text: preparing the same one again costs nothing. */
  prepare(sql: string): SqliteStatement;
}

/** `StatementSync` of node:sqlite. */
export interface SqliteStatement
  extends Omit<StatementSync, 'iterate' | 'setReturnArrays' | 'setAllowUnknownNamedParameters'> {
  iterate(...parameters: SqliteParameters): IterableIterator<unknown>;
  setReturnArrays(enabled: boolean): void;
  setAllowUnknownNamedParameters(enabled: boolean): void;
}

/** Whose transaction it is. */
export interface TransactionHost {
  readonly connection: Connection;
  /** Before each statement that may write. */
  beforeWrite(): void;
  /** A statement threw; the host may end the transaction for it. */
  failed(error: unknown): void;
  /** Why the transaction is dead, for whoever uses it still. */
  readonly ending: string;
}

export class Transaction implements SqliteTransaction {
  readonly #host: TransactionHost;
  #over = false;
  #iterators: Set<OpenIterator> | undefined;

  constructor(host: TransactionHost) {
    this.#host = host;
  }

  get isOpen(): boolean {
    return !this.#over;
  }

  get isTransaction(): boolean {
    return !this.#over;
  }

  exec(sql: string): void {
    const prepared = this.#look(sql);
    this.run(prepared.reads, () => this.#host.connection.db.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    const prepared = this.#look(sql);
    const { connection } = this.#host;
    try {
      return new TransactionStatement(this, connection, prepared, connection.statement(prepared));
    } catch (error) {
      this.#host.failed(error);
      throw error;
    }
  }

  /** For statements: runs one step, if there still is a transaction to run it in. */
  run<T>(reads: boolean, step: () => T): T {
    this.check();
    try {
      if (!reads) this.#host.beforeWrite();
      return step();
    } catch (error) {
      this.#host.failed(error);
      throw error;
    }
  }

  check(): void {
    if (this.#over) throw new Error(this.#host.ending);
  }

  /** For statements: an iterator is open, which would keep the savepoint from being released. */
  opened(iterator: OpenIterator): void {
    this.#iterators ??= new Set();
    this.#iterators.add(iterator);
  }

  closed(iterator: OpenIterator): void {
    this.#iterators?.delete(iterator);
  }

  /** From here on everything that came from this transaction throws an Error that says why. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#iterators === undefined) return;
    for (const iterator of this.#iterators) iterator.close();
    this.#iterators = undefined;
  }

  #look(sql: string): Prepared {
    this.check();
    if (typeof sql !== 'string') throw new TypeError(`SQL is a string, not ${typeof sql}`);
    const prepared = this.#host.connection.look(sql);
    if (prepared.refused !== undefined) throw refusal(prepared.refused);
    return prepared;
  }
}

function refusal(statement: string): Error {
  const why = statement.startsWith('PRAGMA')
    ? 'pragmas that change the connection are set when the database is opened, with the option onOpen'
    : 'the store commits when the handler returns, and rolls back when it throws';
  return new Error(`${statement} is not allowed in this transaction: other calls share it; ${why}`);
}

// What DatabaseSync has besides is of the connection, not of a transaction. A caller without types gets a sentence.
for (const name of [
  'open',
  'close',
  'function',
  'aggregate',
  'createSession',
  'applyChangeset',
  'createTagStore',
  'enableLoadExtension',
  'loadExtension',
  'setAuthorizer',
  'enableDefensive',
  'backup',
]) {
  Object.defineProperty(Transaction.prototype, name, {
    value: () => {
      throw new Error(
        `${name}() belongs to the connection, not to a transaction; use the option onOpen of sqliteStore`,
      );
    },
  });
}

class TransactionStatement implements SqliteStatement {
  readonly #tx: Transaction;
  readonly #connection: Connection;
  readonly #prepared: Prepared;
  #statement: StatementSync;
  #shared = true;

  constructor(tx: Transaction, connection: Connection, prepared: Prepared, statement: StatementSync) {
    this.#tx = tx;
    this.#connection = connection;
    this.#prepared = prepared;
    this.#statement = statement;
  }

  get sourceSQL(): string {
    return this.#prepared.sql;
  }

  get expandedSQL(): string | undefined {
    this.#tx.check();
    return this.#statement.expandedSQL;
  }

  run(...parameters: SqliteParameters): SqliteChanges {
    return this.#tx.run(this.#prepared.reads, () => this.#statement.run(...parameters));
  }

  get(...parameters: SqliteParameters): unknown {
    return this.#tx.run(this.#prepared.reads, () => this.#statement.get(...parameters));
  }

  all(...parameters: SqliteParameters): unknown[] {
    return this.#tx.run(this.#prepared.reads, () => this.#statement.all(...parameters));
  }

  iterate(...parameters: SqliteParameters): IterableIterator<unknown> {
    return this.#tx.run(this.#prepared.reads, () => {
      this.#own();
      const iterator = new OpenIterator(this.#tx, this.#statement.iterate(...parameters));
      this.#tx.opened(iterator);
      return iterator;
    });
  }

  columns(): readonly object[] {
    this.#tx.check();
    return this.#statement.columns();
  }

  setReadBigInts(enabled: boolean): void {
    this.#own().setReadBigInts(enabled);
  }

  setAllowBareNamedParameters(enabled: boolean): void {
    this.#own().setAllowBareNamedParameters(enabled);
  }

  setReturnArrays(enabled: boolean): void {
    this.#own().setReturnArrays(enabled);
  }

  setAllowUnknownNamedParameters(enabled: boolean): void {
    this.#own().setAllowUnknownNamedParameters(enabled);
  }

  /** A statement with settings or an open cursor of its own cannot be shared. */
  #own(): StatementSync {
    this.#tx.check();
    if (this.#shared) {
      this.#statement = this.#connection.db.prepare(this.#prepared.sql);
      this.#shared = false;
    }
    return this.#statement;
  }
}

class OpenIterator implements IterableIterator<unknown> {
  readonly #tx: Transaction;
  readonly #rows: Iterator<unknown>;

  constructor(tx: Transaction, rows: Iterator<unknown>) {
    this.#tx = tx;
    this.#rows = rows;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<unknown> {
    return this.#tx.run(true, () => {
      const step = this.#rows.next();
      if (step.done === true) this.#tx.closed(this);
      return step;
    });
  }

  return(): IteratorResult<unknown> {
    this.close();
    return { done: true, value: undefined };
  }

  close(): void {
    this.#tx.closed(this);
    this.#rows.return?.();
  }
}
