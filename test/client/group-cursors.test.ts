/** Where an application stands that is inside an atomic group: before it, until it has taken all of it that it gets. */
import { expect, it } from 'vitest';
import { fishServices, fishTopic, serveFish } from '../support/fish-topics.js';
import type { Price } from '../support/prices.js';

const services = fishServices('test.GroupedFish', (idl) => ({
  every: fishTopic(idl, 'every', { key: 'fish', mode: 'EVERY', recovery: 'PRECISE' }),
}));

it.each([
  ['grpc', 'memory', []],
  ['grpc', 'sqlite', ['a', 'b']],
  ['thrift', 'memory', ['a', 'b']],
  ['thrift', 'sqlite', []],
] as const)('over %s, from a log in %s, with the keys %j', async (wire, kept, keys) => {
  const { server, client, service } = await serveFish(services, wire, kept);
  const topic = server.topic(service.methods.every);
  const price = (fish: string): Price => ({ fish, price: 1 });
  await topic.publish(price('a'));
  // The last one of the group is of a key that is not always asked for.
  await topic.publishAll([price('a'), price('b'), price('c')]);
  await topic.publish(price('a'));
  const subscription = client.every.subscribe({ keys: keys.length === 0 ? 'all' : [...keys] }, { from: { seq: 1 } });
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
