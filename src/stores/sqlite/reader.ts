/** Reads beside the writer: a connection that only reads, made when first used, on which each read sees one state. */

import { isPromise } from '../../call/is-promise.js';
import { type Connection, openReader } from './connection.js';
import { inTransaction, type SqliteDriver } from './driver.js';
import { isEnvironmental, unavailable } from './failure.js';
import { type SqliteTransaction, Transaction } from './tx.js';

const ending = 'store.read is over: use its transaction and what comes from it before the function returns';

export class Reader {
  readonly #path: string;
  readonly #driver: SqliteDriver;
  readonly #check: () => void;
  #connection: Connection | undefined;
  /** The read that goes on: one inside it sees the same state. */
  #tx: Transaction | undefined;

  /** `check` throws where the file must not be opened. */
  constructor(path: string, driver: SqliteDriver, check: () => void) {
    this.#check = check;
    this.#path = path;
    this.#driver = driver;
  }

  /** Throws what `fn` throws; UNAVAILABLE when the database failed, and the next read opens it anew. */
  read<T>(fn: (tx: SqliteTransaction) => T): T {
    if (this.#tx !== undefined) return fn(this.#tx);
    try {
      const connection = this.#open();
      connection.db.exec('BEGIN');
      this.#tx = new Transaction({ connection, beforeWrite: refuseWrite, failed: () => {}, ending });
      const value = fn(this.#tx);
      if (isPromise(value)) {
        throw new TypeError('the function given to store.read must be synchronous: it holds one state of the database');
      }
      return value;
    } catch (error) {
      if (!isEnvironmental(error)) throw error;
      this.close();
      throw unavailable(error, 'not-executed');
    } finally {
      this.#tx?.end();
      this.#tx = undefined;
      this.#end();
    }
  }

  #open(): Connection {
    if (this.#connection === undefined) {
      this.#check();
      this.#connection = openReader(this.#path, this.#driver);
    }
    return this.#connection;
  }

  /** Lets go of the state that was read: held for long, it would keep the log from being emptied. */
  #end(): void {
    try {
      const db = this.#connection?.db;
      if (db !== undefined && inTransaction(db)) db.exec('ROLLBACK');
    } catch {
      this.close();
    }
  }

  close(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    try {
      connection?.close();
    } catch {
      // It is broken: that is why it is closed.
    }
  }
}

function refuseWrite(): never {
  throw new Error('store.read only reads; write with store.write');
}
