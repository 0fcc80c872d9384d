/** A Postgres that goes away, stands still or refuses: what the caller is told is true, and nobody restarts anything. */
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RpcError } from '../../../src/call/rpc-error.js';
import { type PostgresStoreOptions, postgresStore } from '../../../src/stores/postgres/index.js';
import { faultProxy } from '../../../src/testing.js';
import { describeWith } from '../../requires.js';
import { hasPostgres, postgresName } from '../../support/postgres.js';
import { rejection } from '../../support/scripted.js';
import { deferred } from '../../support/served.js';
import { answer, recordOf } from '../conformance.js';
import { Database, nothing, selling } from './database.js';

describeWith(postgresName, hasPostgres, 'a Postgres that fails', () => {
  let database: Database;
  beforeAll(async () => {
    database = await Database.start();
  });
  afterAll(() => database?.server.remove());

  /** `store` has the limits that the test is about; `patient` is on the same pool without them, for what must not fail. */
  async function made(options: PostgresStoreOptions = {}, poolOptions: pg.PoolConfig = {}) {
    const schema = await database.schema();
    const pool = database.server.pool(poolOptions);
    const patient = postgresStore(pool, { schema });
    // A connection takes longer than the limits of some tests, so it is made here.
    await patient.execute(...selling(schema, 'first'));
    const store = postgresStore(pool, { schema, ...options });
    return { schema, pool, store, patient };
  }

  const notExecuted = { code: 'UNAVAILABLE', disposition: 'not-executed' };

  describe('whose connection dies at a step of a call', () => {
    /** A pool whose clients lose their backend before they send statement `step`, or after its answer came. */
    function dying(pool: pg.Pool, when: 'before' | 'after', step: number) {
      let count = 0;
      let died = false;
      const terminate = async (client: pg.PoolClient): Promise<void> => {
        died = true;
        const { processID } = client as unknown as { processID: number };
        await database.admin.query('SELECT pg_terminate_backend($1, 5000)', [processID]);
      };
      const wrapped = Object.create(pool) as pg.Pool;
      wrapped.connect = (async () => {
        const client = await pool.connect();
        const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
        (client as { query: unknown }).query = async (...args: unknown[]) => {
          const mine = !died && ++count === step;
          if (mine && when === 'before') await terminate(client);
          const result = await query(...args);
          if (mine && when === 'after') await terminate(client);
          return result;
        };
        return client;
      }) as pg.Pool['connect'];
      return { pool: wrapped, died: () => died };
    }

    // Begin with the lock and the look, the handler's two statements, the record, the commit.
    const steps = 5;

    for (const when of ['before', 'after'] as const) {
      for (let step = 1; step <= steps; step++) {
        it(`${when} statement ${step} of ${steps}: the error tells the truth, and the repeat has one effect`, async () => {
          const { schema } = await made();
          const pool = database.server.pool();
          const victim = dying(pool, when, step);
          // A check of the version is the first statement of a new store.
          const skip = postgresStore(Object.assign(Object.create(pool), {}) as pg.Pool, { schema });
          await skip.execute(...selling(schema, 'warm'));
          const store = postgresStore(victim.pool, { schema });
          const call = () => store.execute(...selling(schema, 'a', (tx) => tx.query('SELECT 1')));
          // One more at first, for the version.
          const outcome = await call().catch((error: RpcError) => error);
          if (!victim.died()) throw new Error(`there was no statement ${step}`);
          const effects = await database.count(schema, 'a');
          if (outcome instanceof Error) {
            expect(outcome).toMatchObject({ code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE' });
            const { disposition } = outcome as RpcError;
            if (disposition === 'not-executed') expect(effects).toBe(0);
            else expect(disposition).toBe('unknown');
          } else expect(effects).toBe(1);
          const again = await call();
          expect(again.kind).toBe(effects === 1 ? 'recorded' : 'executed');
          expect(await database.count(schema, 'a')).toBe(1);
        });
      }
    }
  });

  it('and swallows the answer to a COMMIT: unknown, and the record tells at the repeat', async () => {
    const schema = await database.schema();
    const proxy = await faultProxy({ target: `127.0.0.1:${database.server.port}` });
    try {
      const url = new URL(database.server.url);
      url.host = proxy.address;
      const store = postgresStore(database.server.pool({ connectionString: url.href }), { schema });
      await store.execute(...selling(schema, 'warm'));
      const [record, work] = selling(schema, 'a');
      const swallowed = deferred();
      const lost = rejection(
        store.execute(record, work, () => void proxy.set({ halfOpen: 'toClient' }).then(swallowed.resolve)),
      );
      await swallowed.promise;
      await expect.poll(() => database.count(schema, 'a')).toBe(1);
      proxy.reset();
      expect(await lost).toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
      await proxy.set({});
      expect((await store.execute(record, work, nothing)).kind).toBe('recorded');
      expect(await database.count(schema, 'a')).toBe(1);
    } finally {
      await proxy.close();
    }
  });

  it.each([
    ['before the commit', 'not-executed'],
    ['at the commit', 'unknown'],
  ] as const)('and falls silent %s: the wait ends, %s', async (when, disposition) => {
    const schema = await database.schema();
    const proxy = await faultProxy({ target: `127.0.0.1:${database.server.port}` });
    try {
      const url = new URL(database.server.url);
      url.host = proxy.address;
      const pool = database.server.pool({ connectionString: url.href });
      const timers: { fn: () => void; ms: number }[] = [];
      const clock = {
        now: () => performance.now(),
        wallTime: () => Date.now(),
        setTimer(fn: () => void, ms: number) {
          const timer = { fn, ms };
          timers.push(timer);
          return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
        },
      };
      const store = postgresStore(pool, { schema, clock, statementTimeout: '7s' });
      await store.execute(...selling(schema, 'warm'));
      expect(timers).toEqual([]);
      const silent = deferred();
      let calls = 0;
      const silence = async (): Promise<void> => {
        if (calls++ > 0) return;
        await proxy.set({ stall: 'both' });
        silent.resolve();
      };
      const [record, work] = selling(schema, 'a', when === 'before the commit' ? silence : nothing);
      const stuck = rejection(store.execute(record, work, () => void (when === 'at the commit' && silence())));
      await silent.promise;
      // The server was given 7 s; the answer 5 s more.
      await expect.poll(() => timers.map(({ ms }) => ms)).toEqual([12_000]);
      timers[0]!.fn();
      expect(await stuck).toMatchObject({ code: 'UNAVAILABLE', disposition });
      expect((await stuck).message).toMatch(/did not answer within 12000 ms/);
      await proxy.set({});
      // What was under way may still arrive, and then it counts.
      await expect.poll(async () => (await store.execute(record, work, nothing)).kind).toBe('recorded');
      expect(await database.count(schema, 'a')).toBe(1);
    } finally {
      await proxy.close();
    }
  });

  it('ends a handler that leaves its transaction idle, and a late statement of it does nothing', async () => {
    const { schema, store, patient } = await made({ idleTimeout: 500 });
    const forever = deferred();
    let tx!: pg.PoolClient;
    const call = store.execute(
      ...selling(schema, 'a', async (given) => {
        tx = given;
        await tx.query('SELECT 1');
        await forever.promise;
      }),
    );
    const error = await rejection(call);
    expect(error).toMatchObject(notExecuted);
    expect(error.message).toMatch(/idle/);
    expect((await patient.execute(...selling(schema, 'a'))).kind).toBe('executed');
    await expect(tx.query('SELECT 1')).rejects.toThrow();
    forever.resolve();
    expect(await database.count(schema, 'a')).toBe(1);
  });

  it('leaves it to the handler when its own statement takes too long, and names the limit', async () => {
    const { schema, store, patient } = await made({ statementTimeout: 500 });
    const slow = store.execute(...selling(schema, 'a', (tx) => tx.query('SELECT pg_sleep(60)')));
    await expect(slow).rejects.toThrow(/canceling statement due to statement timeout/);
    expect((await patient.execute(...selling(schema, 'a'))).kind).toBe('executed');
  });

  it('has no connection free: the wait is bounded, and the next call gets through', async () => {
    const { schema, store, patient } = await made({ acquireTimeout: 50 }, { max: 1 });
    const [hold, began] = [deferred(), deferred()];
    const holder = store.execute(
      ...selling(schema, 'a', () => {
        began.resolve();
        return hold.promise;
      }),
    );
    await began.promise;
    const waiting = Array.from({ length: 5 }, (_, n) => rejection(store.execute(...selling(schema, `w${n}`))));
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ ...notExecuted, reason: 'STORE_POOL_EXHAUSTED' });
      expect(error.message).toMatch(/came free within 50 ms \(acquireTimeout\); the pool has 1/);
    }
    hold.resolve();
    await holder;
    expect((await patient.execute(...selling(schema, 'w0'))).kind).toBe('executed');
  });

  it('has its pool used up by others: the same, and no client is lost in it', async () => {
    const { schema, store, pool, patient } = await made({ acquireTimeout: 200 }, { max: 2 });
    const others = await Promise.all([pool.connect(), pool.connect()]);
    const waiting = Array.from({ length: 6 }, (_, n) => rejection(store.execute(...selling(schema, `w${n}`))));
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ ...notExecuted, reason: 'STORE_POOL_EXHAUSTED' });
    }
    expect(pool.waitingCount).toBeLessThanOrEqual(2);
    for (const one of others) one.release();
    await expect.poll(() => pool.waitingCount).toBe(0);
    for (const key of ['x', 'y', 'z']) expect((await patient.execute(...selling(schema, key))).kind).toBe('executed');
    expect(pool.totalCount).toBeLessThanOrEqual(2);
  });

  it('conflicts with another transaction: not executed, so a client repeats it', async () => {
    const { schema, store } = await made({ isolation: 'repeatable read' });
    await database.admin.query(`CREATE TABLE ${schema}.stock AS SELECT 1 AS pounds`);
    const call = store.execute(
      ...selling(schema, 'a', async (tx) => {
        await tx.query('SELECT 1');
        await database.admin.query(`UPDATE ${schema}.stock SET pounds = 2`);
        await tx.query(`UPDATE ${schema}.stock SET pounds = 3`);
      }),
    );
    await expect(call).rejects.toMatchObject({ ...notExecuted, reason: 'STORE_CONFLICT' });
    expect(await database.count(schema, 'a')).toBe(0);
  });

  it('has become read-only: not executed, and works again when it is not', async () => {
    const { schema, store, pool } = await made();
    const readOnly = (on: string) =>
      database.admin.query(`ALTER ROLE postgres SET default_transaction_read_only = ${on}`);
    const fresh = async (): Promise<void> => {
      const clients = await Promise.all(Array.from({ length: pool.totalCount }, () => pool.connect()));
      for (const client of clients) client.release(true);
    };
    try {
      await readOnly('on');
      await fresh();
      expect(await rejection(store.execute(...selling(schema, 'a')))).toMatchObject(notExecuted);
      expect(await rejection(store.execute(recordOf(), async () => answer('a'), nothing))).toMatchObject(notExecuted);
    } finally {
      await database.admin.query(
        'SET default_transaction_read_only = off; ALTER ROLE postgres RESET default_transaction_read_only',
      );
    }
    await fresh();
    expect((await store.execute(...selling(schema, 'a'))).kind).toBe('executed');
  });

  it.each(['fast', 'immediate'] as const)(
    'is stopped (%s) under load and started again: every answer was true',
    async (mode) => {
      const schema = await database.schema();
      const stores = [1, 2].map(() => postgresStore(database.server.pool({ max: 4 }), { schema }));
      await stores[0]!.execute(...selling(schema, 'warm'));
      const told = new Map<string, string>();
      let stopping = false;
      const worker = async (name: string, at: number): Promise<void> => {
        for (let n = 0; !stopping; n++) {
          const key = `${name}-${n}`;
          try {
            const { kind } = await stores[at % 2]!.execute(...selling(schema, key));
            told.set(key, kind);
          } catch (error) {
            expect(error).toMatchObject({ code: 'UNAVAILABLE' });
            told.set(key, (error as RpcError).disposition);
            // A refusal may come without a turn of the loop, and a server that is down refuses at once: others need the loop.
            await setImmediate();
          }
        }
      };
      const workers = Array.from({ length: 8 }, (_, n) => worker(`w${n}`, n));
      try {
        // One that fails ends the wait: the poll would only say that nothing happens.
        await Promise.race([
          expect.poll(() => told.size).toBeGreaterThan(20),
          Promise.all(workers).then(() => Promise.reject(new Error('the workers ended early'))),
        ]);
        await database.server.stop(mode);
        expect(await rejection(stores[0]!.execute(...selling(schema, 'down')))).toMatchObject(notExecuted);
      } finally {
        stopping = true;
        await Promise.allSettled(workers);
      }
      await Promise.all(workers);
      await database.server.start();
      expect([...told.values()].filter((what) => what === 'executed').length).toBeGreaterThan(0);
      const found = await database.admin.query(`SELECT name, count(*)::int AS n FROM ${schema}.effects GROUP BY name`);
      const effects = new Map<string, number>(found.rows.map(({ name, n }) => [name, n]));
      for (const [key, what] of told) {
        const n = effects.get(key) ?? 0;
        if (what === 'executed') expect(n, key).toBe(1);
        else if (what === 'not-executed') expect(n, key).toBe(0);
        else expect(n, key).toBeLessThanOrEqual(1);
        if (what !== 'executed' && told.size < 4_000) {
          const { kind } = await stores[1]!.execute(...selling(schema, key));
          expect(kind, key).toBe(n === 1 ? 'recorded' : 'executed');
        }
      }
    },
  );
});

describe('a Postgres that was never there', () => {
  it('is UNAVAILABLE, not executed, and named', async () => {
    const pool = new pg.Pool({ host: '127.0.0.1', port: 1 });
    const store = postgresStore(pool);
    const error = await rejection(store.execute(recordOf(), async () => answer('a'), nothing));
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed', reason: 'STORE_UNAVAILABLE' });
    expect(error.message).toContain('(ECONNREFUSED)');
    expect(error.message).not.toContain('127.0.0.1');
    await store.close();
    await pool.end();
  });
});
