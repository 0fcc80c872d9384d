/** A script of calls of every kind, for tests that kill the store at some step of it. */
import type { SqliteStore } from '../../../src/stores/sqlite/index.js';
import { createEffects, effect, loopTurn, type Selling, sell } from './selling.js';

interface Step {
  readonly key: string;
  readonly how?: Selling;
}

const twice: Selling = {
  before: (tx) => {
    tx.exec('CREATE TABLE IF NOT EXISTS notes (text TEXT); INSERT INTO notes VALUES (1)');
    tx.prepare('DELETE FROM notes').run();
  },
};
const fails: Selling = {
  after: () => {
    throw new Error('no fish');
  },
};

/** Calls of one wave come at once. */
const waves: readonly (readonly Step[])[] = [
  [{ key: 'alone' }],
  [{ key: 'a' }, { key: 'b', how: twice }, { key: 'fails', how: fails }, { key: 'c' }],
  [{ key: 'a' }, { key: 'c' }],
  [{ key: 'd' }, { key: 'reads-late', how: { before: loopTurn } }, { key: 'e' }],
  [{ key: 'f' }, { key: 'writes-late', how: { method: 'Slow', after: loopTurn } }, { key: 'g' }],
  [{ key: 'h' }, { key: 'writes-late-again', how: { method: 'Slow', after: loopTurn } }, { key: 'i' }],
  [
    {
      key: 'fails-late',
      how: {
        method: 'Slow',
        after: async () => {
          await loopTurn();
          throw new Error('no fish');
        },
      },
    },
  ],
  [{ key: 'a' }, { key: 'j' }],
];

/** Keys whose handler always fails. */
export const never = ['fails', 'fails-late'];
/** Keys that have their effect once the script is through. */
export const lasting = [...new Set(waves.flat().map(({ key }) => key))].filter((key) => !never.includes(key));

export async function runWorkload(store: SqliteStore, acknowledge: (key: string) => void): Promise<void> {
  await createEffects(store);
  for (const wave of waves) {
    await Promise.allSettled(
      wave.map(async ({ key, how }) => {
        const execution = await sell(store, key, how);
        if (execution.kind !== 'running') acknowledge(key);
      }),
    );
    await store.write((tx) => effect(tx, 'unkeyed'));
    await store.expire(0, 10);
  }
}
