import { expect, test } from 'vitest';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { topicStoreConformance } from '../../subscription/topic-store-conformance.js';

topicStoreConformance((spec, clock) => memoryTopics(clock).topic(spec));

test('each start makes a log of another epoch', () => {
  const clock = new VirtualClock();
  const history = { count: 1, age: 1, bytes: 1 };
  const spec = { name: 'test/Topic', keyed: true, history, tombstones: 1, maxKeys: 1 };
  const [one, other] = [memoryTopics(clock).topic(spec), memoryTopics(clock).topic(spec)];
  expect(one.state().epoch).not.toBe(other.state().epoch);
});
