/** What a consumer does with a store, over a server in this process. */
import { silentLogger } from 'hawser';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../../src/client/create-client.js';
import { createServer } from '../../../src/server/create-server.js';
import type { SqliteStoreOptions, SqliteTransaction } from '../../../src/stores/sqlite/index.js';
import { type ConsumeOptions, type Consumer, consume } from '../../../src/subscription/consume.js';
import type { Change } from '../../../src/subscription/subscriber/subscription.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { scratchStore } from '../../stores/sqlite/scratch-store.js';
import { effect, watchedDriver } from '../../stores/sqlite/selling.js';
import { type Price, Prices, type WatchRequest } from '../../support/prices.js';

type Options = Partial<ConsumeOptions<WatchRequest, SqliteTransaction>>;
type Handler = (update: Change<Price>, tx: SqliteTransaction) => Promise<void> | void;

const running: Consumer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((consumer) => consumer.stop()));
});

async function market(storeOptions: SqliteStoreOptions = {}) {
  const scratch = await scratchStore({ groupDelay: 0, ...storeOptions });
  const network = new MemoryNetwork();
  const server = createServer({ logger: silentLogger });
  server.add(Prices, {});
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  await server.listen({ memory: network });
  const client = createClient(Prices, network, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  const seen: number[] = [];
  const taking: Handler = ({ seq, value }, tx) => {
    seen.push(seq);
    effect(tx, `${value?.fish}=${value?.price}`);
  };
  const start = (handler: Handler = taking, options: Options = {}, name = 'ledger'): Consumer => {
    const consumer = consume(client.watch, name, handler, { store: scratch.store, logger: silentLogger, ...options });
    running.push(consumer);
    return consumer;
  };
  const publish = async (...prices: number[]) => {
    for (const price of prices) await server.topic(Prices.methods.watch).publish({ fish: 'cod', price });
  };
  const effects = (count: number) => expect.poll(() => scratch.effects().length, { timeout: 5_000 }).toBe(count);
  return { ...scratch, server, client, start, publish, effects, seen, list: scratch.effects };
}

describe('a consumer', () => {
  it('processes every update once, each version of a key, from the oldest that the log has', async () => {
    const { start, publish, effects, list } = await market();
    await publish(1, 2, 3);
    const consumer = start();
    await effects(3);
    await publish(4);
    await effects(4);
    expect(list()).toEqual(['cod=1', 'cod=2', 'cod=3', 'cod=4']);
    expect(consumer.position?.seq).toBe(4);
  });

  it('goes on where it was when it is started again', async () => {
    const { start, publish, effects, list, seen } = await market();
    await publish(1, 2);
    const first = start();
    await effects(2);
    await first.stop();
    await expect(first.done).resolves.toBeUndefined();
    await publish(3, 4);
    start();
    await effects(4);
    expect(list()).toEqual(['cod=1', 'cod=2', 'cod=3', 'cod=4']);
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('that begins at the head keeps to that head, though it is stopped before its first update', async () => {
    const { start, publish, effects, list } = await market();
    await publish(1, 2);
    const first = start(undefined, { from: 'head' });
    await expect.poll(() => first.position?.seq).toBe(2);
    await first.stop();
    await publish(3);
    start(undefined, { from: 'head' });
    await effects(1);
    expect(list()).toEqual(['cod=3']);
  });

  it('whose handler throws ends with that error, and nothing of that update is kept', async () => {
    const { start, publish, effects, list } = await market();
    await publish(1, 2);
    const failing = start(({ value }, tx) => {
      effect(tx, `${value?.price}`);
      if (value?.price === 2) throw new RangeError('two');
    });
    await expect(failing.done).rejects.toThrow('two');
    expect(list()).toEqual(['1']);
    start();
    await effects(2);
    expect(list()).toEqual(['1', 'cod=2']);
  });

  it('of two under one name one finds out before it has an effect', async () => {
    const { start, publish, list, effects } = await market();
    const [one, other] = [start(), start()];
    await publish(1, 2, 3, 4, 5);
    await effects(5);
    await expect(Promise.race([one.done, other.done])).rejects.toMatchObject({ reason: 'CONSUMER_FENCED' });
    expect(list()).toEqual([1, 2, 3, 4, 5].map((price) => `cod=${price}`));
  });

  it('tries again when the database fails, also when it is not known whether a commit happened', async () => {
    let failures = 0;
    let wrote = false;
    const driver = watchedDriver((sql, db) => {
      wrote ||= sql.startsWith('INSERT INTO effects');
      if (!wrote || sql !== 'COMMIT') return;
      wrote = false;
      if (++failures > 4) return;
      if (failures % 2 === 0) db.exec('COMMIT');
      throw Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 });
    });
    const { start, publish, effects, list } = await market({ driver });
    await publish(1, 2, 3);
    start();
    await effects(3);
    expect(failures).toBeGreaterThan(4);
    expect(list()).toEqual(['cod=1', 'cod=2', 'cod=3']);
  });

  it('ends when the log is another one', async () => {
    const { start, publish, effects, store } = await market();
    await publish(1);
    const first = start();
    await effects(1);
    await first.stop();
    await store.write((tx) => tx.exec("UPDATE hawser_consumers SET epoch = '00000000000000000000000000000000'"));
    await expect(start().done).rejects.toMatchObject({ reason: 'UNRECOVERABLE' });
    await expect(start(undefined, { gap: () => {} }).done).rejects.toMatchObject({ reason: 'EPOCH_CHANGED' });
  });

  it.each([
    ['a name', { name: '' }, /name of a consumer/],
    ['a place', { options: { from: 'middle' as 'head' } }, /from is "middle"/],
    ['a store', { options: { store: {} as never } }, /option store/],
    ['options', { options: { gaps: 1 } as object }, /gaps/],
  ])('refuses %s that cannot be meant', async (_, { name, options }: { name?: string; options?: Options }, message) => {
    const { start } = await market();
    expect(() => start(undefined, options, name ?? 'ledger')).toThrow(message);
  });
});
