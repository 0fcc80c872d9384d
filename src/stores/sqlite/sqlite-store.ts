/**
 * Exactly-once effects in an SQLite file: the record of a key commits in the transaction in which the handler writes.
 * The store owns the only writer of the file; what the application writes besides goes through `write`.
 */
import type { Call } from '../../call/call.js';
import { currentCall, currentTransaction, inTransaction } from '../../call/current.js';
import type {
  Execution,
  IdempotencyStore,
  NewRecord,
  StoredOutcome,
  Work,
} from '../../interceptors/idempotency-store.js';
import type { OffsetStore } from '../../subscription/offset-store.js';
import type { TopicStores } from '../../subscription/topic-store.js';
import { type Connection, checkWritable, openWriter } from './connection.js';
import { unavailable } from './failure.js';
import type { WriterFile } from './group.js';
import type { Member } from './member.js';
import { offsets } from './offsets.js';
import { type CheckedOptions, check, type SqliteStoreOptions } from './options.js';
import { type Ownership, own } from './owner.js';
import { Place } from './place.js';
import { Reader } from './reader.js';
import { Recorded, type RecordsHost } from './recorded.js';
import { Records } from './records.js';
import { nestedWrite, storeClosed } from './refusals.js';
import { noteEnd, noteStart } from './restart.js';
import { prepareSchema, storeIn } from './schema.js';
import { SqliteTopics, type TopicsHost } from './topics.js';
import type { SqliteTransaction } from './tx.js';
import { Writer } from './writer.js';

export interface SqliteStore extends IdempotencyStore<SqliteTransaction>, OffsetStore<SqliteTransaction> {
  /** The database file, links resolved. */
  readonly path: string;
  /** The logs of topics, in the same file: what `createServer({ store })` keeps its topics in. */
  readonly topics: TopicStores;
  /**
   * Runs `fn` in a transaction of this store, in turn with the handlers of KEYED calls, and resolves to what it returns
   * once that has committed. What `fn` throws rolls it back. `name` is for the warning about writes that take long.
   */
  write<T>(fn: (tx: SqliteTransaction) => Promise<T> | T, name?: string): Promise<T>;
  /** Runs `fn` on a connection of its own that only reads: it sees one state, all that is committed, and waits for nobody. */
  read<T>(fn: (tx: SqliteTransaction) => T): T;
}

/**
 * @example
 * const store = sqliteStore('market.db');
 * await store.write((tx) => tx.exec('CREATE TABLE IF NOT EXISTS trades (fish TEXT, price INTEGER)'));
 * const server = createServer({ store });
 *
 * Throws an Error that says what to do when there is no SQLite driver, when another process serves this file, or when it
 * cannot be opened; a RangeError or TypeError for an option.
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): SqliteStore {
  if (typeof path !== 'string' || path === '' || path === ':memory:' || path.startsWith('file:')) {
    throw new TypeError(
      `a store is kept in a file, and ${JSON.stringify(path)} names none; give its path, such as "market.db" (memoryStore is for tests)`,
    );
  }
  const checked = check(options);
  const ownership = own(path, checked.driver);
  try {
    return new FileStore(ownership, checked);
  } catch (error) {
    ownership.release();
    throw error;
  }
}

class FileStore implements SqliteStore {
  readonly name = 'sqlite';
  readonly transactional = true;
  readonly near = true;
  readonly retention: number;
  readonly path: string;
  readonly #ownership: Ownership;
  readonly #options: CheckedOptions;
  readonly #writer: Writer;
  readonly #host: RecordsHost;
  #records: { readonly connection: Connection; readonly all: Records } | undefined;
  /** What the file said its store is; a file of another store must not take its place. */
  #id: string | undefined;
  readonly #reader: Reader;
  readonly #place: Place;
  readonly topics: SqliteTopics;
  readonly offsets = offsets;
  #closed: Promise<void> | undefined;

  constructor(ownership: Ownership, options: CheckedOptions) {
    this.#ownership = ownership;
    this.#options = options;
    this.path = ownership.path;
    this.retention = options.retention;
    this.#place = new Place(this.path, options.clock);
    this.#reader = new Reader(this.path, options.driver, () => this.#checkPlace());
    this.#host = { clock: options.clock, recordsOf: (connection) => this.#recordsOf(connection) };
    this.topics = new SqliteTopics(this.#topicsHost());
    const place = this.#place;
    const file: WriterFile = {
      open: () => this.#open(),
      wrong: () => this.#place.wrong(),
      wrongLately: () => this.#place.wrongLately(),
      get gone() {
        return place.gone;
      },
      groupEnded: (connection) => this.topics.groupEnded(connection),
      closing: ({ db }) => noteEnd(db, options.synchronous),
    };
    this.#writer = new Writer(file, options);
  }

  /** No async function: each promise counts here. */
  execute(
    record: NewRecord,
    work: Work<SqliteTransaction, StoredOutcome>,
    beforeCommit: () => void,
  ): Promise<Execution> {
    return this.#submit(new Recorded(this.#host, record, work, beforeCommit));
  }

  transact<T>(work: Work<SqliteTransaction, T>, beforeCommit: () => void): Promise<T> {
    return this.#submit({
      name: nameOf(currentCall()),
      work,
      seal: (value: T) => {
        beforeCommit();
        return value;
      },
    });
  }

  async write<T>(fn: (tx: SqliteTransaction) => Promise<T> | T, name = 'store.write'): Promise<T> {
    if (typeof fn !== 'function') throw new TypeError(`store.write takes a function, not ${typeof fn}`);
    const commit = currentTransaction()?.commit;
    const work = (tx: SqliteTransaction): Promise<T> | T => inTransaction({ tx, commit }, () => fn(tx));
    return this.#submit({ name, work, seal: (value: T) => value });
  }

  read<T>(fn: (tx: SqliteTransaction) => T): T {
    if (this.#closed !== undefined) throw storeClosed();
    if (typeof fn !== 'function') throw new TypeError(`store.read takes a function, not ${typeof fn}`);
    return this.#reader.read(fn);
  }

  async expire(now: number, limit: number): Promise<number> {
    return this.#submit({
      name: 'store.expire',
      peek: (connection) => (this.#recordsOf(connection).anyExpired(now) ? undefined : { answer: 0 }),
      work: () => {},
      seal: (_, connection) => this.#recordsOf(connection).expire(now, limit),
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#writer.close();
    } finally {
      this.#reader.close();
      this.#ownership.release();
    }
  }

  #topicsHost(): TopicsHost {
    const store = this;
    const { synchronous, clock, logger } = this.#options;
    return {
      synchronous,
      clock,
      logger,
      get closed() {
        return store.#closed !== undefined;
      },
      write: (name, fn) => this.#writer.submit({ name, work: fn, seal: (value) => value }),
      read: (fn) => this.read(fn),
      version: () => this.#writer.version(),
      handlerTransaction: () => {
        const tx = currentTransaction()?.tx;
        return this.#writer.holderOf(tx) === undefined ? undefined : (tx as SqliteTransaction);
      },
    };
  }

  #checkPlace(): void {
    const wrong = this.#place.wrong();
    if (wrong !== undefined) throw unavailable(wrong, 'not-executed');
  }

  #submit<V, R>(member: Member<V, R>): Promise<R> {
    const holder = this.#writer.holderOf(currentTransaction()?.tx);
    if (holder !== undefined) return Promise.reject(nestedWrite(holder));
    return this.#writer.submit(member);
  }

  /** Prepared statements belong to a connection, and there is one at a time. */
  #recordsOf(connection: Connection): Records {
    if (this.#records?.connection !== connection) this.#records = { connection, all: new Records(connection.db) };
    return this.#records.all;
  }

  /** For the first time, or after a failure: then it must be the same store's file, for an empty one would forget every key. */
  #open(): Connection {
    const again = this.#id !== undefined;
    const replaced = again && this.#place.replaced;
    if (again) {
      // It reads the file that was open before.
      this.#reader.close();
      if (this.#place.gone) throw this.#place.wrong();
    }
    const connection = this.#place.opening(() => this.#openFile(again));
    if (replaced) {
      this.#options.logger.warn(
        { path: this.path },
        `${this.path} was replaced by a copy of it while it was open; what was committed since that was made is not in it`,
      );
    }
    return connection;
  }

  #openFile(again: boolean): Connection {
    const { path } = this;
    const connection = openWriter(path, this.#options.driver, this.#options);
    try {
      // Of a file that was fine, each call says what has become of it, and the next one tries again.
      if (!again) checkWritable(path, connection);
      if (again && storeIn(connection.db) !== this.#id) {
        throw new Error(`${path} is another store's file now; put the one back that was there`);
      }
      this.#id = prepareSchema(connection.db);
      if (!again) noteStart(connection.db, this.#options.synchronous);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }
}

/** As `execute` names it, for a call without a key. */
function nameOf(call: Call | undefined): string {
  return call === undefined ? 'store.transact' : `${call.method.service.name}/${call.method.name}`;
}
