/** Logs in memory that outlive the server they belong to, until `forget`. */
import { systemClock } from '../../src/call/clock.js';
import { MemoryTopicStore } from '../../src/stores/memory/topic-store.js';
import { newEpoch } from '../../src/subscription/position.js';
import type { TopicStores } from '../../src/subscription/topic-store.js';

export function keptTopics() {
  let kept = new Map<string, MemoryTopicStore>();
  const stores: TopicStores = {
    durability: 'PROCESS',
    topic: (spec) => {
      const store = kept.get(spec.name) ?? new MemoryTopicStore(spec, systemClock, newEpoch());
      kept.set(spec.name, store);
      return store;
    },
    close: () => {},
  };
  return { stores, forget: () => (kept = new Map()) };
}
