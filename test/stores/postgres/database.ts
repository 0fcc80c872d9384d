/** One Postgres server for a test file; each test has a schema of its own on it. */
import type pg from 'pg';
import type { NewRecord, StoredOutcome } from '../../../src/interceptors/idempotency-store.js';
import { migratePostgres, type PostgresStoreOptions, postgresStore } from '../../../src/stores/postgres/index.js';
import { type PostgresServer, startPostgres } from '../../support/postgres.js';
import type { StoreUnderTest } from '../conformance.js';
import { answer, recordOf } from '../conformance.js';

export const nothing = (): void => {};

export class Database {
  readonly server: PostgresServer;
  readonly admin: pg.Pool;
  #schemas = 0;

  private constructor(server: PostgresServer) {
    this.server = server;
    this.admin = server.pool();
  }

  static async start(settings?: Readonly<Record<string, string>>): Promise<Database> {
    return new Database(await startPostgres(settings));
  }

  /** The name of a schema that nobody has made yet. */
  newSchema(): string {
    this.#schemas += 1;
    return `s${this.#schemas}`;
  }

  /** A migrated schema with a table of effects. */
  async schema(): Promise<string> {
    const schema = this.newSchema();
    await migratePostgres(this.admin, { schema });
    await this.admin.query(`CREATE TABLE ${schema}.effects (name text NOT NULL)`);
    return schema;
  }

  async count(schema: string, name: string): Promise<number> {
    const { rows } = await this.admin.query(`SELECT count(*)::int AS n FROM ${schema}.effects WHERE name = $1`, [name]);
    return rows[0].n;
  }

  /** For the suite that all stores pass. */
  async underTest(options: PostgresStoreOptions = {}): Promise<StoreUnderTest<pg.PoolClient>> {
    const schema = await this.schema();
    const pools: pg.Pool[] = [];
    const open = () => {
      const pool = this.server.pool({ max: 4 });
      pools.push(pool);
      return postgresStore(pool, { schema, ...options });
    };
    const store = open();
    return {
      store,
      write: async (tx, effect) => {
        await tx.query(`INSERT INTO ${schema}.effects VALUES ($1)`, [effect]);
      },
      count: (effect) => this.count(schema, effect),
      peer: async () => open(),
      reopen: async () => open(),
      dispose: async () => {
        await Promise.all(pools.map((pool) => pool.end()));
      },
    };
  }
}

/** Work that writes one effect of the key's name, after `before`. */
export function selling(
  schema: string,
  key: string,
  before: (tx: pg.PoolClient) => Promise<unknown> | unknown = nothing,
): [NewRecord, (tx: pg.PoolClient) => Promise<StoredOutcome>, () => void] {
  return [
    recordOf({ key }),
    async (tx) => {
      await before(tx);
      await tx.query(`INSERT INTO ${schema}.effects VALUES ($1)`, [key]);
      return answer(key);
    },
    nothing,
  ];
}
