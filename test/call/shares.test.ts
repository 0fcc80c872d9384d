import { expect, test } from 'vitest';
import { refusals } from '../../src/call/refusals.js';
import { Shares } from '../../src/call/shares.js';

const terms = { what: 'streams open', option: 'limits.most', reason: 'TOO_MANY_STREAMS_OF_CALLER' } as const;

test('a caller gets its bound over all its connections, one connection three quarters of it, and another caller all of its own', () => {
  const shares = new Shares({ ...terms, most: 8 });
  const before = refusals(terms.reason);
  const take = (owner: string, connection?: string, amount = 1): boolean => {
    try {
      shares.take(owner, amount, connection);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: terms.reason, disposition: 'not-executed' });
      return false;
    }
  };
  expect([1, 2, 3, 4, 5, 6, 7].map(() => take('a', 'a:1'))).toEqual([true, true, true, true, true, true, false]);
  expect([take('a', 'a:2'), take('a', 'a:2'), take('a', 'a:2'), take('a')]).toEqual([true, true, false, false]);
  expect([take('b', 'a:1', 6), take('b', 'a:1'), take('b', 'b:2', 2)]).toEqual([true, false, true]);
  expect(refusals(terms.reason) - before).toBe(4);
  shares.give('a', 6, 'a:1');
  expect([take('a', 'a:2', 4), take('a', 'a:2'), take('a', 'a:1', 2)]).toEqual([true, false, true]);
  expect(() => shares.take('a', 1, 'a:3')).toThrow(
    'the caller (a) has 8 streams open at once and asks for one more; limits.most is 8',
  );
  for (const owner of ['a', 'b']) shares.give(owner, 8);
  expect(shares.owners).toBe(0);
});
