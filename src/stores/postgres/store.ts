/**
 * Exactly-once effects in Postgres, for several servers that share the work. A call is one transaction on a client of the
 * user's pool: the handler writes through `call.tx`, and the record of the key commits together with what it wrote. An
 * advisory lock on the key is tried first, so that a duplicate never waits for a running twin: Postgres would make it wait
 * inside its INSERT. A server that dies lets go of lock and transaction at once, because its connection ends.
 */

import { type Clock, systemClock } from '../../call/clock.js';
import { InFlight } from '../../call/in-flight.js';
import { milliseconds } from '../../contract/duration.js';
import { knownOptions } from '../../contract/option-names.js';
import {
  type Execution,
  type IdempotencyStore,
  type NewRecord,
  retentionOf,
  type StoredOutcome,
  type StoredRecord,
  type Work,
} from '../../interceptors/idempotency-store.js';
import type { OffsetStore } from '../../subscription/offset-store.js';
import type { PgClient, PgPool, PgResult } from './driver.js';
import { Expiry } from './expiry.js';
import {
  isConflict,
  isEnvironmental,
  provesRollback,
  refusedByStore,
  sqlState,
  sqlStateOf,
  unavailable,
} from './failure.js';
import { offsetsIn } from './offsets.js';
import { dayMs, findSql, insertSql, insertValues, type Place, placeOf, recordOf } from './records.js';
import { checkVersion, createDay, defaultSchema, schemaName } from './schema.js';
import type { Session } from './session.js';
import { Sessions } from './sessions.js';
import { guard } from './tx.js';

const isolationLevels = ['read committed', 'repeatable read', 'serializable'] as const;

/** `Client` is what handlers get as their transaction. */
export interface PostgresStore<Client extends PgClient> extends IdempotencyStore<Client>, OffsetStore<Client> {}

export interface PostgresStoreOptions {
  /** How long a record is kept, ms or `"24h"`: 1 minute to 30 days. Default 24 h. */
  readonly retention?: number | string;
  /** Where the tables are; made by `hawser store migrate`. Default `hawser`. */
  readonly schema?: string;
  /** Of the transactions that handlers run in. Default `read committed`. */
  readonly isolation?: (typeof isolationLevels)[number];
  /** How long a call waits for a connection, ms or `"5s"`: up to 1 minute. Default 5 s. */
  readonly acquireTimeout?: number | string;
  /** How long one statement may take, ms or `"30s"`: up to 1 hour. Default 30 s. */
  readonly statementTimeout?: number | string;
  /** How long a handler may leave its transaction without a statement, ms or `"1m"`: up to 1 hour. Default 1 minute. */
  readonly idleTimeout?: number | string;
  readonly clock?: Clock;
}

const checkNames = knownOptions<PostgresStoreOptions>({
  retention: true,
  schema: true,
  isolation: true,
  acquireTimeout: true,
  statementTimeout: true,
  idleTimeout: true,
  clock: true,
});

/**
 * The pool stays the user's: `close` waits for what runs and leaves it open. Throws a TypeError or RangeError for an option
 * that cannot be meant.
 *
 * @example
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
 * const server = createServer({ store: postgresStore(pool) });
 */
export function postgresStore<Client extends PgClient>(
  pool: PgPool<Client>,
  options: PostgresStoreOptions = {},
): PostgresStore<Client> {
  return new PoolStore(pool, options);
}

/** What a run of the handler came to, inside its transaction. */
type Found = { readonly record: StoredRecord } | { readonly won: boolean };

class PoolStore<Client extends PgClient> implements PostgresStore<Client> {
  readonly name = 'postgres';
  readonly transactional = true;
  readonly retention: number;
  readonly offsets: OffsetStore<Client>['offsets'];
  readonly #clock: Clock;
  readonly #schema: string;
  readonly #begin: string;
  readonly #snapshots: boolean;
  readonly #sessions: Sessions<Client>;
  readonly #expiry: Expiry;
  #checked: Promise<void> | undefined;
  readonly #running = new InFlight<Promise<unknown>>();
  #closed = false;

  constructor(pool: PgPool<Client>, options: PostgresStoreOptions) {
    if (typeof pool?.connect !== 'function') {
      throw new TypeError(
        'postgresStore takes a pool of the package pg: new Pool({ connectionString }); npm install pg',
      );
    }
    checkNames(options, 'postgresStore');
    const { isolation = 'read committed', clock = systemClock } = options;
    if (!isolationLevels.includes(isolation)) {
      throw new TypeError(`isolation is ${JSON.stringify(isolation)}; it is ${isolationLevels.join(', ')}`);
    }
    const statementTimeout = bounded(options.statementTimeout, 'statementTimeout', 30_000, 3_600_000);
    const idleTimeout = bounded(options.idleTimeout, 'idleTimeout', 60_000, 3_600_000);
    const acquireTimeout = bounded(options.acquireTimeout, 'acquireTimeout', 5_000, 60_000);
    this.retention = retentionOf(options.retention);
    this.#clock = clock;
    this.#schema = schemaName(options.schema ?? defaultSchema);
    this.offsets = offsetsIn(this.#schema);
    const size = pool.options?.max ?? 10;
    this.#sessions = new Sessions({ pool, clock, size, acquireTimeout, statementTimeout });
    this.#expiry = new Expiry(this.#schema, this.retention);
    this.#snapshots = isolation !== 'read committed';
    // An answer is a promise that the record is on disk, whatever the database does by default.
    this.#begin = `BEGIN ISOLATION LEVEL ${isolation};
      SET LOCAL statement_timeout = ${statementTimeout};
      SET LOCAL idle_in_transaction_session_timeout = ${idleTimeout};
      SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`;
  }

  execute(record: NewRecord, work: Work<Client, StoredOutcome>, beforeCommit: () => void): Promise<Execution> {
    return this.#tracked(async () => {
      const place = placeOf(this.#schema, record.id);
      await this.#check();
      for (let left = 3; ; left--) {
        const execution = await this.#sessions.with((session) => this.#try(session, place, record, work, beforeCommit));
        if (execution !== 'no table') return execution;
        if (left === 0) throw unavailable(new Error(`the table ${place.table} vanishes as it is made`), 'not-executed');
        this.#checked = undefined;
        await this.#check();
        if (place.day !== undefined) await this.#createDay(place.day);
      }
    });
  }

  transact<T>(work: Work<Client, T>, beforeCommit: () => void): Promise<T> {
    return this.#tracked(() =>
      this.#sessions.with(async (session) => {
        await this.#started(session, session.script(this.#begin));
        const result = await this.#run(session, work);
        await this.#commit(session, beforeCommit);
        return result;
      }),
    );
  }

  expire(now: number, limit: number): Promise<number> {
    return this.#tracked(async () => {
      await this.#check();
      // Ahead of need, so that the first call of a day does not have to.
      const today = now - (now % dayMs);
      for (const day of [today, today + dayMs]) await this.#createDay(day);
      return this.#withDatabase((session) => this.#expiry.run(session, now, limit));
    });
  }

  /** Leaves the pool open: it is the user's. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
    await this.#sessions.close();
  }

  async #tracked<T>(begin: () => Promise<T>): Promise<T> {
    if (this.#closed) throw refusedByStore('STORE_CLOSED', 'the postgres store is closed');
    const running = begin();
    const place = this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.remove(place, running);
    }
  }

  async #try(
    session: Session<Client>,
    place: Place,
    record: NewRecord,
    work: Work<Client, StoredOutcome>,
    beforeCommit: () => void,
  ): Promise<Execution | 'no table'> {
    const found = await this.#find(session, place);
    if (found === 'no table') return found;
    if ('record' in found) {
      await session.rollback();
      return { kind: 'recorded', record: found.record };
    }
    if (!found.won) {
      await session.rollback();
      return { kind: 'running' };
    }
    const outcome = await this.#run(session, work);
    const twin = await this.#insert(session, place, record, outcome);
    if (twin !== undefined) return { kind: 'recorded', record: twin };
    await this.#commit(session, beforeCommit);
    return { kind: 'executed' };
  }

  /**
   * Tries the lock, then looks: in this order a twin that has let go of the lock is seen. Where a transaction sees one
   * snapshot, that is older than the lock anyway, and to look inside would put the store's reads among those that the
   * handler's writes conflict with: there it looks before, and a twin in between is met at the insert. One round trip.
   */
  async #find(session: Session<Client>, place: Place): Promise<Found | 'no table'> {
    const find = findSql(this.#schema, place);
    const lock = `SELECT pg_try_advisory_xact_lock(${place.lock}) AS won`;
    const script = this.#snapshots
      ? `BEGIN ISOLATION LEVEL READ COMMITTED; ${find}; COMMIT; ${this.#begin}; ${lock}`
      : `${this.#begin}; ${lock}; ${find}`;
    let results: readonly PgResult[];
    try {
      results = await this.#started(session, session.script(script));
    } catch (error) {
      if (sqlStateOf((error as Error).cause) === sqlState.undefinedTable) return 'no table';
      throw error;
    }
    const row = results.at(this.#snapshots ? 1 : -1)?.rows[0];
    if (row !== undefined) return { record: recordOf(row) };
    const locked = results.at(this.#snapshots ? -1 : -2)?.rows[0] as { won: boolean } | undefined;
    return { won: locked?.won === true };
  }

  /** Whatever goes wrong before the handler runs is the database's. */
  async #started<T>(session: Session<Client>, begun: Promise<T>): Promise<T> {
    try {
      return await begun;
    } catch (error) {
      await session.rollback();
      throw unavailable(error, 'not-executed');
    }
  }

  async #run<T>(session: Session<Client>, work: Work<Client, T>): Promise<T> {
    const { tx, end } = guard(session);
    try {
      return await session.whileConnected(async () => work(tx));
    } catch (error) {
      end();
      await session.rollback();
      // What the handler makes of a lost connection is not what happened.
      if (session.lost !== undefined) throw unavailable(session.lost, 'not-executed');
      throw isEnvironmental(error) ? unavailable(error, 'not-executed') : error;
    } finally {
      end();
    }
  }

  /** Resolves to the record of a twin that this execution did not see begin. */
  async #insert(
    session: Session<Client>,
    place: Place,
    record: NewRecord,
    outcome: StoredOutcome,
  ): Promise<StoredRecord | undefined> {
    let failure: unknown;
    try {
      const values = insertValues(place, record, outcome, this.#clock.wallTime());
      const { rowCount } = await session.query(insertSql(this.#schema, place), values);
      if (rowCount === 1) return undefined;
    } catch (error) {
      failure = error;
    }
    await session.rollback();
    if (session.lost !== undefined) throw unavailable(session.lost, 'not-executed');
    if (sqlStateOf(failure) === sqlState.failedTransaction) throw swallowed();
    // With a snapshot older than the lock, a twin that committed in between shows only here.
    if (failure === undefined || isConflict(failure)) {
      const { rows } = await this.#started(session, session.query(findSql(this.#schema, place)));
      if (rows[0] !== undefined) return recordOf(rows[0]);
    }
    throw unavailable(failure ?? new Error('a record of the key came and went'), 'not-executed');
  }

  async #commit(session: Session<Client>, beforeCommit: () => void): Promise<void> {
    try {
      beforeCommit();
    } catch (error) {
      await session.rollback();
      throw error;
    }
    if (session.lost !== undefined) throw unavailable(session.lost, 'not-executed');
    let result: PgResult;
    try {
      result = await session.query('COMMIT');
    } catch (error) {
      if (session.lost !== undefined || !provesRollback(error)) {
        session.lose(error as Error);
        throw unavailable(error, 'unknown');
      }
      // A deferred constraint is the handler's matter.
      throw isConflict(error) ? unavailable(error, 'not-executed') : error;
    }
    if (result.command !== 'COMMIT') throw swallowed();
  }

  #check(): Promise<void> {
    this.#checked ??= this.#readVersion().catch((error: unknown) => {
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }

  #readVersion(): Promise<void> {
    return this.#withDatabase((session) => checkVersion(session, this.#schema));
  }

  #createDay(day: number): Promise<void> {
    return this.#withDatabase((session) => createDay(session, this.#schema, day));
  }

  /** For what is not a call's: every failure is the database's, and no transaction stays open. */
  #withDatabase<T>(use: (session: Session<Client>) => Promise<T>): Promise<T> {
    return this.#sessions.with((session) => this.#started(session, use(session)));
  }
}

function swallowed(): Error {
  return new Error(
    'a statement of the handler failed, so Postgres rolled everything back, and yet the handler returned a result; let the error pass, or put a savepoint before a statement that may fail',
  );
}

/** ms, whole. */
function bounded(value: number | string | undefined, name: string, usual: number, most: number): number {
  const ms = value === undefined ? usual : Math.round(milliseconds(value, name));
  if (ms >= 1 && ms <= most) return ms;
  throw new RangeError(`${name} is ${ms} ms; it is 1 to ${most} ms`);
}
