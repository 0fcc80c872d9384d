/** A call that nobody waits for any more is not begun; one that comes just then must not pay for it. */
import { memoryStore, newIdempotencyKey, silentLogger } from 'hawser';
import { expect, it } from 'vitest';
import { Orders } from '../../gen/market/v1/market.rpc.js';
import type { IdempotencyStore } from '../../src/interceptors/idempotency-store.js';
import { rejection } from '../support/scripted.js';
import { deferred, served, settled } from '../support/served.js';

it('a call that attaches while an abandoned one is rolled back runs afresh', async () => {
  const memory = memoryStore({ logger: silentLogger });
  const [begin, rolledBack] = [deferred(), deferred()];
  const refused = deferred();
  const slow: IdempotencyStore = Object.assign(Object.create(memory), {
    async execute(...[record, work, beforeCommit]: Parameters<IdempotencyStore['execute']>) {
      await begin.promise;
      try {
        return await memory.execute(record, work, beforeCommit);
      } catch (error) {
        refused.resolve();
        await rolledBack.promise;
        throw error;
      }
    },
  });
  let runs = 0;
  const handlers = { placeOrder: () => ({ orderId: '', number: ++runs, total: 1 }) };
  const { client } = await served(Orders, handlers, { server: { store: slow } });
  const order = { orderId: newIdempotencyKey(), fish: 'halibut', pounds: 1 };
  const giveUp = new AbortController();
  const first = rejection(client.placeOrder(order, { signal: giveUp.signal }));
  await settled();
  giveUp.abort();
  await first;
  begin.resolve();
  await refused.promise;
  const second = client.placeOrder(order);
  await settled();
  rolledBack.resolve();
  expect(await second).toMatchObject({ number: 1 });
  expect(runs).toBe(1);
});
