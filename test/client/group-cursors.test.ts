/** Where an application stands that is inside an atomic group: before it, until it has taken all of it that it gets. */
import { expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import type { Codec } from '../../src/contract/codec.js';
import { topicStream } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { createServer } from '../../src/server/create-server.js';
import { sqliteStore } from '../../src/stores/sqlite/sqlite-store.js';
import { type Price, Prices } from '../support/prices.js';
import { scratchFolder } from '../support/scratch.js';

function fishIn(idl: 'proto' | 'thrift') {
  const { request, response } = (idl === 'proto' ? Prices.methods.watch : Quotes.methods.prices) as unknown as {
    readonly request: Codec<object>;
    readonly response: Codec<Price>;
  };
  const policy = { topic: { key: 'fish', mode: 'EVERY', recovery: 'PRECISE' } } as const;
  const every = topicStream<{ keys?: string[] }, Price>({ name: 'every', request, response, policy, topicKey: 'fish' });
  return defineService({ name: 'test.GroupedFish', idl, fingerprint: '', methods: { every } });
}

const services = { grpc: fishIn('proto'), thrift: fishIn('thrift') };

it.each([
  ['grpc', 'memory', []],
  ['grpc', 'sqlite', ['a', 'b']],
  ['thrift', 'memory', ['a', 'b']],
  ['thrift', 'sqlite', []],
] as const)('over %s, from a log in %s, with the keys %j', async (wire, kept, keys) => {
  const folder = scratchFolder('group-cursors');
  const store = kept === 'sqlite' ? { store: sqliteStore(`${folder.path}/topics.db`) } : {};
  const service = services[wire];
  const server = createServer({ logger: silentLogger, health: false, ...store }).add(service, {});
  const bound = (await server.listen({ [wire]: '127.0.0.1:0' })) as Record<typeof wire, string>;
  const client = createClient(service, `${wire}://${bound[wire]}`, { logger: silentLogger });
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
    folder.remove();
  });
  const topic = server.topic(service.methods.every);
  const price = (fish: string): Price => ({ fish, price: 1 });
  await topic.publish(price('a'));
  // The last one of the group is of a key that is not always asked for.
  await topic.publishAll([price('a'), price('b'), price('c')]);
  await topic.publish(price('a'));
  const subscription = client.every.subscribe({ keys: [...keys] }, { from: { seq: 1 } });
  const stood: unknown[] = [];
  for await (const { seq } of subscription) {
    stood.push([seq, client.$exportCursors().subscriptions[0]?.position.seq]);
    if (seq === 5) break;
  }
  const inside =
    keys.length === 0
      ? [
          [3, 1],
          [4, 4],
        ]
      : [[3, 4]];
  expect(stood).toEqual([[1, 1], [2, 1], ...inside, [5, 5]]);
});
