/** Subscribers of a server that is killed with -9, under the checker of the simulator. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import type { TopicSpec } from '../../../src/subscription/topic-store.js';
import { scratchFolder } from '../../support/scratch.js';
import { check, describeViolations } from '../checker/check.js';
import { KilledRun } from './run.js';
import type { kinds, StoreKind } from './topics.js';

const soak = process.env.HAWSER_SOAK !== undefined;
const clients = soak ? 67 : 17;
const perClient = 3;
const lives = soak ? 10 : 3;
/** Publications that a server answers at least before it is killed, and ms. */
const perLife = 200;
const life = soak ? 6000 : 2000;

async function run(store: StoreKind): Promise<KilledRun> {
  const folder = scratchFolder('killed');
  const seed = process.env.HAWSER_SEED ?? `killed/${store}`;
  const killed = await KilledRun.start({ store, folder: folder.path, seed, clients, every: soak ? 40 : 15 });
  onTestFinished(async () => {
    await killed.close();
    folder.remove();
  });
  await killed.connect();
  for (let n = 0; n < lives; n++) {
    if (n > 0) {
      await killed.kill();
      await killed.serve();
    }
    const before = killed.lines.length;
    const end = performance.now() + life;
    while (performance.now() < end || killed.lines.length < before + perLife) {
      await killed.disturb();
      await sleep(50);
    }
  }
  await killed.rest();
  return killed;
}

const timeout = (soak ? 1_200_000 : 240_000) + lives * life * 5;

test(`${clients * perClient} subscribers of a server whose logs die with it hear of every new log, and hold the last one`, {
  timeout,
}, async () => {
  const killed = await run('memory');
  await killed.tell();
  const { history } = killed;
  expect(describeViolations(check(history))).toBe('');
  expect(history.logs.size).toBe(lives * 3);
  const told = history.subscribers.flatMap(({ notes }) =>
    notes.filter((note) => note.type === 'reset' && note.reason === 'EPOCH_CHANGED'),
  );
  expect(told.length).toBeGreaterThan(clients);
});

test(`${clients * perClient} subscribers of a server whose logs outlive it lose nothing and see nothing that a kill took back`, {
  timeout,
}, async () => {
  const killed = await run('sqlite');
  const { history } = killed;
  await killed.tell(async (kind) => {
    const store = sqliteStore(killed.database, { logger: silentLogger });
    const log = store.topics.topic(specOf(kind));
    await log.open();
    const page = await log.read(0, { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY });
    await log.close();
    await store.close();
    return (page?.updates ?? []).map(({ seq, key, value }) => ({
      seq,
      key,
      value: value === undefined ? null : Buffer.from(value).toString(),
      t: 0,
    }));
  });
  expect(describeViolations(check(history))).toBe('');
  expect(history.logs.size).toBe(3);
  expect(history.acked.length).toBeGreaterThanOrEqual(lives * (perLife - 3));
  expect(history.subscribers.flatMap(({ notes }) => notes.filter(({ type }) => type === 'reset'))).toEqual([]);
});

function specOf(kind: (typeof kinds)[number]): TopicSpec {
  const history = { count: 1_000_000, age: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
  const name = `test.Sales/${kind[0]?.toUpperCase()}${kind.slice(1)}`;
  return { name, keyed: kind !== 'plain', durability: 'PROCESS', history, tombstones: 1_000_000, maxKeys: 1_000_000 };
}
