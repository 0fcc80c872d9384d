/**
 * Two ways to hand a snapshot over to the stream that look right and are not. Both are found within a few hundred histories,
 * so the simulator and the checker see what they are for.
 */
import { expect, it } from 'vitest';
import type { ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import { check } from '../checker/check.js';
import { LogIndex } from '../checker/log.js';
import type { Tamper } from './link.js';
import { runHistory, type SimMode } from './run-history.js';

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
