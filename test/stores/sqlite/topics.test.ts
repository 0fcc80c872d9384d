import { describe } from 'vitest';
import { topicStoreConformance } from '../../subscription/topic-store-conformance.js';
import { scratchStore } from './scratch-store.js';

describe('a topic in an SQLite file keeps what every store of topics promises', () => {
  topicStoreConformance(async (spec, clock) => (await scratchStore({ clock, groupDelay: 0 })).store.topics.topic(spec));
});
