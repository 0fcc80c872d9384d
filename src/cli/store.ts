/** `hawser store`: makes the tables of the Postgres store and tells what is in them. */
import { parseArgs } from 'node:util';
import { migratePostgres, type PgPool, storeStatus } from '../stores/postgres/index.js';
import { UsageError } from './usage.js';

export const summary = 'make the tables of the Postgres store, and tell what is in them';

export const help = `usage: hawser store migrate [URL] [--schema NAME]
       hawser store status [URL] [--schema NAME]

For servers that keep idempotency keys with postgresStore(). SQLite needs none of this: a store makes its file by itself.

  migrate         make the schema and its tables, or bring them to the version that this program needs. Does nothing when
                  they are there, may run several times at once, and while servers run
  status          print the version of the schema, and each table with its records and its size
  URL             postgres://user@host:5432/database; without it the environment variable DATABASE_URL
  --schema NAME   where the tables are; default hawser. The store has an option of the same name
  -h, --help      print this

The role that servers connect with needs CREATE and USAGE on the schema (a table is made for each day) and SELECT,
INSERT and DELETE on its tables. When it is the role that migrates, it has all that.

Needs the package pg: npm install pg

examples:
  hawser store migrate postgres://market@localhost/market
  DATABASE_URL=postgres://market@localhost/market hawser store status

Ends with 0; with 1 when the database cannot be reached, or status finds no schema or one of another version; with 2
when the command line cannot be meant.`;

/** ms */
const connectTimeout = 10_000;

type Pool = PgPool & { end(): Promise<void> };

interface Pg {
  readonly Pool: new (options: object) => Pool;
}

export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { schema: { type: 'string' } },
  });
  const [action, given, ...surplus] = positionals;
  if (action !== 'migrate' && action !== 'status') {
    throw new UsageError(
      action === undefined ? 'Say migrate or status.' : `There is no store ${action}; there is migrate and status.`,
    );
  }
  if (surplus.length > 0) throw new UsageError(`${JSON.stringify(surplus[0])} is one argument too many.`);
  const url = given ?? process.env.DATABASE_URL;
  if (url === undefined || url === '')
    throw new UsageError('Name the database: postgres://user@host/database, or set DATABASE_URL.');
  if (!/^postgres(?:ql)?:\/\//.test(url)) {
    throw new UsageError(
      `${JSON.stringify(url.replace(/:[^:@/]*@/, ':...@'))} is no address of a Postgres; write postgres://user@host/database.`,
    );
  }
  const pg = await loadPg();
  if (pg === undefined) {
    console.error('hawser store: the package pg is not there; npm install pg');
    return 1;
  }
  const pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: connectTimeout });
  pool.on('error', () => {});
  try {
    const options = values.schema === undefined ? {} : { schema: values.schema };
    return await (action === 'migrate' ? migrate(pool, options) : status(pool, options));
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith('schema is')) throw new UsageError(error.message);
    const { message, code } = error as Error & { code?: string };
    console.error(`hawser store: ${message === '' ? code : message}`);
    return 1;
  } finally {
    await pool.end();
  }
}

interface Options {
  readonly schema?: string;
}

async function migrate(pool: Pool, options: Options): Promise<number> {
  const { schema = 'hawser' } = options;
  const { from, to } = await migratePostgres(pool, options);
  if (from === to) console.log(`The schema ${schema} is of version ${to} already; nothing to do.`);
  else if (from === undefined) console.log(`The schema ${schema} is made, version ${to}.`);
  else console.log(`The schema ${schema} is brought from version ${from} to ${to}.`);
  return 0;
}

async function status(pool: Pool, options: Options): Promise<number> {
  const { schema, version, needed, tables } = await storeStatus(pool, options);
  if (version === undefined) {
    console.error(`There is no schema ${schema}; make it with hawser store migrate.`);
    return 1;
  }
  console.log(`schema ${schema}, version ${version}`);
  const width = Math.max(...tables.map(({ table }) => table.length));
  for (const { table, records, bytes } of tables) {
    console.log(`  ${table.padEnd(width)}  ${`${records} records`.padStart(16)}  ${size(bytes).padStart(9)}`);
  }
  if (version === needed) return 0;
  console.error(
    `This program needs version ${needed}: ${version < needed ? 'run hawser store migrate' : 'install a later hawser'}.`,
  );
  return 1;
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function loadPg(): Promise<Pg | undefined> {
  try {
    return ((await import('pg')) as unknown as { default: Pg }).default;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
