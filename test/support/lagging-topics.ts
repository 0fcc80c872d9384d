/** Stores whose reads answer with a promise, some ms later: as one in another thread or on a disk does. */

import type { TopicStore, TopicStores } from '../../src/subscription/topic-store.js';
import { seededRandom } from '../../src/testing/random.js';
import type { VirtualClock } from '../../src/testing/virtual-clock.js';

export function laggingTopics(stores: TopicStores, clock: VirtualClock, seed: number): TopicStores {
  const random = seededRandom(seed);
  const later = <T>(answer: () => T): Promise<T> =>
    new Promise((resolve) => {
      // What is read is as of some moment on the way.
      const ms = Math.floor(random.next() * 4);
      clock.setTimer(() => {
        const value = answer();
        clock.setTimer(() => resolve(value), Math.floor(random.next() * 4));
      }, ms);
    });
  return {
    durability: stores.durability,
    close: () => stores.close(),
    topic: (spec) => {
      const store = stores.topic(spec);
      const lagging: TopicStore = {
        durability: store.durability,
        open: () => store.open(),
        state: () => store.state(),
        append: (group) => store.append(group),
        read: (after, limits) => later(() => store.read(after, limits) as never),
        scan: (cursor, limits) => later(() => store.scan(cursor, limits) as never),
        changesSince: (seq, limits) => later(() => store.changesSince(seq, limits) as never),
        get: (keys) => later(() => store.get(keys) as never),
        before: (time) => later(() => store.before(time) as never),
        trim: () => store.trim(),
        now: () => store.now(),
        expiresIn: () => store.expiresIn(),
        onVisible: (fn) => store.onVisible(fn),
        onRewound: (fn) => store.onRewound(fn),
        close: () => store.close(),
      };
      return lagging;
    },
  };
}
