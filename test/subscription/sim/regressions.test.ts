/** Histories that were wrong once: in the protocol, in the code or in what the checker made of them. */
import { expect, test } from 'vitest';
import { check, describeViolations } from '../checker/check.js';
import { runHistory, type SimMode } from './run-history.js';

test.each<readonly [what: string, mode: SimMode, seed: string]>([
  ['a snapshot of a topic without keys is empty, and lacks nothing', 'EVERY without keys', 'EVERY without keys/2402'],
  ['a commit from before a snapshot is a place to go on from', 'EVERY', 'EVERY/4331'],
  ['what waits of a state that is void is not given out', 'EVERY', 'EVERY/760875362'],
  ['a credit of one and a long interval make liveness slow', 'EVERY without keys', 'EVERY without keys/494680508'],
])('%s', async (_, mode, seed) => {
  expect(describeViolations(check(await runHistory({ mode, seed })))).toBe('');
});
