/** A database file that is removed, renamed or replaced while it is open acknowledges nothing any more, and has one name. */
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sqliteDriver, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { HastyClock } from '../../support/hasty-clock.js';
import { startProgram } from '../../support/program.js';
import { scratchPath, scratchStore } from './scratch-store.js';
import { effectsOf, sell } from './selling.js';
import { topicSpec } from './topic-workload.js';

const files = ['', '-wal', '-shm'];
const refused = { code: 'UNAVAILABLE', reason: 'STORE_UNAVAILABLE' };

function copyOf(path: string): string {
  const db = sqliteDriver().open(path);
  db.exec(`VACUUM INTO '${path}.copy'`);
  db.close();
  return `${path}.copy`;
}

/** A store with one topic, each used once. */
async function working() {
  const clock = new HastyClock();
  const scratch = await scratchStore({ groupDelay: 0, clock });
  const topic = scratch.store.topics.topic(topicSpec);
  topic.open();
  const publish = async (text: string) =>
    (await topic.append([{ key: text, value: Buffer.from(text), ttl: 0 }]))[0]?.position;
  await sell(scratch.store, 'first');
  await publish('first');
  return { ...scratch, clock, topic, publish };
}

describe('a database file that is not in its place any more', () => {
  it('removed: neither keyed calls nor publications nor writes are acknowledged', async () => {
    const { store, path, publish, topic } = await working();
    for (const end of files) rmSync(path + end, { force: true });
    await expect(sell(store, 'a')).rejects.toMatchObject(refused);
    await expect(publish('a')).rejects.toMatchObject(refused);
    await expect(store.write(() => {})).rejects.toMatchObject(refused);
    await expect(sell(store, 'first')).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('market.db is gone; put it back'),
    });
    expect([topic.state().head, existsSync(path)]).toEqual([1, false]);
  });

  it('removed while a call runs: it is not acknowledged either', async () => {
    const { store, path } = await working();
    const call = sell(store, 'a', {
      after: () => {
        for (const end of files) rmSync(path + end, { force: true });
      },
    });
    await expect(call).rejects.toMatchObject({ ...refused, disposition: 'unknown' });
  });

  it('removed while a call holds the writer: no record is answered out of it', async () => {
    const { store, path, clock } = await working();
    let go = (): void => {};
    const held = await new Promise<{ readonly call: Promise<unknown> }>((holds) => {
      const call = sell(store, 'held', {
        after: () => {
          const waits = new Promise<void>((resolve) => (go = resolve));
          holds({ call });
          return waits;
        },
      });
    });
    clock.pass(20);
    for (const end of files) rmSync(path + end, { force: true });
    const again = sell(store, 'first');
    go();
    await expect(held.call).rejects.toMatchObject(refused);
    await expect(again).rejects.toMatchObject(refused);
  });

  it('renamed: nothing is acknowledged until it is back, and then nothing is lost or done twice', async () => {
    const { store, path, publish, topic } = await working();
    renameSync(path, `${path}.away`);
    for (const key of ['a', 'b']) await expect(sell(store, key)).rejects.toMatchObject(refused);
    await expect(publish('a')).rejects.toMatchObject(refused);
    renameSync(`${path}.away`, path);
    for (const key of ['first', 'a', 'b', 'c']) await sell(store, key);
    expect(await publish('c')).toMatchObject({ epoch: topic.state().epoch, seq: topic.state().head });
    expect(effectsOf(path)).toEqual(['first', 'a', 'b', 'c']);
  });

  it('replaced by a copy: goes on in that, in a new generation, and says so', async () => {
    const { store, path, publish, topic, clock } = await working();
    const copy = copyOf(path);
    await sell(store, 'a');
    const lost = await publish('a');
    let rewound = 0;
    topic.onRewound(() => (rewound += 1));
    clock.pass(20);
    renameSync(copy, path);
    await sell(store, 'b');
    const now = await publish('b');
    expect(effectsOf(path)).toEqual(['first', 'b']);
    expect([rewound, lost?.seq, now?.seq, lost?.epoch === now?.epoch]).toEqual([1, 2, 2, true]);
    expect(now?.generation).not.toBe(lost?.generation);
    await store.close();
    expect(effectsOf(path)).toEqual(['first', 'b']);
  });

  it("replaced by another store's file: refused until its own is back, and that other is not written to", async () => {
    const { store, path } = await working();
    const stranger = await scratchStore();
    await stranger.store.close();
    renameSync(path, `${path}.away`);
    renameSync(stranger.path, path);
    for (const key of ['a', 'b', 'c']) await expect(sell(store, key)).rejects.toMatchObject(refused);
    expect(() => store.read((tx) => tx.prepare('SELECT 1').get())).toThrow(/replaced|gone/);
    renameSync(path, stranger.path);
    renameSync(`${path}.away`, path);
    await sell(store, 'd');
    expect(stranger.effects()).toEqual([]);
    expect(effectsOf(path)).toContain('d');
  });

  it('without its log: nothing is acknowledged into the one that was removed, and nothing is lost', async () => {
    const { store, path, clock } = await working();
    clock.pass(300);
    rmSync(`${path}-wal`);
    await sell(store, 'a');
    expect(effectsOf(path)).toEqual(['first', 'a']);
    clock.pass(300);
    const running = sell(store, 'b', {
      after: () => {
        clock.pass(300);
        rmSync(`${path}-wal`);
      },
    });
    await expect(running).rejects.toMatchObject({ ...refused, disposition: 'unknown' });
    expect(await sell(store, 'b')).toMatchObject({ kind: 'recorded' });
    await sell(store, 'c');
    expect(effectsOf(path)).toEqual(['first', 'a', 'b', 'c']);
  });
});

describe('a database file with several names', () => {
  it('is opened by nobody else, in this process or another, until it has one', async () => {
    const { path, folder } = scratchPath();
    const owner = startProgram('test/stores/sqlite/crash-child.ts', [path, 'hold']);
    onTestFinished(() => void owner.kill('SIGKILL'));
    await once(owner.stdout, 'data');
    mkdirSync(join(folder, 'other'));
    const link = join(folder, 'other', 'name.db');
    linkSync(path, link);
    for (const name of [link, path])
      expect(() => sqliteStore(name)).toThrow(/has 2 names \(hard links\).*delete the other/);
    expect(existsSync(`${link}-owner`)).toBe(false);
    owner.kill('SIGKILL');
    await once(owner, 'close');
    rmSync(link);
    await sqliteStore(path, { logger: silentLogger }).close();
  });

  it('is found through a link that was there before it', async () => {
    const { path, folder } = scratchPath();
    const [link, loop] = [join(folder, 'link.db'), join(folder, 'loop.db')];
    symlinkSync('market.db', link);
    symlinkSync(loop, loop);
    const store = sqliteStore(link, { logger: silentLogger });
    onTestFinished(() => store.close());
    expect(store.path).toBe(path);
    expect(() => sqliteStore(path)).toThrow('is open in this process already');
    expect(() => sqliteStore(loop)).toThrow('it is a link that leads to itself');
  });
});
