/**
 * `hawser/postgres`: exactly-once effects for several servers on one Postgres. The package `pg` is the user's: the store
 * takes its pool, and nothing here imports it.
 */
export type { PgClient, PgPool, PgResult } from './driver.js';
export { type Migration, migratePostgres } from './schema.js';
export { type StoreStatus, storeStatus, type TableStatus } from './status.js';
export { type PostgresStore, type PostgresStoreOptions, postgresStore } from './store.js';
