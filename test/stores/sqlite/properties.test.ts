/** Whatever runs beside whatever, and whichever statement fails: what was answered is there once, and nothing else is. */
import fc from 'fast-check';
import { RpcError, silentLogger } from 'hawser';
import { expect, it } from 'vitest';
import { type SqliteStore, type SqliteTransaction, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { runs } from '../../support/soak.js';
import { scratchPath } from './scratch-store.js';
import {
  createEffects,
  effect,
  effectsOf,
  keysOf,
  loopTurn,
  type Selling,
  sell,
  sqliteError,
  watchedDriver,
} from './selling.js';

const thrown = new Error('no fish');
const fail = (): never => {
  throw thrown;
};
const lateFail = async (): Promise<never> => {
  await loopTurn();
  throw thrown;
};
const swallow = (tx: SqliteTransaction): void => {
  try {
    tx.exec('INSERT INTO nowhere VALUES (1)');
  } catch {
    // A handler may look away.
  }
};

const handlers: Readonly<Record<string, Selling>> = {
  'is done at once': {},
  'awaits nothing': { before: async () => {}, after: async () => {} },
  'waits and writes': { before: loopTurn },
  'writes and waits': { after: loopTurn },
  'writes and waits long': {
    after: async () => {
      await loopTurn();
      await loopTurn();
      await loopTurn();
    },
  },
  fails: { after: fail },
  'fails before it writes': { before: fail },
  'fails late': { after: lateFail },
  'looks away from an error': { before: swallow },
};

const call = fc.record({
  key: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 4 }),
  handler: fc.constantFrom(...Object.keys(handlers)),
  /** Turns of the event loop before it comes. */
  after: fc.nat({ max: 6 }),
});

const fault = fc.record({
  step: fc.nat({ max: 150 }),
  errcode: fc.constantFrom(5, 7, 8, 10, 13, 778, 1034),
  /** SQLite rolls back by itself after some of these. */
  rollsBack: fc.boolean(),
  /** The statement did its work, and only its answer is an error: a COMMIT that was written but not synced. */
  late: fc.boolean(),
});

interface Outcome {
  readonly name: string;
  readonly keyed: boolean;
  readonly ended: 'done' | 'nothing' | 'unknown';
}

async function run(store: SqliteStore, name: string, handler: string, keyed: boolean): Promise<Outcome> {
  try {
    if (keyed) {
      const execution = await sell(store, name, handlers[handler]);
      expect(execution.kind).not.toBe('running');
    } else {
      const { before, after } = handlers[handler] as Selling;
      await store.write(async (tx) => {
        if (before !== undefined) await before(tx);
        effect(tx, name);
        if (after !== undefined) await after(tx);
      });
    }
    return { name, keyed, ended: 'done' };
  } catch (error) {
    if (error === thrown) return { name, keyed, ended: 'nothing' };
    if (!(error instanceof RpcError)) throw error;
    expect(error.code).toBe('UNAVAILABLE');
    return { name, keyed, ended: error.disposition === 'not-executed' ? 'nothing' : 'unknown' };
  }
}

it('agrees with its answers', { timeout: 600_000 }, async () => {
  const { path } = scratchPath();
  let faults = new Map<number, { errcode: number; rollsBack: boolean; late: boolean }>();
  let step = 0;
  let struck = 0;
  const driver = watchedDriver((sql, db) => {
    if (faults.size === 0 || /PRAGMA|^ROLLBACK$|hawser_store/.test(sql)) return;
    step += 1;
    const found = faults.get(step);
    if (found === undefined) return;
    struck += 1;
    if (found.late && sql === 'COMMIT') {
      db.exec(sql);
      throw sqliteError(1034, 'disk I/O error');
    }
    if (found.rollsBack && db.isTransaction === true && found.errcode !== 5) db.exec('ROLLBACK');
    throw sqliteError(found.errcode, 'injected');
  });
  const store = sqliteStore(path, { logger: silentLogger, driver, groupLimit: 5, groupDelay: 1, busyTimeout: 10 });
  await createEffects(store);
  let round = 0;

  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 30 }),
      fc.array(fault, { maxLength: 4 }),
      async (calls, injected) => {
        round += 1;
        const prefix = `${round}-`;
        step = 0;
        faults = new Map(injected.map((one) => [one.step, one]));
        // One key is at work once at a time, as the interceptor sees to it.
        const lastOf = new Map<number, Promise<unknown>>();
        const outcomes = await Promise.all(
          calls.map(async ({ key, handler, after }, n) => {
            for (let turn = 0; turn < after; turn++) await loopTurn();
            if (key === null) return run(store, `${prefix}u${n}`, handler, false);
            const mine = (lastOf.get(key) ?? Promise.resolve()).then(() =>
              run(store, `${prefix}k${key}`, handler, true),
            );
            lastOf.set(key, mine);
            return mine;
          }),
        );
        faults = new Map();
        const count = (name: string) => effectsOf(path).filter((one) => one === name).length;
        const names = new Set(outcomes.map(({ name }) => name));
        for (const name of names) {
          const ends = outcomes.filter((one) => one.name === name).map(({ ended }) => ended);
          if (ends.includes('done')) expect(count(name), `${name}: ${ends}`).toBe(1);
          else if (ends.includes('unknown')) expect(count(name), `${name}: ${ends}`).toBeLessThanOrEqual(1);
          else expect(count(name), `${name}: ${ends}`).toBe(0);
        }
        const keyedEffects = effectsOf(path).filter((name) => name.startsWith(`${prefix}k`));
        expect(keysOf(path).filter((key) => key.startsWith(prefix))).toEqual(keyedEffects.sort());
        for (const { name, keyed } of outcomes) {
          if (!keyed) continue;
          await sell(store, name);
          expect(count(name)).toBe(1);
        }
      },
    ),
    { numRuns: runs(60) },
  );
  expect(struck).toBeGreaterThan(5);
  await store.close();
});
