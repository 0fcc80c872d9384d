/** How far a consumer is, kept in Postgres with what it writes: the generation of the update goes with it, and is judged. */
import { silentLogger } from 'hawser';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../../src/client/create-client.js';
import { createServer } from '../../../src/server/create-server.js';
import { migratePostgres, postgresStore } from '../../../src/stores/postgres/index.js';
import { consume } from '../../../src/subscription/consume.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { describeWith } from '../../requires.js';
import { hasPostgres, postgresName } from '../../support/postgres.js';
import { Prices } from '../../support/prices.js';
import { Database } from './database.js';

describeWith(postgresName, hasPostgres, 'a consumer that writes to Postgres', () => {
  let database: Database;
  beforeAll(async () => {
    database = await Database.start();
  });
  afterAll(() => database?.server.remove());

  async function market(schema: string) {
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
    const store = postgresStore(database.server.pool(), { schema });
    const start = () =>
      consume(
        client.watch,
        'ledger',
        async ({ value }, tx) => {
          await tx.query(`INSERT INTO ${schema}.effects VALUES ($1)`, [`${value?.price}`]);
        },
        { store, logger: silentLogger },
      );
    const publish = (price: number) => server.topic(Prices.methods.watch).publish({ fish: 'cod', price });
    const at = async () =>
      (await database.admin.query(`SELECT epoch, seq::int, generation FROM ${schema}.consumers`)).rows[0];
    const effects = async (): Promise<string[]> =>
      (await database.admin.query(`SELECT name FROM ${schema}.effects`)).rows.map(({ name }) => name);
    return { start, publish, at, effects };
  }

  it('keeps the generation of its position, and is told when another one has that number', async () => {
    const schema = await database.schema();
    const { start, publish, at, effects } = await market(schema);
    const { epoch, generation } = await publish(1);
    const first = start();
    await expect.poll(effects).toEqual(['1']);
    await first.stop();
    expect(await at()).toEqual({ epoch, seq: 1, generation });
    expect(generation).toMatch(/^[0-9a-f]{16}$/);
    await publish(2);
    const second = start();
    await expect.poll(effects).toEqual(['1', '2']);
    await second.stop();

    await database.admin.query(`UPDATE ${schema}.consumers SET generation = '00000000000000aa'`);
    await publish(3);
    await expect(start().done).rejects.toMatchObject({ reason: 'UNRECOVERABLE' });
    expect(await effects()).toEqual(['1', '2']);
  });

  it('from before there were generations goes on, and has one from its next update on', async () => {
    const schema = await database.schema();
    const { start, publish, at, effects } = await market(schema);
    const { epoch } = await publish(1);
    const first = start();
    await expect.poll(effects).toEqual(['1']);
    await first.stop();
    // As the version before left it.
    await database.admin.query(`ALTER TABLE ${schema}.consumers DROP COLUMN generation;
      DELETE FROM ${schema}.version WHERE version > 2`);
    expect(await migratePostgres(database.admin, { schema })).toMatchObject({ from: 2, to: 3 });
    expect(await at()).toEqual({ epoch, seq: 1, generation: null });
    const { generation } = await publish(2);
    const second = start();
    await expect.poll(effects).toEqual(['1', '2']);
    await second.stop();
    expect(await at()).toEqual({ epoch, seq: 2, generation });
  });
});
