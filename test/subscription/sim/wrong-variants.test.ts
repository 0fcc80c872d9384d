/**
 * Ways to hand a snapshot over to the stream, and to go on after a loss, that look right and are not. Each is found within a few
 * hundred histories, so the simulator and the checker see what they are for.
 */
import { expect, it } from 'vitest';
import type { ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import { StoreTime } from '../../../src/subscription/store-time.js';
import { check } from '../checker/check.js';
import { LogIndex } from '../checker/log.js';
import type { Tamper, TamperUp } from './link.js';
import { type RunOptions, runHistory, type SimMode, simModes } from './run-history.js';

const modes: readonly SimMode[] = ['LATEST', 'EVERY'];

/** The state is taken to be consistent at the highest entry, not at the head when the reading ended. */
function highestEntry(): Tamper {
  let highest = 0;
  return (frame) => {
    for (const { item } of frame.items) {
      if (item?.$case === 'snapshotBegin') highest = item.value.at;
      else if (item?.$case === 'snapshotChunk') {
        for (const { seq } of item.value.entries) highest = Math.max(highest, seq);
      } else if (item?.$case === 'snapshotEnd') item.value.consistentAt = highest;
    }
    return frame;
  };
}

it('a snapshot that counts as consistent at its highest entry shows a key that was deleted while it was read, or lacks one', async () => {
  for (let n = 0; n < 2000; n++) {
    const mode = modes[n % 2] as SimMode;
    const violations = check(await runHistory({ mode, seed: `variant/${n}`, tamper: highestEntry }));
    if (violations.length === 0) continue;
    expect(violations.map(({ invariant }) => invariant)).toContain('INV7');
    return;
  }
  expect.fail('nothing was found');
}, 120_000);

it('a delta that is sent before the snapshot is consistent may have no base', async () => {
  for (let n = 0; n < 2000; n++) {
    const seed = `variant/${n}`;
    const staged: { readonly held: ReadonlySet<string>; readonly frame: ServerFrame }[] = [];
    const history = await runHistory({ mode: 'EVERY', seed, tamper: () => watchStage(staged) });
    const logs = [...history.logs.values()].map((entries) => new LogIndex(entries));
    for (const { held, frame } of staged) {
      for (const { item } of frame.items) {
        if (item?.$case !== 'batch') continue;
        const alive = new Set(held);
        for (const { key, seq, tombstone } of item.value.updates) {
          // As a delta this update would say what changed since the one before it, which is in no entry.
          const base = logs.map((log) => log.newest(key, 0, seq - 1)).find((entry) => entry !== undefined);
          if (!tombstone && typeof base?.value === 'string' && !alive.has(key)) return;
          if (tombstone) alive.delete(key);
          else alive.add(key);
        }
      }
    }
  }
  expect.fail('every update before the snapshot was consistent had its base');
}, 120_000);

it.each([
  ['its generation', ['EVERY', 'LATEST'], 'generation'],
  ['what it holds beyond its position', ['EVERY', 'LATEST'], 'held'],
] as const)(
  'a resume that does not say %s is found out where a log was put back',
  async (_, modes, field) => {
    const tamperUp: TamperUp = ({ items }) => {
      for (const { item } of items) {
        if (item?.$case === 'subscribe' && item.value.start !== undefined) item.value.start[field] = undefined;
      }
    };
    for (let n = 0; n < 2000; n++) {
      const mode = modes[n % 2] as SimMode;
      const violations = check(await runHistory({ mode, seed: `variant/${n}`, tamperUp, restores: true }));
      if (violations.length === 0) continue;
      expect(['INV3', 'INV4', 'INV5', 'INV7', 'INV10', 'INV14']).toContain(violations[0]?.invariant);
      return;
    }
    expect.fail('nothing was found');
  },
  120_000,
);

it('a log whose time follows the time of day and never falls keeps keys for longer than their time', async () => {
  const time: RunOptions['time'] = (clock) => {
    let last = 0;
    return { now: () => (last = Math.max(last, Math.floor(clock.wallTime()))) };
  };
  for (let n = 0; n < 200; n++) {
    const violations = check(await runHistory({ mode: 'LATEST', seed: `variant/${n}`, clockSteps: true, time }));
    if (violations.length === 0) continue;
    expect(violations.map(({ invariant }) => invariant)).toContain('INV16');
    return;
  }
  expect.fail('nothing was found');
}, 120_000);

it('a log whose time falls to the clock of its store at a restart is found out', async () => {
  const time: RunOptions['time'] = (clock) => new StoreTime(clock);
  for (let n = 0; n < 200; n++) {
    const violations = check(await runHistory({ mode: 'LATEST', seed: `variant/${n}`, clockSteps: true, time }));
    if (violations.length === 0) continue;
    expect(violations.map(({ invariant }) => invariant)).toContain('INV16');
    return;
  }
  expect.fail('nothing was found');
}, 120_000);

/** A peer that knows nothing of generations. */
const older = {
  server: (): Tamper => (frame) => {
    for (const { item } of frame.items) {
      if (item !== undefined && 'generation' in item.value) item.value.generation = undefined;
      if (item?.$case === 'batch') item.value.aheadGeneration = undefined;
      if (item?.$case === 'commitOk' && item.value.position !== undefined) item.value.position.generation = undefined;
    }
    return frame;
  },
};

it('a server that says no generations is followed as ever', async () => {
  for (let n = 0; n < 200; n++) {
    const mode = simModes[n % 4] as SimMode;
    expect(check(await runHistory({ mode, seed: `older/${n}`, tamper: older.server }))).toEqual([]);
  }
}, 120_000);

/** A hub that speaks of its head with each sign of life at most. */
function tellsNoLag(): Tamper {
  return (frame) => ({ ...frame, items: frame.items.filter(({ item }) => item?.$case !== 'progress') });
}

/** Each part of a group is a batch of its own. */
function halfGroups(): Tamper {
  let from: number | undefined;
  return (frame) => {
    for (const { item } of frame.items) {
      if (item?.$case !== 'batch') continue;
      const { value } = item;
      if (from !== undefined) value.from = from;
      from = undefined;
      if (value.partial !== true) continue;
      value.partial = undefined;
      from = value.to = value.updates.at(-1)?.seq ?? value.to;
    }
    return frame;
  };
}

/** Says nothing of groups, so that an application stands wherever it stopped reading. */
const saysNoGroups = (): Tamper => (frame) => {
  for (const { item } of frame.items) {
    if (item?.$case === 'batch') for (const update of item.value.updates) update.groupTo = 0;
  }
  return frame;
};

it.each([
  ['tells no lag', tellsNoLag, 'INV17'],
  ['shows half a group', halfGroups, 'INV18'],
  ['does not say where a group ends', saysNoGroups, 'INV18'],
] as const)(
  'a hub that %s is found out',
  async (_, tamper, invariant) => {
    for (let n = 0; n < 500; n++) {
      const mode = simModes[n % 4] as SimMode;
      const violations = check(await runHistory({ mode, seed: `groups/${n}`, tamper }));
      if (violations.some((one) => one.invariant === invariant)) return;
    }
    expect.fail('nothing was found');
  },
  120_000,
);

/** Keeps the first frame of batches after each snapshot, with the keys that the snapshot holds. */
function watchStage(staged: { readonly held: ReadonlySet<string>; readonly frame: ServerFrame }[]): Tamper {
  let held = new Set<string>();
  let waits = false;
  return (frame) => {
    for (const { item } of frame.items) {
      if (item?.$case === 'snapshotBegin') held = new Set();
      else if (item?.$case === 'snapshotChunk') for (const { key } of item.value.entries) held.add(key);
      else if (item?.$case === 'snapshotEnd') waits = item.value.consistentAt > item.value.at;
      else if (item?.$case === 'batch' && waits) {
        waits = false;
        staged.push({ held: new Set(held), frame });
      }
    }
    return frame;
  };
}
