/**
 * A crash at any step leaves a log that has all that was acknowledged, in which no group is cut, whose keys are what its
 * updates come to; no reader saw beyond it, and publishing everything again adds what is missing and nothing twice.
 */
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import type { LogUpdate } from '../../../src/subscription/topic-store.js';
import { startProgram } from '../../support/program.js';
import { scratchPath } from './scratch-store.js';
import { watchedDriver } from './selling.js';
import { everything, fullLog, openTopic, runAppends, topicSpec } from './topic-workload.js';

const textOf = ({ key, value }: LogUpdate): string => (value === undefined ? key : Buffer.from(value).toString());

/** Opens what a crash left behind, checks it against what was noted before, and publishes everything again. */
async function checkLeftover(path: string, notes: readonly string[]): Promise<void> {
  // What this store adds needs no power cut to test.
  const store = sqliteStore(path, { logger: silentLogger, synchronous: 'full', groupDelay: 0 });
  try {
    const topic = openTopic(store);
    const { epoch, head, first } = topic.state();
    for (const note of notes) {
      const [kind, one = '', two = ''] = note.split(' ');
      if (kind === 'ack') {
        expect(Number(one), note).toBeLessThanOrEqual(head);
        expect(fullLog[Number(one) - 1]).toBe(two);
      } else {
        expect(one, 'the epoch goes on').toBe(epoch);
        expect(Number(two), 'no reader saw beyond the log').toBeLessThanOrEqual(head);
      }
    }
    const log = (await topic.read(first - 1, everything))?.updates ?? [];
    expect(log.map(textOf)).toEqual(fullLog.slice(first - 1, head));
    expect(log.at(-1)?.more ?? false, 'no group is cut').toBe(false);
    await checkKeys(path, head);
    const scanned = (await topic.scan(undefined, everything)).updates.map(textOf).sort();
    expect(scanned).toEqual(fold(head));
    await runAppends(store, topic, () => {});
    expect(topic.state().head).toBe(fullLog.length);
    expect((await topic.scan(undefined, everything)).updates.map(textOf).sort()).toEqual(fold(fullLog.length));
  } finally {
    await store.close();
  }
}

function fold(head: number): string[] {
  const keys = new Map<string, string>();
  for (const text of fullLog.slice(0, head)) keys.set(text.split('=')[0] ?? '', text);
  return [...keys.values()].filter((text) => text.includes('=')).sort();
}

/** What the tables say of themselves: counts are right, and no update is kept that neither log nor key needs. */
async function checkKeys(path: string, head: number): Promise<void> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const row = db.prepare('SELECT * FROM hawser_topics WHERE name = ?').get(topicSpec.name) as
      | { first: number; keys: number; tombstones: number; bytes: number }
      | undefined;
    if (row === undefined) return expect(head).toBe(0);
    const one = (sql: string): number => (db.prepare(`SELECT (${sql}) AS v`).get() as { v: number }).v;
    expect(one('SELECT count(*) FROM hawser_keys')).toBe(row.keys);
    expect(one('SELECT count(*) FROM hawser_keys WHERE deleted = 1')).toBe(row.tombstones);
    expect(one(`SELECT coalesce(sum(length(value)), 0) FROM hawser_updates WHERE seq >= ${row.first}`)).toBe(row.bytes);
    expect(
      one(`SELECT count(*) FROM hawser_updates u WHERE seq < ${row.first}
           AND NOT EXISTS (SELECT 1 FROM hawser_keys k WHERE k.key = u.key AND k.seq = u.seq)`),
    ).toBe(0);
    expect(one('SELECT count(*) FROM hawser_keys WHERE seq NOT IN (SELECT seq FROM hawser_updates)')).toBe(0);
  } finally {
    db.close();
  }
}

describe('the log of a topic in an SQLite file whose process dies', () => {
  it('before any statement has what was acknowledged, whole', async () => {
    const { path, folder } = scratchPath();
    const steps: { readonly at: string; readonly path: string; readonly notes: readonly string[] }[] = [];
    const notes: string[] = [];
    const take = (at: string): void => {
      const copy = join(folder, `step${steps.length}.db`);
      for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
      steps.push({ at, path: copy, notes: [...notes] });
    };
    const store = sqliteStore(path, { logger: silentLogger, driver: watchedDriver(take) });
    await runAppends(store, openTopic(store), (note) => notes.push(note));
    take('the end');
    await store.close();
    expect(steps.length).toBeGreaterThan(100);
    expect(steps.filter(({ at }) => at === 'COMMIT').length).toBeGreaterThan(6);
    for (const [n, step] of steps.entries()) {
      await checkLeftover(step.path, step.notes).catch((error: unknown) => {
        throw new Error(`killed before step ${n}, ${step.at}`, { cause: error });
      });
    }
  }, 180_000);

  it('while it writes its write-ahead log, torn at any place, has what was acknowledged', async () => {
    const { path, folder } = scratchPath();
    const store = sqliteStore(path, { logger: silentLogger });
    const noted: { readonly note: string; readonly length: number }[] = [];
    await runAppends(store, openTopic(store), (note) => {
      noted.push({ note, length: statSync(`${path}-wal`).size });
    });
    const db = readFileSync(path);
    const wal = readFileSync(`${path}-wal`);
    await store.close();
    const frame = 4096 + 24;
    let number = 0;
    for (let at = 32; at <= wal.length; at += frame) {
      for (const length of [at, at - 1, at + 700]) {
        const copy = join(folder, `torn${number++}.db`);
        writeFileSync(copy, db);
        const rubbish = number % 2 === 0 ? Buffer.alloc(3_000, number) : Buffer.alloc(0);
        writeFileSync(`${copy}-wal`, Buffer.concat([wal.subarray(0, length), rubbish]));
        const notes = noted.filter((one) => one.length <= length).map(({ note }) => note);
        await checkLeftover(copy, notes);
      }
    }
    expect(number).toBeGreaterThan(50);
  }, 180_000);

  it.each([30, 90, 150])(
    'by a real SIGKILL before statement %i has what was acknowledged',
    async (n) => {
      const { path } = scratchPath();
      const child = startProgram('test/stores/sqlite/topics-child.ts', [path, `${n}`]);
      let output = '';
      child.stdout.on('data', (data) => {
        output += data;
      });
      const [, signal] = await once(child, 'close');
      expect(signal).toBe('SIGKILL');
      await checkLeftover(
        path,
        output.split('\n').filter((line) => line !== ''),
      );
    },
    180_000,
  );
});
