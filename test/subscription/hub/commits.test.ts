/** The room for committed positions, shared by callers. */
import { expect, it } from 'vitest';
import { Commits } from '../../../src/subscription/hub/commits.js';

const at = (seq: number) => ({ epoch: new Uint8Array(16), seq, generation: undefined });
const topic = 'test.Prices/Watch';

it('forgets of one caller the positions that it committed longest ago, and of others none', () => {
  const commits = new Commits();
  commits.set('ada', 'principal ada', 'till', topic, at(7));
  for (let i = 0; i < 20_000; i++) commits.set('mallory', 'principal mallory', `name ${i}`, topic, at(i));
  expect(commits.get('ada', 'till', topic)?.seq).toBe(7);
  expect(commits.get('mallory', 'name 18999', topic)).toBeUndefined();
  expect(commits.get('mallory', 'name 19000', topic)?.seq).toBe(19_000);
});

it('counts callers that say no name by where they come from, and finds their positions from anywhere', () => {
  const commits = new Commits();
  commits.set('', 'address 10.0.0.1', 'till', topic, at(7));
  for (let i = 0; i < 2_000; i++) commits.set('', 'address 10.0.0.2', `name ${i}`, topic, at(i));
  expect(commits.get('', 'till', topic)?.seq).toBe(7);
  commits.set('', 'address 10.0.0.3', 'till', topic, at(8));
  expect(commits.get('', 'till', topic)?.seq).toBe(8);
});

it('holds so many positions in all, the newest, and one anew is the newest', () => {
  const commits = new Commits();
  for (let i = 0; i < 10_000; i++) commits.set(`p${i}`, `principal p${i}`, 'till', topic, at(i));
  commits.set('p0', 'principal p0', 'till', topic, at(1));
  commits.set('one more', 'principal one more', 'till', topic, at(2));
  expect([commits.get('p0', 'till', topic)?.seq, commits.get('p1', 'till', topic)]).toEqual([1, undefined]);
});

it('keeps nothing without a name, or under one that is too long', () => {
  const commits = new Commits();
  commits.set('ada', 'principal ada', '', topic, at(1));
  commits.set('ada', 'principal ada', 'x'.repeat(1025), topic, at(1));
  expect([commits.get('ada', '', topic), commits.get('ada', 'x'.repeat(1025), topic)]).toEqual([undefined, undefined]);
});
