/** A commit to a log that is gone is refused with the reason, on both wires, and the next process goes on from the one before. */
import { expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import { Quotes as ThriftQuotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import type { Position } from '../../src/subscription/position.js';
import type { Subscription } from '../../src/subscription/subscriber/subscription.js';

it.each(['gRPC', 'Thrift'] as const)('over %s', async (wire) => {
  const server = createServer({ health: false, reflection: false, logger: silentLogger });
  const quotes = (wire === 'gRPC' ? Quotes : ThriftQuotes) as typeof Quotes;
  server.add(quotes, {});
  const bound = await server.listen(wire === 'gRPC' ? { grpc: '127.0.0.1:0' } : { thrift: '127.0.0.1:0' });
  const client = createClient(quotes, wire === 'gRPC' ? `grpc://${bound.grpc}` : `thrift://${bound.thrift}`, {
    logger: silentLogger,
  });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  for (let price = 1; price <= 5; price++)
    await server.topic(quotes.methods.prices).publish({ fish: 'cod', price, market: 1, seq: 0n });
  const subscribe = () =>
    client.prices.subscribe({}, { name: 'ledger', mode: 'EVERY', from: { seq: 1 } }) as Subscription<unknown>;
  const first = subscribe();
  const told: unknown[] = [];
  first.on('committed', ({ position }) => told.push(position.seq));
  first.on('commitRefused', ({ position, error }) => told.push([position.seq, error.code, error.reason]));
  await expect.poll(() => first.position?.seq, { timeout: 10_000 }).toBe(5);
  const { epoch, generation } = first.position as Position;
  first.commit({ epoch, seq: 2, generation });
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1);
  first.commit({ epoch: 'ab'.repeat(16), seq: 4 });
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(2);
  first.commit({ epoch, seq: 3, generation: '0123456789abcdef' });
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(3);
  const refused = (seq: number) => [seq, 'FAILED_PRECONDITION', 'COMMIT_OF_OTHER_HISTORY'];
  expect(told).toEqual([2, refused(4), refused(3)]);
  first.unsubscribe();
  const again = client.prices.subscribe({}, { name: 'ledger', mode: 'EVERY', from: 'committed' });
  const next = await again[Symbol.asyncIterator]().next();
  expect(next.value?.seq).toBe(3);
});
