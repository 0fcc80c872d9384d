/** Which run appended which update, in the tables of a store: over restarts, rollbacks, and files of older versions. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { sqliteDriver, sqliteStore } from '../../../src/stores/sqlite/index.js';
import type { Append, TopicSpec } from '../../../src/subscription/topic-store.js';
import { scratchPath } from './scratch-store.js';
import { everything, topicSpec } from './topic-workload.js';

const put = (key: string, more: Partial<Append> = {}): Append => ({ key, value: Buffer.from(key), ttl: 0, ...more });

function opened(path: string, spec: TopicSpec = topicSpec) {
  const store = sqliteStore(path, { logger: silentLogger, groupDelay: 0 });
  onTestFinished(() => store.close());
  const topic = store.topics.topic(spec);
  topic.open();
  const owners = () => {
    const { generations, head } = topic.state();
    return Array.from({ length: head }, (_, n) => generations.ownerOf(n + 1));
  };
  return { store, topic, owners };
}

function sql(path: string, text: string): unknown[] {
  const db = sqliteDriver().open(path);
  try {
    db.exec('PRAGMA busy_timeout = 5000');
    if (!text.startsWith('SELECT')) {
      db.exec(text);
      return [];
    }
    return db.prepare(text).all();
  } finally {
    db.close();
  }
}

describe('the generations of a topic in an SQLite file', () => {
  it('begin with the first update of each opening, and are the same after a restart', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    const [first] = await one.topic.append([put('a'), put('b')]);
    expect(one.owners()).toEqual([first?.position.generation, first?.position.generation]);
    await one.store.close();
    for (let n = 0; n < 3; n++) {
      const idle = opened(path);
      expect(idle.owners()).toEqual(one.owners());
      await idle.store.close();
    }
    const two = opened(path);
    const [third] = await two.topic.append([put('c')]);
    expect(two.owners()).toEqual([...one.owners(), third?.position.generation]);
    expect(new Set(two.owners()).size).toBe(2);
    expect(sql(path, 'SELECT first FROM hawser_generations')).toEqual([{ first: 1 }, { first: 3 }]);
  });

  it('begin anew where a rollback took the beginning', async () => {
    const { topic, owners } = opened(scratchPath().path);
    await expect(topic.append([put('a', { expect: { keySeq: 7 } })])).rejects.toThrow();
    const both = [
      topic.append([put('a')]),
      topic.append([put('b', { expect: { keySeq: 7 } })]),
      topic.append([put('c')]),
    ];
    await Promise.allSettled(both);
    const [known, again] = owners();
    expect(known).toMatch(/^[0-9a-f]{16}$/);
    expect(again).toBe(known);
  });

  it('are shared by all topics of one name in a store', async () => {
    const { store, topic, owners } = opened(scratchPath().path);
    const other = store.topics.topic(topicSpec);
    other.open();
    for (let n = 0; n < 10; n++) await (n % 2 === 0 ? topic : other).append([put('a')]);
    expect(new Set(owners()).size).toBe(1);
    expect(other.state()).toEqual(topic.state());
  });

  it('are dropped with the log they own, but for the last few hundred', { timeout: 120_000 }, async () => {
    const { path } = scratchPath();
    const spec: TopicSpec = { ...topicSpec, keyed: false, history: { ...topicSpec.history, count: 5 } };
    for (let n = 0; n < 300; n++) {
      const one = opened(path, spec);
      await one.topic.append([put('')]);
      await one.store.close();
    }
    const { topic } = opened(path, spec);
    expect(topic.state().generations.rows.length).toBe(256);
    expect(topic.state().generations.ownerOf(topic.state().head)).toBeDefined();
  });

  it('stay in a log that was cut by hand, whose updates are numbered on from there', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    for (const key of ['a', 'b', 'c']) await one.topic.append([put(key)]);
    const lost = one.topic.state();
    let rewound = 0;
    one.topic.onRewound(() => (rewound += 1));
    sql(
      path,
      'UPDATE hawser_topics SET head = 2; DELETE FROM hawser_updates WHERE seq > 2; DELETE FROM hawser_keys WHERE seq > 2',
    );
    const [third] = await one.topic.append([put('d')]);
    expect([rewound, third?.position.seq, one.topic.state().head]).toEqual([1, 3, 3]);
    expect(one.topic.state().generations.ownerOf(2)).toBe(lost.generations.ownerOf(2));
    expect(one.topic.state().generations.ownerOf(3)).not.toBe(lost.generations.ownerOf(3));
    const page = await one.topic.read(0, everything);
    expect(page?.updates.map(({ key }) => key)).toEqual(['a', 'b', 'd']);
  });

  it('are not all: a log whose epoch was changed is another one; one whose row is gone begins anew, in a new generation', async () => {
    const { path } = scratchPath();
    const { topic } = opened(path);
    await topic.append([put('a')]);
    const first = topic.state();
    sql(path, 'UPDATE hawser_topics SET epoch = lower(hex(randomblob(16)))');
    await topic.append([put('b')]);
    expect(topic.state().epoch).not.toBe(first.epoch);
    expect(topic.state().head).toBe(2);
    const rewound = vi.fn();
    topic.onRewound(rewound);
    sql(path, 'DELETE FROM hawser_topics; DELETE FROM hawser_updates; DELETE FROM hawser_keys');
    await topic.append([put('c')]);
    expect(topic.state()).toMatchObject({ epoch: first.epoch, head: 1 });
    expect(topic.state().generations.newest).not.toBe(first.generations.newest);
    expect(rewound).toHaveBeenCalledOnce();
  });

  it('a hole in the log is no silence', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    for (const key of ['a', 'b', 'c']) await one.topic.append([put(key)]);
    await one.store.close();
    sql(path, 'DELETE FROM hawser_updates WHERE seq = 2');
    const read = async () => opened(path).topic.read(0, everything);
    await expect(read()).rejects.toThrow('updates after 0 are missing in the log');
  });
});

/** The file as the version before generations left it. */
function asBefore(path: string): void {
  sql(
    path,
    `DROP TABLE hawser_generations; ALTER TABLE hawser_topics DROP COLUMN generation;
     ALTER TABLE hawser_consumers DROP COLUMN generation; UPDATE hawser_store SET version = 2`,
  );
}

describe('a file from before there were generations', () => {
  it('keeps its epoch, log, keys and consumers; all that it holds is of one generation', async () => {
    const { path } = scratchPath();
    const one = opened(path);
    for (const key of ['a', 'b', 'c'])
      await one.topic.append([put(key, { producer: { id: 'p', seq: key.charCodeAt(0) } })]);
    const at = { epoch: one.topic.state().epoch, seq: 2 };
    await one.store.write((tx) => one.store.offsets.move(tx, 'ledger', 'topic', undefined, { ...at }));
    await one.store.close();
    asBefore(path);
    const two = opened(path);
    expect(two.topic.state()).toMatchObject({ epoch: at.epoch, first: 1, head: 3 });
    const [owner, ...others] = two.owners();
    expect([owner, ...others]).toEqual([owner, owner, owner]);
    expect(owner).toMatch(/^[0-9a-f]{16}$/);
    expect((await two.topic.read(0, everything))?.updates.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    const [again] = await two.topic.append([put('c', { producer: { id: 'p', seq: 99 } })]);
    expect(again).toMatchObject({ duplicate: true, position: { seq: 3, generation: owner } });
    const moved = await two.store.write((tx) => {
      const found = two.store.offsets.find(tx, 'ledger', 'topic');
      const to = { epoch: at.epoch, seq: 3, generation: owner };
      return [
        found,
        two.store.offsets.move(tx, 'ledger', 'topic', at, to),
        two.store.offsets.find(tx, 'ledger', 'topic'),
      ];
    });
    expect(moved).toEqual([at, true, { epoch: at.epoch, seq: 3, generation: owner }]);
    const [fourth] = await two.topic.append([put('d')]);
    expect(fourth?.position.generation).not.toBe(owner);
  });
});
