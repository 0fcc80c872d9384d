/** What a topic in an SQLite file is after a restart, and inside the transaction of a handler. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { type SqliteStoreOptions, sqliteDriver, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { noteStart } from '../../../src/stores/sqlite/restart.js';
import type { Append, TopicSpec } from '../../../src/subscription/topic-store.js';
import { scratchPath, scratchStore } from './scratch-store.js';
import { everything, topicSpec } from './topic-workload.js';

const put = (key: string, more: Partial<Append> = {}): Append => ({ key, value: Buffer.from(key), ttl: 0, ...more });

function opened(path: string, options: SqliteStoreOptions = {}, spec: TopicSpec = topicSpec) {
  const store = sqliteStore(path, { logger: silentLogger, groupDelay: 0, ...options });
  onTestFinished(() => store.close());
  const topic = store.topics.topic(spec);
  topic.open();
  return { store, topic };
}

describe('a topic in an SQLite file', () => {
  it('goes on in the same epoch after a restart, with its keys, its log and what producers published', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    for (let n = 1; n <= 9; n++) await one.topic.append([put(`k${n}`, { producer: { id: 'p\0', seq: n } })]);
    const before = one.topic.state();
    await one.store.close();
    const { topic } = opened(path);
    expect(topic.state()).toEqual(before);
    expect((await topic.scan(undefined, everything)).updates.length).toBe(9);
    expect(await topic.append([put('k9', { producer: { id: 'p\0', seq: 9 } })])).toMatchObject([
      { position: { seq: 9 }, duplicate: true },
    ]);
    expect(await topic.append([put('k9', { producer: { id: 'p', seq: 9 } })])).toMatchObject([{ duplicate: false }]);
  });

  it('knows after a restart which numbers of a producer it has, which were passed and which were refused', async () => {
    const { path } = scratchPath();
    const numbered = (seq: number, more: Partial<Append> = {}) => put('k', { producer: { id: 'p', seq }, ...more });
    const one = opened(path);
    for (const seq of [1, 2, 5]) await one.topic.append([numbered(seq)]);
    // Refused, so the number is not used up.
    await expect(one.topic.append([numbered(6, { expect: { keySeq: 99 } })])).rejects.toMatchObject({
      reason: 'EXPECTATION_FAILED',
    });
    await one.store.close();
    const two = opened(path);
    expect(await two.topic.append([numbered(2)])).toMatchObject([{ position: { seq: 2 }, duplicate: true }]);
    await expect(two.topic.append([numbered(4)])).rejects.toMatchObject({ reason: 'PRODUCER_SEQ_PASSED' });
    expect(await two.topic.append([numbered(6)])).toMatchObject([{ position: { seq: 4 }, duplicate: false }]);
    const group = Array.from({ length: 300 }, (_, n) => numbered(10 + n));
    const placed = await two.topic.append(group);
    await two.store.close();
    const { topic } = opened(path);
    expect(await topic.append(group)).toEqual(placed.map((at) => ({ ...at, duplicate: true })));
    expect(topic.state().head).toBe(304);
    // Too old to say: nothing is appended, and nothing is claimed.
    await expect(topic.append([numbered(5)])).rejects.toMatchObject({
      reason: 'PRODUCER_SEQ_PASSED',
      disposition: 'unknown',
    });
  });

  it('keeps its epoch though nothing was ever published', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    const { epoch } = one.topic.state();
    await one.store.close();
    expect(opened(path).topic.state().epoch).toBe(epoch);
  });

  it('has keys of any text, the empty one too', async () => {
    const keys = ['', '\0', 'a', 'a\0', 'a\0b', 'é', '🐟'];
    const { topic } = opened(scratchPath().path, {}, { ...topicSpec, history: { ...topicSpec.history, count: 1 } });
    for (const key of keys) await topic.append([put(key)]);
    const found: string[] = [];
    for (let cursor: string | undefined, more = true; more; ) {
      const page = await topic.scan(cursor, { count: 2, bytes: 1e9 });
      found.push(...page.updates.map(({ key }) => key));
      ({ cursor, more } = page);
    }
    expect(found.sort()).toEqual([...keys].sort());
    expect((await topic.get(keys)).map(({ key }) => key)).toEqual(keys);
  });

  it('reads from the file what is not in memory any more', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    await one.topic.append([put('a'), put('b')]);
    await one.topic.append([put('c')]);
    await one.store.close();
    const { topic } = opened(path);
    expect(await topic.read(0, { count: 1, bytes: 1 })).toMatchObject({
      updates: [
        { seq: 1, more: true },
        { seq: 2, more: false },
      ],
      more: true,
    });
    expect(await topic.changesSince(1, { count: 1, bytes: 1e9 })).toMatchObject({ updates: [{ seq: 2 }], more: true });
    expect(await topic.read(3, everything)).toEqual({ updates: [], more: false });
  });

  it('that asks for no durability is not in the file', async () => {
    const { path } = scratchPath();
    const one = opened(path, {}, { ...topicSpec, durability: 'NONE' });
    await one.topic.append([put('a')]);
    expect(one.topic.durability).toBe('NONE');
    await one.store.close();
    expect(opened(path).topic.state().head).toBe(0);
  });

  it('says that it cannot lose its keys', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    await one.topic.append([put('a')]);
    await one.store.close();
    expect(() => opened(path, {}, { ...topicSpec, keyed: false })).toThrow(/is kept with keys/);
  });

  it.each([
    ['in good order', true, 'later', true],
    ['by a crash of the process', false, 'now', true],
    ['by what may have been a power cut', false, 'later', false],
    ['on a machine that does not say when it started', false, '', false],
  ])('synchronous "normal", closed %s: same epoch %s', async (_, clean, boot, same) => {
    const { path } = scratchPath();
    const one = opened(path, { synchronous: 'normal' });
    await one.topic.append([put('a')]);
    const { epoch } = one.topic.state();
    await one.store.close();
    const db = sqliteDriver().open(path);
    db.prepare('UPDATE hawser_run SET boot = ?, clean = ?').run('now', clean ? 1 : 0);
    noteStart(db, 'full', boot);
    db.close();
    const { topic } = opened(path);
    expect(topic.state().epoch === epoch).toBe(same);
    expect(topic.state().head).toBe(1);
  });

  it('shows readers nothing of a group that does not commit, and goes on after it', async () => {
    const { store } = await scratchStore({ groupDelay: 0 });
    const topic = store.topics.topic(topicSpec);
    topic.open();
    const heads: number[] = [];
    topic.onVisible((head) => heads.push(head));
    await topic.append([put('a')]);
    await expect(topic.append([put('b'), put('c', { expect: { keySeq: 9 } })])).rejects.toMatchObject({
      reason: 'EXPECTATION_FAILED',
    });
    const both = [topic.append([put('b')]), topic.append([put('c', { expect: { seq: 2 } })])];
    await Promise.all(both);
    expect(heads.at(-1)).toBe(3);
    expect((await topic.read(0, everything))?.updates.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });
});
