/** The tables: who makes them, what happens without them, and how records leave them. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { NewRecord } from '../../../src/interceptors/idempotency-store.js';
import { migratePostgres, postgresStore, storeStatus } from '../../../src/stores/postgres/index.js';
import { dayOf, dayTable } from '../../../src/stores/postgres/records.js';
import { schemaVersion } from '../../../src/stores/postgres/schema.js';
import { describeWith } from '../../requires.js';
import { hasPostgres, postgresName } from '../../support/postgres.js';
import { hawser } from '../../support/program.js';
import { deferred } from '../../support/served.js';
import { answer, recordOf } from '../conformance.js';
import { Database, nothing, selling } from './database.js';

const day = 86_400_000;
const hour = 3_600_000;

/** A UUIDv7 made at that time. */
function key(time: number, tail = 1): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${tail.toString(16).padStart(12, '0')}`;
}

it('the table of a key is that of the day in its name, in UTC, to the millisecond', () => {
  const midnight = Date.UTC(2026, 11, 31);
  expect(dayTable(midnight)).toBe('records_20261231');
  for (const time of [0, midnight, Date.UTC(9999, 11, 31), Date.UTC(10_000, 0, 1)])
    expect(dayOf(dayTable(time))).toBe(time);
  expect(dayOf('records_other')).toBeUndefined();
});

describeWith(postgresName, hasPostgres, 'the tables in Postgres', () => {
  let database: Database;
  beforeAll(async () => {
    database = await Database.start();
  });
  afterAll(() => database?.server.remove());

  const tables = async (schema: string): Promise<string[]> =>
    (await storeStatus(database.admin, { schema })).tables.map(({ table }) => table);

  const keyed = (id: string, time: number, retention = day): NewRecord =>
    recordOf({ key: id }, { expiresAt: time + retention });

  it('are made by whoever comes first of ten, once', async () => {
    const schema = database.newSchema();
    const pool = database.server.pool({ max: 10 });
    const made = await Promise.all(Array.from({ length: 10 }, () => migratePostgres(pool, { schema })));
    expect(made.filter(({ from }) => from === undefined)).toHaveLength(1);
    expect(made.every(({ to }) => to === schemaVersion)).toBe(true);
    const { rows } = await database.admin.query(`SELECT version FROM ${schema}.version`);
    expect(rows.map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  it('when missing, fail calls with a sentence that says how to make them; and the store goes on once they are there', async () => {
    const schema = database.newSchema();
    const store = postgresStore(database.server.pool(), { schema });
    const call = () => store.execute(recordOf(), async () => answer('a'), nothing);
    await expect(call()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'STORE_SCHEMA',
      disposition: 'not-executed',
      message: `the database has no schema ${schema} for idempotency records; run npx hawser store migrate postgres://... --schema ${schema}`,
    });
    await migratePostgres(database.admin, { schema });
    expect((await call()).kind).toBe('executed');
  });

  it.each([
    [0, /is of version 0, and this program needs 3; run npx hawser store migrate/],
    [7, /is of version 7, and this program knows versions up to 3; install the hawser that made it/],
  ])('of version %i are refused, and a newer one is not migrated', async (version, message) => {
    const schema = await database.schema();
    await database.admin.query(`UPDATE ${schema}.version SET version = ${version}`);
    const store = postgresStore(database.server.pool(), { schema });
    await expect(store.execute(recordOf(), async () => answer('a'), nothing)).rejects.toThrow(message);
    if (version > 1) await expect(migratePostgres(database.admin, { schema })).rejects.toThrow(message);
  });

  it('dropped under a running store fail calls with the same sentence', async () => {
    const schema = await database.schema();
    const store = postgresStore(database.server.pool(), { schema });
    await store.execute(recordOf(), async () => answer('a'), nothing);
    await database.admin.query(`DROP SCHEMA ${schema} CASCADE`);
    await expect(store.execute(recordOf(), async () => answer('a'), nothing)).rejects.toMatchObject({
      reason: 'STORE_SCHEMA',
    });
  });

  it('of a day that nobody made are made by the first calls that need them, many at once', async () => {
    const schema = await database.schema();
    const stores = [1, 2].map(() => postgresStore(database.server.pool(), { schema }));
    const time = Date.UTC(2027, 0, 1, 12);
    const kinds = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const { kind } = await stores[n % 2]!.execute(keyed(key(time, n), time), async () => answer('a'), nothing);
        return kind;
      }),
    );
    expect(new Set(kinds)).toEqual(new Set(['executed']));
    expect(await tables(schema)).toContain('records_20270101');
  });

  it('keep a key unique on either side of midnight, and beside keys of other kinds', async () => {
    const schema = await database.schema();
    const store = postgresStore(database.server.pool(), { schema });
    const midnight = Date.UTC(2026, 10, 21);
    const keys = [key(midnight - 1), key(midnight), key(midnight + day - 1), 'order-7', key(midnight).toUpperCase()];
    for (const id of keys)
      expect((await store.execute(keyed(id, midnight), async () => answer(id), nothing)).kind).toBe('executed');
    for (const id of keys) {
      expect(await store.execute(keyed(id, midnight), async () => answer('no'), nothing)).toMatchObject({
        kind: 'recorded',
      });
    }
    expect(await tables(schema)).toEqual(
      expect.arrayContaining(['records_20261120', 'records_20261121', 'records_other']),
    );
  });

  it('of past days are dropped once the last key of the day has expired, not a millisecond earlier', async () => {
    const schema = await database.schema();
    const store = postgresStore(database.server.pool(), { schema });
    const midnight = Date.UTC(2026, 4, 2);
    const times = [midnight - day, midnight - hour, midnight - 1];
    // As the interceptor does: 5 minutes for clocks that differ.
    const skew = 300_000;
    for (const [n, time] of times.entries()) {
      await store.execute(keyed(key(time, n), time + skew), async () => answer('a'), nothing);
    }
    const last = midnight - 1 + skew + day;
    expect(await store.expire(last - 1, 100)).toBe(0);
    expect(await tables(schema)).toContain('records_20260501');
    expect(await store.expire(last + 1, 100)).toBe(3);
    expect(await tables(schema)).not.toContain('records_20260501');
  });

  it('with a record that lives longer stay, and are dropped after that', async () => {
    const schema = await database.schema();
    const store = postgresStore(database.server.pool(), { schema });
    const time = Date.UTC(2026, 4, 2, 12);
    const days = 86_400_000;
    await store.execute(keyed(key(time, 1), time), async () => answer('a'), nothing);
    await store.execute(keyed(key(time, 2), time, 7 * days), async () => answer('a'), nothing);
    expect(await store.expire(time + 3 * days, 100)).toBe(0);
    expect(await store.expire(time + 6 * days, 100)).toBe(0);
    expect(await store.expire(time + 7 * days + 1, 100)).toBe(2);
  });

  it('in use by a call are left for the next time, and nobody waits', async () => {
    const schema = await database.schema();
    const pool = database.server.pool();
    const store = postgresStore(pool, { schema });
    const time = Date.UTC(2026, 4, 2, 12);
    await store.execute(keyed(key(time, 1), time), async () => answer('a'), nothing);
    const [hold, began] = [deferred(), deferred()];
    const work = async () => {
      began.resolve();
      await hold.promise;
      return answer('b');
    };
    const running = store.execute(keyed(key(time, 2), time), work, nothing);
    await began.promise;
    expect(await store.expire(time + 9 * day, 100)).toBe(0);
    hold.resolve();
    expect((await running).kind).toBe('executed');
    expect(await store.expire(time + 9 * day, 100)).toBe(2);
  });

  it('are made ahead for today and tomorrow by the expiry', async () => {
    const schema = await database.schema();
    const store = postgresStore(database.server.pool(), { schema });
    await store.expire(Date.UTC(2030, 5, 30, 23), 10);
    expect(await tables(schema)).toEqual(expect.arrayContaining(['records_20300630', 'records_20300701']));
  });

  it('lose expired keys of other kinds row by row, from several servers at once, each counted once', async () => {
    const schema = await database.schema();
    const stores = [1, 2, 3].map(() => postgresStore(database.server.pool(), { schema }));
    for (let n = 0; n < 30; n++)
      await stores[0]!.execute(keyed(`k${n}`, 1_000 * n, 0), async () => answer('a'), nothing);
    const deleted = await Promise.all(stores.map((store) => store.expire(19_000, 8)));
    const more = await stores[0]!.expire(19_000, 100);
    expect(deleted.every((n) => n <= 8)).toBe(true);
    expect(deleted.reduce((a, b) => a + b) + more).toBe(20);
  });

  it('are made and shown by the program', async () => {
    const { url } = database.server;
    const schema = database.newSchema();
    const store = (...args: string[]) => hawser('store', ...args, '--schema', schema);
    expect(await store('status', url)).toMatchObject({
      code: 1,
      stderr: `There is no schema ${schema}; make it with hawser store migrate.\n`,
    });
    expect(await store('migrate', url)).toMatchObject({
      code: 0,
      stdout: `The schema ${schema} is made, version ${schemaVersion}.\n`,
    });
    expect(await store('migrate', url)).toMatchObject({
      code: 0,
      stdout: `The schema ${schema} is of version ${schemaVersion} already; nothing to do.\n`,
    });
    await database.admin.query(`CREATE TABLE ${schema}.effects (name text)`);
    await postgresStore(database.server.pool(), { schema }).execute(...selling(schema, 'a'));
    const shown = await store('status', url);
    expect(shown.stdout).toMatch(
      new RegExp(`^schema ${schema}, version ${schemaVersion}\n {2}records_\\d{8} +0 records`),
    );
    expect(shown.stdout).toMatch(/records_other +1 records +\d+ kB\n$/);
    expect(shown.code).toBe(0);
  });

  it('are kept apart for a role that may only use them', async () => {
    const schema = await database.schema();
    await database.admin.query(`CREATE ROLE ${schema}_app LOGIN; GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${schema}_app;
      GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${schema}_app`);
    const pool: pg.Pool = database.server.pool({
      connectionString: database.server.url.replace('postgres@', `${schema}_app@`),
    });
    const store = postgresStore(pool, { schema });
    const run = (id: string) => store.execute(recordOf({ key: id }), async () => answer('a'), nothing);
    expect((await run('other')).kind).toBe('executed');
    expect((await run(key(Date.UTC(2031, 0, 1)))).kind).toBe('executed');
  });
});

it('the program says what is wrong with its command line', async () => {
  const ended = await Promise.all([
    hawser('store'),
    hawser('store', 'drop'),
    hawser('store', 'migrate', 'mysql://user:secret@host/db'),
    hawser('store', 'migrate', 'postgres://nobody@127.0.0.1:1/x'),
    hawser('store', 'migrate', 'postgres://nobody@127.0.0.1:1/x', '--schema', 'My-Schema'),
    hawser('store', '--help'),
  ]);
  expect(ended.map(({ code }) => code)).toEqual([2, 2, 2, 1, 2, 0]);
  expect(ended[0]!.stderr).toMatch(/Say migrate or status/);
  expect(ended[1]!.stderr).toMatch(/There is no store drop; there is migrate and status/);
  expect(ended[2]!.stderr).toMatch(/is no address of a Postgres/);
  expect(ended[2]!.stderr).not.toContain('secret');
  expect(ended[3]!.stderr).toMatch(/ECONNREFUSED/);
  expect(ended[4]!.stderr).toMatch(/schema is "My-Schema"/);
  expect(ended[5]!.stdout).toMatch(/^usage: hawser store migrate/);
});
