/** A topic obeys the transaction it is published in, also where its log is outside the database: nothing of a rollback, once each. */
import {
  type CallOptions,
  createClient,
  createServer,
  currentCall,
  type IdempotencyStore,
  MemoryNetwork,
  memoryStore,
  RpcError,
  silentLogger,
} from 'hawser';
import { postgresStore } from 'hawser/postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { describeWith } from '../requires.js';
import { Database } from '../stores/postgres/database.js';
import { scratchStore } from '../stores/sqlite/scratch-store.js';
import { note, Refused } from '../support/echo.js';
import { hasPostgres, postgresName } from '../support/postgres.js';
import { Prices } from '../support/prices.js';
import { tillOf } from '../support/till.js';

type Store = IdempotencyStore<unknown>;
const memory = (): Store => memoryStore({ logger: silentLogger }) as Store;
const stores = {
  memory: async (): Promise<Store> => memory(),
  sqlite: async (): Promise<Store> => (await scratchStore()).store as unknown as Store,
};

/** A store whose first COMMIT goes unanswered, after it committed or instead. */
function doubtful(inner: Store, commits: boolean): Store {
  let first = true;
  const lost = () => new RpcError('UNAVAILABLE', 'no answer', { reason: 'STORE_UNAVAILABLE', disposition: 'unknown' });
  return {
    name: inner.name,
    retention: inner.retention,
    transactional: inner.transactional,
    async execute(record, work, beforeCommit) {
      if (!first) return inner.execute(record, work, beforeCommit);
      first = false;
      const refuse = new Error('rolled back');
      await inner
        .execute(record, work, () => {
          beforeCommit();
          if (!commits) throw refuse;
        })
        .catch((error: unknown) => {
          if (error !== refuse) throw error;
        });
      throw lost();
    },
    transact: (work, beforeCommit) => inner.transact(work, beforeCommit),
    expire: (now, limit) => inner.expire(now, limit),
    close: () => inner.close(),
  };
}

type Handler = (text: string, run: number, publish: (price: number) => Promise<number>) => Promise<void>;

async function market(store: Store, handler: Handler) {
  const network = new MemoryNetwork();
  const server = createServer({ store, logger: silentLogger });
  const Till = tillOf();
  const topic = () => server.topic(Prices.methods.watch);
  let runs = 0;
  server.add(Prices, {});
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  server.add(Till, {
    sell: async (request) => {
      runs += 1;
      await handler(request.text, runs, async (price) => (await topic().publish({ fish: 'cod', price })).seq);
      return note(request.text);
    },
  });
  await server.listen({ memory: network });
  const options = { logger: silentLogger };
  const till = createClient(Till, network, options);
  const prices = createClient(Prices, network, options);
  onTestFinished(async () => {
    await till.$close();
    await prices.$close();
    await server.close({ grace: 0 });
  });
  const published = async () => {
    const { seq } = topic().head;
    const found: number[] = [];
    if (seq === 0) return found;
    for await (const change of prices.watch.subscribe({}, { from: { seq: 1 }, mode: 'EVERY', accept: ['REPLAY'] })) {
      if (change.type === 'set') found.push(change.value.price);
      if (change.seq === seq) break;
    }
    return found;
  };
  const sell = (text: string, how: CallOptions = {}) => till.sell(note(text), how);
  return { server, sell, published, topic };
}

function obeysItsTransaction(open: () => Promise<Store>): void {
  it('reaches the log when the handler commits, also with a declared error, and never when it fails', async () => {
    const { sell, published, topic } = await market(await open(), async (text, run, publish) => {
      const before = topic().head.seq;
      expect(await publish(run)).toBe(0);
      expect(topic().head.seq, 'not shown before the commit').toBe(before);
      if (text === 'declared') throw new Refused('no fish');
      if (text === 'fails') throw new RpcError('INVALID_ARGUMENT', 'no');
    });
    await sell('good');
    await expect(sell('fails')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(sell('declared')).rejects.toThrow('no fish');
    expect(await published()).toEqual([1, 3]);
  });

  it('is there once when the handler is run again after a rollback', async () => {
    const { sell, published } = await market(await open(), async (_text, run, publish) => {
      await publish(run);
      if (run === 1) throw new RpcError('UNAVAILABLE', 'again', { reason: 'AGAIN', disposition: 'not-executed' });
    });
    const idempotencyKey = 'one-key-for-both-tries';
    await sell('x', { idempotencyKey }).catch(() => sell('x', { idempotencyKey }));
    expect(await published()).toEqual([2]);
  });

  it.each([true, false])('is there once when the commit goes unanswered, committed: %s', async (commits) => {
    const { sell, published } = await market(doubtful(await open(), commits), async (_text, run, publish) => {
      await publish(run);
    });
    const idempotencyKey = 'one-key-for-both-tries';
    await sell('x', { idempotencyKey }).catch(() => sell('x', { idempotencyKey }));
    expect(await published()).toEqual([commits ? 1 : 2]);
  });

  it('is refused once its handler was rolled back', async () => {
    let late: Promise<unknown> | undefined;
    const { sell, published } = await market(await open(), async (_text, run, publish) => {
      late = new Promise((resolve) => setTimeout(resolve, 50))
        .then(() => publish(run))
        .catch((error: unknown) => error);
      throw new RpcError('INVALID_ARGUMENT', 'no');
    });
    await expect(sell('x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await late).toMatchObject({ reason: 'TRANSACTION_OVER' });
    expect(await published()).toEqual([]);
  });

  it('fails the handler at once where its expectation does not hold', async () => {
    const { sell, published, topic } = await market(await open(), async () => {
      await topic().publish({ fish: 'cod', price: 1 }, { expect: { keySeq: 7 } });
    });
    await expect(sell('x')).rejects.toMatchObject({ reason: 'EXPECTATION_FAILED' });
    expect(await published()).toEqual([]);
  });
}

describe.each(Object.entries(stores))('a publication in a handler of a KEYED call, store %s', (_, open) => {
  obeysItsTransaction(open);
});

describeWith(postgresName, hasPostgres, 'a publication in a handler of a KEYED call, store Postgres', () => {
  let database: Database;
  beforeAll(async () => {
    database = await Database.start();
  });
  afterAll(() => database?.server.remove());

  obeysItsTransaction(async () => {
    const schema = await database.schema();
    return postgresStore(database.server.pool({ max: 4 }), { schema }) as unknown as Store;
  });

  it('is there once for each handler that committed, where transactions are rolled back to run again', async () => {
    const schema = await database.schema();
    const pool = database.server.pool({ max: 4 });
    await pool.query(`CREATE TABLE ${schema}.stock (n int); INSERT INTO ${schema}.stock VALUES (0)`);
    const store = postgresStore(pool, { schema, isolation: 'serializable' });
    const { sell, published, topic } = await market(store as unknown as Store, async (text, _run, publish) => {
      const tx = currentCall()?.tx as import('pg').PoolClient;
      const { rows } = await tx.query(`SELECT n FROM ${schema}.stock`);
      await publish(Number(text));
      await tx.query(`UPDATE ${schema}.stock SET n = ${Number(rows[0].n) + 1}`);
    });
    const sold = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => sell(String(n))));
    const committed = sold.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    expect(committed.length).toBeGreaterThan(0);
    expect((await published()).sort()).toEqual(committed);
    expect(topic().head.seq).toBe(committed.length);
    expect((await pool.query(`SELECT n FROM ${schema}.stock`)).rows[0].n).toBe(committed.length);
  });
});
