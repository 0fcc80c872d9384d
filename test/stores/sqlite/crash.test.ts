/**
 * A crash at any step leaves a file in which an answered key has its effect once, every other key not at all or once, and
 * a record stands for each effect.
 */
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from 'hawser';
import { seededRandom } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { startProgram } from '../../support/program.js';
import { scratchPath } from './scratch-store.js';
import { effectsOf, keysOf, sell, watchedDriver } from './selling.js';
import { lasting, never, runWorkload } from './workload.js';

/** Checks a file that nobody has open, and then runs everything again on it, as clients do that were not answered. */
async function checkLeftover(path: string, acknowledged: ReadonlySet<string>): Promise<void> {
  // What this store adds needs no power cut to test.
  const store = sqliteStore(path, { logger: silentLogger, synchronous: 'normal' });
  const keyed = () =>
    effectsOf(path)
      .filter((name) => name !== 'unkeyed')
      .sort();
  try {
    const tables = store.read((tx) => tx.prepare("SELECT name FROM sqlite_master WHERE name = 'effects'").all());
    if (tables.length > 0) {
      expect(keyed(), 'a record for each effect, an effect for each record').toEqual(keysOf(path));
      expect(keyed(), 'what was answered is there').toEqual(expect.arrayContaining([...acknowledged]));
      expect(keyed().filter((key) => never.includes(key))).toEqual([]);
    } else expect([...acknowledged]).toEqual([]);
    await runWorkload(store, () => {});
    expect(keyed()).toEqual([...lasting].sort());
  } finally {
    await store.close();
  }
}

interface Snapshot {
  readonly at: string;
  readonly path: string;
  readonly acknowledged: ReadonlySet<string>;
}

const ends = ['', '-wal'];

/** The files as they are before each statement of the workload, and at its end. */
async function everyStep(): Promise<Snapshot[]> {
  const { path, folder } = scratchPath();
  const snapshots: Snapshot[] = [];
  const acknowledged = new Set<string>();
  const take = (at: string): void => {
    const copy = join(folder, `step${snapshots.length}.db`);
    for (const end of ends) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
    snapshots.push({ at, path: copy, acknowledged: new Set(acknowledged) });
  };
  const store = sqliteStore(path, { logger: silentLogger, driver: watchedDriver(take) });
  await runWorkload(store, (key) => acknowledged.add(key));
  take('the end');
  await store.close();
  return snapshots;
}

describe('an SQLite store whose process dies', () => {
  it('before any statement of a workload keeps each effect once', async () => {
    const snapshots = await everyStep();
    expect(snapshots.length).toBeGreaterThan(100);
    expect(snapshots.filter(({ at }) => at === 'COMMIT').length).toBeGreaterThan(10);
    for (const [n, { at, path, acknowledged }] of snapshots.entries()) {
      await checkLeftover(path, acknowledged).catch((error: unknown) => {
        throw new Error(`killed before step ${n}, ${at}`, { cause: error });
      });
    }
    expect(snapshots.at(-1)?.acknowledged).toEqual(new Set(lasting));
  }, 180_000);

  it('while it writes its log, torn at any place or followed by rubbish, keeps each effect once', async () => {
    const { path, folder } = scratchPath();
    const store = sqliteStore(path, { logger: silentLogger });
    /** How long the log was when a key was answered. */
    const answered: (readonly [key: string, length: number])[] = [];
    await runWorkload(store, (key) => answered.push([key, statSync(`${path}-wal`).size]));
    const db = readFileSync(path);
    const wal = readFileSync(`${path}-wal`);
    await store.close();
    const random = seededRandom(7);
    const frame = 4096 + 24;
    const torn = new Set<number>();
    for (let at = 32; at <= wal.length; at += frame) for (const length of [at, at - 1, at + 700]) torn.add(length);
    let number = 0;
    for (const length of torn) {
      const copy = join(folder, `torn${number++}.db`);
      writeFileSync(copy, db);
      const rest = Buffer.from(Array.from({ length: 3_000 }, () => Math.floor(random.next() * 256)));
      const tail = number % 2 === 0 ? rest : Buffer.alloc(0);
      writeFileSync(`${copy}-wal`, Buffer.concat([wal.subarray(0, length), tail]));
      await checkLeftover(copy, new Set(answered.filter(([, end]) => end <= length).map(([key]) => key)));
    }
    expect(number).toBeGreaterThan(50);
  }, 180_000);

  it.each([40, 75, 110, 145])(
    'by a real SIGKILL before statement %i keeps each effect once',
    async (n) => {
      const { path } = scratchPath();
      const child = startProgram('test/stores/sqlite/crash-child.ts', [path, `${n}`]);
      let output = '';
      child.stdout.on('data', (data) => {
        output += data;
      });
      const [, signal] = await once(child, 'close');
      expect(signal).toBe('SIGKILL');
      await checkLeftover(path, new Set(output.split('\n').filter((key) => key !== '')));
    },
    180_000,
  );

  it('refuses a second process with a sentence, and lets it in when the first is dead', async () => {
    const { path } = scratchPath();
    const owner = startProgram('test/stores/sqlite/crash-child.ts', [path, 'hold']);
    await once(owner.stdout, 'data');
    expect(() => sqliteStore(path)).toThrow(
      /market\.db belongs to another process, which holds .*market\.db-owner; a database file has one server at a time\./,
    );
    expect(effectsOf(path)).toEqual(['held']);
    owner.kill('SIGKILL');
    await once(owner, 'close');
    const store = sqliteStore(path, { logger: silentLogger });
    expect(await sell(store, 'held')).toMatchObject({ kind: 'recorded' });
    await store.close();
    expect(effectsOf(path)).toEqual(['held']);
  }, 180_000);
});
