import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { createServer } from '../../src/server/create-server.js';
import { MemoryNetwork } from '../../src/transports/memory/network.js';
import { Prices } from '../support/prices.js';

it('a group that is published again is answered with where its updates are', async () => {
  const server = createServer({ logger: silentLogger });
  server.add(Prices, {});
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  await server.listen({ memory: new MemoryNetwork() });
  onTestFinished(() => server.close({ grace: 0 }));
  const topic = server.topic(Prices.methods.watch);
  const updates = [1, 2, 3].map((price) => ({ fish: 'cod', price }));
  const first = await topic.publishAll(updates, { producer: { id: 'p', seq: 1 } });
  expect(first.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(await topic.publishAll(updates, { producer: { id: 'p', seq: 1 } })).toEqual(first);
  await expect(topic.publishAll(updates, { producer: { id: 'p', seq: 3 } })).rejects.toMatchObject({
    code: 'ABORTED',
    reason: 'PRODUCER_SEQ_REUSED',
  });
  await topic.publishAll(updates, { producer: { id: 'p', seq: 11 } });
  await expect(topic.publish({ fish: 'cod', price: 9 }, { producer: { id: 'p', seq: 10 } })).rejects.toMatchObject({
    code: 'ABORTED',
    reason: 'PRODUCER_SEQ_PASSED',
  });
  expect(topic.head.seq).toBe(6);
});
