/**
 * The tables, their versions and how one becomes the next. Whoever migrates takes one lock, so several may at a time, and
 * a second run finds nothing to do. A store checks the version before its first call and says in a sentence what to do.
 */
import type { PgClient, PgPool } from './driver.js';
import { refusedByStore, sqlState, sqlStateOf } from './failure.js';
import { consumersTable } from './offsets.js';
import { dayMs, dayTable, otherTable } from './records.js';

export const defaultSchema = 'hawser';

/** Whatever runs statements: a client, a session, a pool. */
export type Queries = Pick<PgClient, 'query'>;

/** Throws a TypeError for what would need quoting. */
export function schemaName(name: unknown): string {
  if (typeof name === 'string' && /^[a-z_][a-z0-9_]{0,47}$/.test(name) && !name.startsWith('pg_')) return name;
  throw new TypeError(
    `schema is ${JSON.stringify(name)}; it is 1 to 48 lower-case letters, digits and underscores, and does not begin with a digit or pg_`,
  );
}

/** What makes version n + 1 out of version n, at index n. Only ever appended to. */
const migrations: readonly ((schema: string) => string)[] = [
  (schema) => `
    CREATE TABLE ${schema}.${otherTable} (
      id bytea PRIMARY KEY,
      principal text NOT NULL,
      service text NOT NULL,
      method text NOT NULL,
      key text NOT NULL,
      fingerprint bytea NOT NULL,
      kind text NOT NULL,
      type text NOT NULL,
      encoding text NOT NULL,
      body bytea NOT NULL,
      trace text NOT NULL,
      committed_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX ON ${schema}.${otherTable} (expires_at);
    COMMENT ON TABLE ${schema}.${otherTable} IS 'outcomes of idempotency keys that are no UUIDv7';`,
  (schema) => `
    CREATE TABLE ${schema}.${consumersTable} (
      name text NOT NULL,
      topic text NOT NULL,
      epoch text NOT NULL,
      seq bigint NOT NULL,
      PRIMARY KEY (name, topic)
    );
    COMMENT ON TABLE ${schema}.${consumersTable} IS 'how far consumers of topics are';`,
  (schema) => `ALTER TABLE ${schema}.${consumersTable} ADD COLUMN generation text;`,
];

export const schemaVersion = migrations.length;

export interface Migration {
  /** undefined: there was no schema. */
  readonly from: number | undefined;
  readonly to: number;
}

/**
 * Creates the schema, or brings it to this version; does nothing when it is there already. Safe to run by several at a time
 * and while servers run. Throws an Error when the schema is newer than this program.
 */
export async function migratePostgres(pool: PgPool, options: { readonly schema?: string } = {}): Promise<Migration> {
  const schema = schemaName(options.schema ?? defaultSchema);
  const client = await pool.connect();
  const ignore = (): void => {};
  client.on('error', ignore);
  try {
    const migration = await locked(client, schema, '30s', () => migrate(client, schema));
    client.removeListener('error', ignore);
    client.release();
    return migration;
  } catch (error) {
    // Closing the connection rolls back whatever its state is.
    client.release(true);
    throw error;
  }
}

async function migrate(client: Queries, schema: string): Promise<Migration> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.version (
    version integer NOT NULL, migrated_at timestamptz NOT NULL DEFAULT now())`);
  const from = await readVersion(client, schema);
  if (from !== undefined && from > schemaVersion) throw new Error(newer(schema, from));
  for (const [index, step] of migrations.entries()) {
    if (index < (from ?? 0)) continue;
    await client.query(step(schema));
    await client.query(`INSERT INTO ${schema}.version (version) VALUES (${index + 1})`);
  }
  const today = Date.now() - (Date.now() % dayMs);
  for (const day of [today, today + dayMs]) await client.query(dayTableSql(schema, day));
  return { from, to: schemaVersion };
}

/** Makes the table of a day, unless it is there. Leaves a transaction open when it fails. */
export async function createDay(client: Queries, schema: string, day: number): Promise<void> {
  const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${dayTable(day)}`]);
  if ((rows[0] as { there: boolean }).there) return;
  await locked(client, schema, '5s', () => client.query(dayTableSql(schema, day)));
}

/** Rejects with UNAVAILABLE, reason STORE_SCHEMA, when the schema is missing or not of this version. */
export async function checkVersion(client: Queries, schema: string): Promise<void> {
  const found = await schemaVersionOf(client, schema);
  if (found === schemaVersion) return;
  const what =
    found === undefined
      ? `the database has no schema ${schema} for idempotency records`
      : found > schemaVersion
        ? newer(schema, found)
        : `the schema ${schema} is of version ${found}, and this program needs ${schemaVersion}`;
  const remedy = `run npx hawser store migrate postgres://...${schema === defaultSchema ? '' : ` --schema ${schema}`}`;
  throw refusedByStore('STORE_SCHEMA', found !== undefined && found > schemaVersion ? what : `${what}; ${remedy}`);
}

/** undefined: there is none. */
export async function schemaVersionOf(client: Queries, schema: string): Promise<number | undefined> {
  try {
    return await readVersion(client, schema);
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === sqlState.undefinedTable || state === sqlState.undefinedSchema) return undefined;
    throw error;
  }
}

async function readVersion(client: Queries, schema: string): Promise<number | undefined> {
  const { rows } = await client.query(`SELECT max(version) AS version FROM ${schema}.version`);
  return (rows[0] as { version: number | null } | undefined)?.version ?? undefined;
}

function newer(schema: string, found: number): string {
  return `the schema ${schema} is of version ${found}, and this program knows versions up to ${schemaVersion}; install the hawser that made it, or a later one`;
}

function dayTableSql(schema: string, day: number): string {
  const table = `${schema}.${dayTable(day)}`;
  return `CREATE TABLE IF NOT EXISTS ${table} (LIKE ${schema}.${otherTable} INCLUDING DEFAULTS, PRIMARY KEY (id))`;
}

/** One transaction under the lock of everybody who changes the schema. */
async function locked<T>(client: Queries, schema: string, timeout: string, change: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = '${timeout}'; SET LOCAL statement_timeout = '${timeout}';
    SELECT pg_advisory_xact_lock(hashtextextended('hawser schema ${schema}', 0))`);
  const result = await change();
  await client.query('COMMIT');
  return result;
}
