import { expect, it } from 'vitest';
import { Generations, newGeneration, ofOneGeneration } from '../../src/subscription/generation.js';
import type { LogUpdate } from '../../src/subscription/topic-store.js';

const rows = new Generations([
  { name: 'a', first: 1 },
  { name: 'b', first: 4 },
  { name: 'c', first: 5 },
]);

it('knows which generation owns an update, and up to where', () => {
  expect([0, 1, 3, 4, 5, 99].map((seq) => rows.ownerOf(seq))).toEqual([undefined, 'a', 'a', 'b', 'c', 'c']);
  expect([1, 3, 4, 5].map((seq) => rows.endOf(seq))).toEqual([3, 3, 4, Number.POSITIVE_INFINITY]);
  expect(Generations.none.ownerOf(1)).toBeUndefined();
});

it('takes the place of a generation that owns nothing', () => {
  expect(rows.begin('d', 5, 0).rows.map(({ name }) => name)).toEqual(['a', 'b', 'd']);
  expect(rows.begin('d', 6, 0).rows.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  expect(rows.begin('d', 2, 0).rows.map(({ name }) => name)).toEqual(['a', 'd']);
});

it('keeps the owners of all that a reader can go on from, and a few more', () => {
  let some = Generations.none;
  for (let n = 1; n <= 2_000; n++) some = some.begin(newGeneration(), n, n - 11);
  expect(some.rows.length).toBe(256);
  expect(some.rows[0]?.first).toBe(2_000 - 255);
  let long = Generations.none;
  for (let n = 1; n <= 2_000; n++) long = long.begin(newGeneration(), n, Math.max(0, n - 1_000));
  expect(long.rows.length).toBe(1_001);
  expect(long.ownerOf(1_000)).toBeDefined();
  expect(long.ownerOf(999)).toBeUndefined();
});

it('keeps ten thousand rows at most, whatever they own', () => {
  const many = new Generations(Array.from({ length: 10_000 }, (_, n) => ({ name: newGeneration(), first: n + 1 })));
  const more = many.begin('newest', 20_000, 0);
  expect([more.rows.length, more.ownerOf(1), more.ownerOf(2), more.newest]).toEqual([
    10_000,
    undefined,
    many.ownerOf(2),
    'newest',
  ]);
});

it('cuts a page where a generation ends', () => {
  const updates = [2, 3, 4, 5].map((seq) => ({ seq }) as LogUpdate);
  const seqs = (from: number) => ofOneGeneration({ updates: updates.slice(from), more: false }, rows);
  expect(seqs(0)).toMatchObject({ updates: [{ seq: 2 }, { seq: 3 }], more: true });
  expect(seqs(2)).toMatchObject({ updates: [{ seq: 4 }], more: true });
  expect(seqs(3)).toMatchObject({ updates: [{ seq: 5 }], more: false });
  expect(ofOneGeneration({ updates: [], more: false }, rows)).toEqual({ updates: [], more: false });
});
