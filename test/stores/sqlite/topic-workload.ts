/** Appends of every kind to a short log, and what must be true of a file that they were cut off in. */
import type { SqliteStore } from '../../../src/stores/sqlite/index.js';
import type { Append, TopicSpec, TopicStore } from '../../../src/subscription/topic-store.js';

export const topicSpec: TopicSpec = {
  name: 'test/Crash',
  keyed: true,
  history: { count: 6, age: Number.POSITIVE_INFINITY, bytes: 1e9 },
  tombstones: 2,
  maxKeys: 100,
};
export const everything = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export function openTopic(store: SqliteStore): TopicStore {
  const topic = store.topics.topic(topicSpec);
  topic.open();
  return topic;
}

/** One group each: `a=1` puts, `a` deletes. */
const groups: readonly (readonly string[])[] = [
  ['a=1'],
  ['b=2', 'c=3'],
  ['a=4'],
  ['b'],
  ['d=5', 'e=6', 'f=7'],
  ['c'],
  ['d'],
  ['b=8'],
  ['a'],
  ['g=9'],
];

/** `note` hears `ack <seq> <text>` for what was answered, and `saw <epoch> <head>` for what readers were shown. */
export async function runAppends(store: SqliteStore, topic: TopicStore, note: (line: string) => void): Promise<void> {
  topic.onVisible((head) => note(`saw ${topic.state().epoch} ${head}`));
  const publish = async (texts: readonly string[], number: number): Promise<void> => {
    const group = texts.map((text, index): Append => {
      const [key = '', value] = text.split('=');
      const producer = { id: 'child', seq: number * 10 + index + 1 };
      return { key, value: value === undefined ? undefined : Buffer.from(text), ttl: 0, producer };
    });
    const appended = await topic.append(group);
    for (const [index, { position }] of appended.entries()) note(`ack ${position.seq} ${texts[index]}`);
  };
  // Alone, and then several of a kind in one group of the writer, beside a write of somebody else.
  for (const [number, texts] of groups.slice(0, 6).entries()) await publish(texts, number);
  await Promise.all([
    ...groups.slice(6).map((texts, index) => publish(texts, 6 + index)),
    store.write((tx) => tx.exec('CREATE TABLE IF NOT EXISTS other (x)')),
  ]);
}

/** All groups, as one log. */
export const fullLog: readonly string[] = groups.flat();
