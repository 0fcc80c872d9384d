/** Exactly-once effects on a real Postgres: the suite of all stores, and what only this one does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresStoreOptions, postgresStore } from '../../../src/stores/postgres/index.js';
import { describeWith } from '../../requires.js';
import { hasPostgres, postgresName } from '../../support/postgres.js';
import { repository } from '../../support/scratch.js';
import { deferred } from '../../support/served.js';
import { answer, recordOf, storeConformance } from '../conformance.js';
import { Database, nothing, selling } from './database.js';

describeWith(postgresName, hasPostgres, 'on a real Postgres', () => {
  let database: Database;
  beforeAll(async () => {
    database = await Database.start();
  });
  afterAll(() => database?.server.remove());

  storeConformance('postgres', () => database.underTest());
  describe('in serializable transactions', () => {
    storeConformance('postgres', () => database.underTest({ isolation: 'serializable' }));
  });

  async function made(options: PostgresStoreOptions = {}, poolOptions: pg.PoolConfig = {}) {
    const schema = await database.schema();
    const pool = database.server.pool(poolOptions);
    return { schema, pool, store: postgresStore(pool, { schema, ...options }) };
  }

  describe('what a handler gets as its transaction', () => {
    it("is pg's client: texts, values, named statements, callbacks, rows as arrays", async () => {
      const { store } = await made();
      await store.transact(async (tx) => {
        expect(tx).toBeInstanceOf(pg.Client);
        expect((await tx.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
        expect((await tx.query('SELECT $1::int AS n', [7])).rows).toEqual([{ n: 7 }]);
        expect((await tx.query({ name: 'two', text: 'SELECT 2 AS two', rowMode: 'array' })).rows).toEqual([[2]]);
        const called = await new Promise((resolve, reject) =>
          tx.query('SELECT 3 AS three', (error, result) => (error ? reject(error) : resolve(result.rows))),
        );
        expect(called).toEqual([{ three: 3 }]);
        expect(tx.escapeIdentifier('a"b')).toBe('"a""b"');
      }, nothing);
    });

    it.each([
      'COMMIT',
      'begin',
      '/* tidy /* up */ */ -- now\n rollback',
      'SELECT 1; CoMmIt AND CHAIN; SELECT 2',
      "PREPARE TRANSACTION 'x'",
    ])('refuses %j, and all that was written stays in the transaction', async (sql) => {
      const { schema, store } = await made();
      const steal = selling(schema, 'a', async (tx) => {
        await tx.query(`INSERT INTO ${schema}.effects VALUES ('a')`);
        await tx.query(sql);
      });
      await expect(store.execute(...steal)).rejects.toThrow(/is not allowed in this transaction: the store commits/);
      expect(await database.count(schema, 'a')).toBe(0);
    });

    it('refuses the same in a configuration, a callback and a cursor', async () => {
      const { store } = await made();
      await store.transact(async (tx) => {
        await expect(tx.query({ text: 'COMMIT' })).rejects.toThrow(/COMMIT is not allowed/);
        const error = await new Promise((resolve) => tx.query('COMMIT', resolve));
        expect(String(error)).toMatch(/COMMIT is not allowed/);
        expect(() => tx.query({ submit() {}, cursor: { text: 'COMMIT' } } as never)).toThrow(/COMMIT is not allowed/);
      }, nothing);
    });

    it('cannot be released, ended or changed', async () => {
      const { store } = await made();
      await store.transact(async (tx) => {
        expect(() => tx.release()).toThrow(/release\(\) belongs to the store's pool/);
        expect(() => tx.end()).toThrow(/end\(\) belongs to the store's pool/);
        expect(() => {
          tx.query = nothing as never;
        }).toThrow(/query of this client cannot be set/);
      }, nothing);
    });

    it('allows savepoints, and going back to them', async () => {
      const { schema, store } = await made();
      const careful = selling(schema, 'a', async (tx) => {
        await tx.query('SAVEPOINT try');
        await expect(tx.query('SELECT 1/0')).rejects.toThrow('division by zero');
        await tx.query('ROLLBACK TO SAVEPOINT try');
        await tx.query('RELEASE try');
      });
      expect(await store.execute(...careful)).toEqual({ kind: 'executed' });
      expect(await database.count(schema, 'a')).toBe(1);
    });

    it('is dead once the handler has returned, in every style of call', async () => {
      const { store } = await made();
      let kept!: pg.PoolClient;
      await store.transact(async (tx) => {
        kept = tx;
      }, nothing);
      await expect(kept.query('SELECT 1')).rejects.toThrow(/transaction of this call is over/);
      expect(String(await new Promise((resolve) => kept.query('SELECT 1', resolve)))).toMatch(/is over/);
      expect(() => kept.escapeLiteral('x')).toThrow(/is over/);
    });

    it('has the isolation that the store was given', async () => {
      for (const isolation of ['read committed', 'repeatable read', 'serializable'] as const) {
        const { store } = await made({ isolation });
        const level = await store.transact(
          async (tx) => (await tx.query('SHOW transaction_isolation')).rows[0],
          nothing,
        );
        expect(level).toEqual({ transaction_isolation: isolation });
      }
    });

    it('is durable even where the database is not by default', async () => {
      const { store } = await made({}, { options: '-c synchronous_commit=off' });
      const shown = await store.transact(async (tx) => (await tx.query('SHOW synchronous_commit')).rows[0], nothing);
      expect(shown).toEqual({ synchronous_commit: 'on' });
    });

    it('leaves a stronger durability as it is', async () => {
      const { store } = await made({}, { options: '-c synchronous_commit=remote_apply' });
      const shown = await store.transact(async (tx) => (await tx.query('SHOW synchronous_commit')).rows[0], nothing);
      expect(shown).toEqual({ synchronous_commit: 'remote_apply' });
    });
  });

  it('does not call an answer executed when a statement failed and the handler went on', async () => {
    const { schema, store } = await made();
    const careless = selling(schema, 'a', nothing);
    const work = async (tx: pg.PoolClient) => {
      const outcome = await careless[1](tx);
      await tx.query('SELECT 1/0').catch(nothing);
      return outcome;
    };
    await expect(store.execute(careless[0], work, nothing)).rejects.toThrow(/a statement of the handler failed/);
    await expect(store.transact(work, nothing)).rejects.toThrow(/a statement of the handler failed/);
    expect(await database.count(schema, 'a')).toBe(0);
    expect((await store.execute(...selling(schema, 'a'))).kind).toBe('executed');
  });

  it('reports a deferred constraint as what it is, with nothing committed', async () => {
    const { schema, store } = await made();
    await database.admin.query(`CREATE TABLE ${schema}.once (name text UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
    const twice = selling(schema, 'a', async (tx) => tx.query(`INSERT INTO ${schema}.once VALUES ('x'), ('x')`));
    await expect(store.execute(...twice)).rejects.toMatchObject({ code: '23505' });
    expect(await database.count(schema, 'a')).toBe(0);
  });

  it('has 400 calls of 100 keys over three pools at once come to one effect each', async () => {
    const schema = await database.schema();
    const stores = [1, 2, 3].map(() => postgresStore(database.server.pool({ max: 5 }), { schema }));
    let ran = 0;
    const counted = (key: string) =>
      selling(schema, key, async (tx) => {
        ran += 1;
        await tx.query('SELECT pg_sleep(0.002)');
      });
    // As the interceptor does: what runs elsewhere is asked for again.
    const ask = async (key: string, at: number): Promise<string> => {
      for (;;) {
        const execution = await stores[at % stores.length]!.execute(...counted(key));
        if (execution.kind !== 'running') return execution.kind;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, n) => ask(`k${n % 100}`, n + Math.floor(n / 100))),
    );
    expect(answers.filter((kind) => kind === 'executed')).toHaveLength(100);
    expect(ran).toBe(100);
    for (let n = 0; n < 100; n++) expect(await database.count(schema, `k${n}`)).toBe(1);
  });

  it('answers a duplicate of a running call at once, although the record would block it', async () => {
    const { schema, store } = await made();
    const peer = postgresStore(database.server.pool(), { schema });
    const hold = deferred();
    const began = deferred();
    const running = store.execute(
      ...selling(schema, 'a', () => {
        began.resolve();
        return hold.promise;
      }),
    );
    await began.promise;
    expect(await peer.execute(...selling(schema, 'a'))).toEqual({ kind: 'running' });
    hold.resolve();
    await running;
    expect(await peer.execute(...selling(schema, 'a'))).toMatchObject({ kind: 'recorded' });
  });

  it('keeps the same key in two schemas of one database apart', async () => {
    const [one, two] = [await made(), await made()];
    const [hold, began] = [deferred(), deferred()];
    const running = one.store.execute(
      ...selling(one.schema, 'a', () => {
        began.resolve();
        return hold.promise;
      }),
    );
    await began.promise;
    expect(await two.store.execute(...selling(two.schema, 'a'))).toEqual({ kind: 'executed' });
    hold.resolve();
    await running;
  });

  it('replays to several processes at once, and none is told that the key is running', async () => {
    const { schema, store } = await made({}, { max: 10 });
    await store.execute(...selling(schema, 'a'));
    const kinds = await Promise.all(
      Array.from({ length: 60 }, async () => (await store.execute(...selling(schema, 'a'))).kind),
    );
    expect(new Set(kinds)).toEqual(new Set(['recorded']));
  });

  it('reads a principal that no Postgres text can hold', async () => {
    const { store } = await made();
    const odd = recordOf({ principal: 'CN=a\0b' });
    expect((await store.execute(odd, async () => answer('a'), nothing)).kind).toBe('executed');
    expect((await store.execute(odd, async () => answer('b'), nothing)).kind).toBe('recorded');
    expect((await store.execute(recordOf({ principal: 'CN=a\ufffdb' }), async () => answer('c'), nothing)).kind).toBe(
      'executed',
    );
  });

  it('runs on behind a pool that only hands out plain objects of the right shape', async () => {
    const { schema, pool } = await made();
    const wrapped = { connect: () => pool.connect(), on: nothing, removeListener: nothing } as unknown as pg.Pool;
    expect((await postgresStore(wrapped, { schema }).execute(...selling(schema, 'a'))).kind).toBe('executed');
  });
});

describe('postgresStore', () => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1 });
  afterAll(() => pool.end());

  it.each([
    [{ retention: '1s' }, 'retention is 1000 ms; records are kept for 1 minute to 30 days'],
    [{ schema: 'My Schema' }, 'schema is "My Schema"; it is 1 to 48 lower-case letters'],
    [{ schema: 'pg_x' }, 'does not begin with a digit or pg_'],
    [{ isolation: 'chaos' }, 'isolation is "chaos"; it is read committed, repeatable read, serializable'],
    [{ retentoin: '1h' }, 'retentoin'],
    [{ acquireTimeout: 0 }, 'acquireTimeout is 0 ms; it is 1 to 60000 ms'],
    [{ statementTimeout: '2h' }, 'statementTimeout is 7200000 ms; it is 1 to 3600000 ms'],
    [{ idleTimeout: 'soon' }, 'idleTimeout is "soon"; write a number of milliseconds'],
  ])('refuses the options %j', (options, message) => {
    expect(() => postgresStore(pool, options as PostgresStoreOptions)).toThrow(message);
  });

  it('says what it takes when it is given something else', () => {
    expect(() => postgresStore('postgres://localhost' as never)).toThrow(/takes a pool of the package pg/);
  });

  it('is of a package whose types do not need pg', () => {
    const source = ['driver', 'store', 'session', 'sessions', 'tx', 'schema', 'status', 'expiry', 'records', 'index']
      .map((name) => readFileSync(join(repository, `src/stores/postgres/${name}.ts`), 'utf8'))
      .join('\n');
    expect(source).not.toMatch(/from 'pg'/);
  });
});
