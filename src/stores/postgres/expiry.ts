/**
 * Deletes what has expired: a table of a day as a whole, once everything in it has; other keys row by row. No call is ever
 * made to wait for it: locks are waited for briefly, and a table in use is left for the next time.
 */
import type { PgClient } from './driver.js';
import { sqlState, sqlStateOf } from './failure.js';
import { dayMs, dayOf, otherTable } from './records.js';
import type { Session } from './session.js';

/** Clocks of clients and servers may differ by this much, ms. */
const skew = 5 * 60_000;

export class Expiry {
  readonly #schema: string;
  readonly #retention: number;
  /** Until when something in a table lives, as last seen: it is not looked at again before that. */
  readonly #livesUntil = new Map<string, number>();

  constructor(schema: string, retention: number) {
    this.#schema = schema;
    this.#retention = retention;
  }

  /** Resolves to how many records went. Tables go whole, so the last one may bring it over `limit`. */
  async run(session: Session<PgClient>, now: number, limit: number): Promise<number> {
    let deleted = await this.#deleteRows(session, now, limit);
    const { rows } = await session.query(
      'SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = $1 ORDER BY tablename',
      [this.#schema],
    );
    for (const { tablename: table } of rows as readonly { tablename: string }[]) {
      if (deleted >= limit) break;
      const day = dayOf(table);
      // Before this nothing of the day can have expired as a whole, so it is not worth a look.
      if (day === undefined || day + dayMs + skew + this.#retention > now) continue;
      if ((this.#livesUntil.get(table) ?? 0) > now) continue;
      deleted += await this.#drop(session, table, now);
    }
    return deleted;
  }

  async #deleteRows(session: Session<PgClient>, now: number, limit: number): Promise<number> {
    const table = `${this.#schema}.${otherTable}`;
    const { rowCount } = await session.query(
      `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE expires_at <= to_timestamp($1::float8)
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [now / 1_000, limit],
    );
    return rowCount ?? 0;
  }

  async #drop(session: Session<PgClient>, table: string, now: number): Promise<number> {
    const name = `${this.#schema}.${table}`;
    const look = `SELECT count(*)::float8 AS count, extract(epoch FROM max(expires_at))::float8 AS last FROM ${name}`;
    const until = ({ rows }: { readonly rows: readonly unknown[] }): { count: number; last: number } => {
      const { count, last } = rows[0] as { count: number; last: number | null };
      return { count, last: (last ?? 0) * 1_000 };
    };
    try {
      const seen = until(await session.query(look));
      if (seen.last > now) {
        this.#livesUntil.set(table, seen.last);
        return 0;
      }
      await session.query(`BEGIN; SET LOCAL lock_timeout = '200ms'; LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
      const { count, last } = until(await session.query(look));
      await session.query(last > now ? 'ROLLBACK' : `DROP TABLE ${name}; COMMIT`);
      this.#livesUntil.delete(table);
      return last > now ? 0 : count;
    } catch (error) {
      await session.rollback();
      const state = sqlStateOf(error);
      // In use, or dropped by another server meanwhile.
      if (state === sqlState.lockNotAvailable || state === sqlState.undefinedTable) return 0;
      throw error;
    }
  }
}
