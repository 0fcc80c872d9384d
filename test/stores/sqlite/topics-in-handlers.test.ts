/** A publication inside the transaction of a KEYED handler: an outbox that needs no table. */
import { expect, it, onTestFinished } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { runInCall } from '../../../src/call/current.js';
import type { Append } from '../../../src/subscription/topic-store.js';
import { scratchStore } from './scratch-store.js';
import { loopTurn, sell } from './selling.js';
import { everything, topicSpec } from './topic-workload.js';

const put = (key: string): Append => ({ key, value: Buffer.from(key), ttl: 0 });

it('reaches readers when the handler commits, never when it fails, and others take its place in the log', async () => {
  const { store, effects } = await scratchStore({ groupDelay: 0 });
  const topic = store.topics.topic(topicSpec);
  topic.open();
  onTestFinished(() => topic.close());
  const publishing = (key: string, fails: boolean) =>
    sell(store, key, {
      after: (tx) =>
        runInCall({ tx } as unknown as Call, async () => {
          const head = topic.state().head;
          expect(await topic.append([put(key)])).toMatchObject([{ duplicate: false }]);
          await loopTurn();
          expect(topic.state().head, 'not shown before the commit').toBe(head);
          if (fails) throw new Error('no');
        }),
    });
  await topic.append([put('a')]);
  await publishing('b', false);
  expect(topic.state().head).toBe(2);
  await expect(publishing('c', true)).rejects.toThrow('no');
  expect(topic.state().head).toBe(2);
  await Promise.allSettled([publishing('d', true), topic.append([put('e')]), publishing('f', false)]);
  expect((await topic.read(0, everything))?.updates.map(({ key, seq }) => [seq, key])).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'e'],
    [4, 'f'],
  ]);
  expect(effects()).toEqual(['b', 'f']);
});
