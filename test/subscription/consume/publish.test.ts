/** What a consumer's handler publishes: a part of its transaction, and never in its own way. */
import { silentLogger } from 'hawser';
import { expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../../src/client/create-client.js';
import { createServer } from '../../../src/server/create-server.js';
import { type Consumer, consume } from '../../../src/subscription/consume.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { scratchStore } from '../../stores/sqlite/scratch-store.js';
import { effect } from '../../stores/sqlite/selling.js';
import { Prices } from '../../support/prices.js';
import { Orders } from './ledger.js';

/** A server whose log of orders is in the file that its consumer writes to. */
async function shop() {
  const scratch = await scratchStore({ groupDelay: 0, holdLimit: 5_000 });
  const network = new MemoryNetwork();
  const server = createServer({ store: scratch.store, logger: silentLogger, reflection: false });
  server.add(Prices, {}).add(Orders, {});
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  await server.listen({ memory: network });
  const client = createClient(Prices, network, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  const { watch, sales } = Prices.methods;
  const start = (handler: Parameters<typeof consume<object, { price: number }, never>>[2]): Consumer => {
    const consumer = consume(client.sales, 'shop', handler as never, { store: scratch.store, logger: silentLogger });
    onTestFinished(() => consumer.stop());
    return consumer as Consumer;
  };
  return {
    ...scratch,
    start,
    sales: server.topic(sales),
    /** In the file. */
    orders: server.topic(Orders.methods.placed),
    /** In the server's memory. */
    prices: server.topic(watch),
  };
}

it('joins the transaction where the log is in the store of the consumer, and is not waited for', async () => {
  const { start, sales, orders, effects } = await shop();
  await sales.publish({ fish: 'cod', price: 1 });
  let seq = 0;
  const consumer = start(async ({ value }, tx) => {
    effect(tx, `sold for ${value?.price}`);
    ({ seq } = await orders.publish({ fish: 'eel', price: 7 }));
    expect(orders.head.seq, 'not shown before the commit').toBe(0);
  });
  await expect.poll(() => consumer.position?.seq, { timeout: 4_000 }).toBe(1);
  expect([seq, orders.head.seq, effects()]).toEqual([1, 1, ['sold for 1']]);
});

it('is not there when the handler fails, in the file or in memory, and once when it is run again', async () => {
  const { start, sales, orders, prices } = await shop();
  await sales.publish({ fish: 'cod', price: 1 });
  const failing = start(async () => {
    await orders.publish({ fish: 'eel', price: 7 });
    expect((await prices.publish({ fish: 'eel', price: 7 })).seq).toBe(0);
    throw new RangeError('no');
  });
  await expect(failing.done).rejects.toThrow('no');
  expect([orders.head.seq, prices.head.seq]).toEqual([0, 0]);
  const working = start(async () => {
    await orders.publish({ fish: 'eel', price: 8 });
    await prices.publish({ fish: 'eel', price: 8 });
  });
  await expect.poll(() => working.position?.seq, { timeout: 4_000 }).toBe(1);
  expect([orders.head.seq, prices.head.seq]).toEqual([1, 1]);
});

it('is refused once the handler is over and was rolled back', async () => {
  const { start, sales, prices } = await shop();
  await sales.publish({ fish: 'cod', price: 1 });
  let late: Promise<unknown> | undefined;
  const failing = start(async () => {
    late = new Promise((resolve) => setTimeout(resolve, 50))
      .then(() => prices.publish({ fish: 'eel', price: 7 }))
      .catch((error: unknown) => error);
    throw new RangeError('no');
  });
  await expect(failing.done).rejects.toThrow('no');
  expect(await late).toMatchObject({ reason: 'TRANSACTION_OVER' });
});

it('a write of its own to the store that a handler holds is refused at once, not waited for', async () => {
  const { start, sales, store } = await shop();
  await sales.publish({ fish: 'cod', price: 1 });
  const nesting = start(async () => {
    await undefined;
    await store.write(() => {});
  });
  await expect(nesting.done).rejects.toMatchObject({ reason: 'NESTED_TRANSACTION' });
});

it('store.write takes a publication along, too', async () => {
  const { store, orders, effects } = await shop();
  const write = (fails: boolean) =>
    store.write(async (tx) => {
      await undefined;
      effect(tx, 'x');
      await orders.publish({ fish: 'eel', price: 7 });
      if (fails) throw new RangeError('no');
    });
  await expect(write(true)).rejects.toThrow('no');
  expect([orders.head.seq, effects()]).toEqual([0, []]);
  await write(false);
  expect([orders.head.seq, effects()]).toEqual([1, ['x']]);
});
