/** Histories that were wrong once: in the protocol, in the code or in what the checker made of them. */
import { expect, test } from 'vitest';
import { check, describeViolations } from '../checker/check.js';
import { none } from './hardships.js';
import { type RunOptions, runHistory, type SimMode } from './run-history.js';

test.each<readonly [what: string, mode: SimMode, seed: string]>([
  ['a snapshot of a topic without keys is empty, and lacks nothing', 'EVERY without keys', 'EVERY without keys/2402'],
  ['a commit from before a snapshot is a place to go on from', 'EVERY', 'EVERY/4331'],
  ['what waits of a state that is void is not given out', 'EVERY', 'EVERY/760875362'],
  ['a credit of one and a long interval make liveness slow', 'EVERY without keys', 'EVERY without keys/494680508'],
])('%s', async (_, mode, seed) => {
  expect(describeViolations(check(await runHistory({ mode, seed, hardships: none })))).toBe('');
});

test.each<readonly [what: string, mode: SimMode, seed: string, store: RunOptions['store']]>([
  ['who repeats holds more than it was sent when the log falls to where it repeats', 'EVERY', '769370781', 'memory'],
  ['what is held beside a commit of another history is said', 'EVERY without keys', '204219819', 'memory'],
  ['what is held at the very number of such a commit is said', 'EVERY without keys', '451813765', 'memory'],
  [
    'a commit beyond what came again after a reset is no place to go on from',
    'EVERY without keys',
    '214432333',
    'memory',
  ],
  ['a file is copied while its server has not seen yet that it was put back', 'EVERY', '562000606', 'sqlite'],
  ['what runs ahead is in the log that it ran ahead in', 'LATEST', '742305937', 'sqlite'],
  ['credit that comes while a subscription waits for its store counts', 'LATEST', '599974071', 'sqlite'],
])('where copies are put back, %s', async (_, mode, seed, store) => {
  const options = { restores: true, store: store ?? 'memory', hardships: none } as const;
  const history = await runHistory({ mode, seed: `${mode}/${seed}`, ...options });
  expect(describeViolations(check(history))).toBe('');
});
