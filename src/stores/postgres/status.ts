/** What `hawser store status` tells: the version of the schema, and how much stands in its tables. */
import type { PgPool } from './driver.js';
import { dayOf } from './records.js';
import { defaultSchema, type Queries, schemaName, schemaVersion, schemaVersionOf } from './schema.js';

export interface TableStatus {
  readonly table: string;
  readonly records: number;
  /** With indexes. */
  readonly bytes: number;
}

export interface StoreStatus {
  readonly schema: string;
  /** undefined: there is no schema. */
  readonly version: number | undefined;
  /** The version that this program needs. */
  readonly needed: number;
  /** The days' tables, oldest first, then the one of keys that are no UUIDv7. */
  readonly tables: readonly TableStatus[];
}

/** Counts the records, so it reads every table once. */
export async function storeStatus(pool: PgPool, options: { readonly schema?: string } = {}): Promise<StoreStatus> {
  const schema = schemaName(options.schema ?? defaultSchema);
  const client = await pool.connect();
  try {
    const version = await schemaVersionOf(client, schema);
    return {
      schema,
      version,
      needed: schemaVersion,
      tables: version === undefined ? [] : await tables(client, schema),
    };
  } finally {
    client.release();
  }
}

async function tables(client: Queries, schema: string): Promise<TableStatus[]> {
  const { rows } = await client.query(
    `SELECT tablename AS table, pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)::float8 AS bytes
      FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename LIKE 'records\\_%'`,
    [schema],
  );
  const found = rows as readonly { table: string; bytes: number }[];
  const age = (table: string): number => dayOf(table) ?? Number.POSITIVE_INFINITY;
  const result: TableStatus[] = [];
  for (const { table, bytes } of [...found].sort((a, b) => age(a.table) - age(b.table))) {
    const counted = await client.query(`SELECT count(*)::float8 AS records FROM ${schema}.${table}`);
    result.push({ table, bytes, records: (counted.rows[0] as { records: number }).records });
  }
  return result;
}
