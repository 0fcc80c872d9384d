import fc from 'fast-check';
import { seededRandom, systemRandom } from 'hawser/testing';
import { describe, expect, it } from 'vitest';

const draws = (random: { next(): number }, n = 100): number[] => Array.from({ length: n }, () => random.next());

describe('seeded chance', () => {
  it('repeats for a seed, and differs between seeds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.string()), fc.oneof(fc.integer(), fc.string()), (one, other) => {
        expect(draws(seededRandom(one))).toEqual(draws(seededRandom(one)));
        if (String(one) !== String(other))
          expect(draws(seededRandom(one), 4)).not.toEqual(draws(seededRandom(other), 4));
      }),
    );
  });

  it('gives the draws it always gave', () => {
    expect(draws(seededRandom(42), 3)).toMatchInlineSnapshot(`
      [
        0.1843416595365852,
        0.820036573568359,
        0.14132375130429864,
      ]
    `);
  });

  it('is in [0, 1) and even', () => {
    const random = seededRandom('even');
    const buckets = Array<number>(10).fill(0);
    for (const draw of draws(random, 100_000)) {
      if (!(draw >= 0 && draw < 1)) expect.unreachable(`${draw}`);
      buckets[Math.floor(draw * 10)]! += 1;
    }
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  it('gives whole numbers below n, each as often', () => {
    const random = seededRandom(1);
    const counts = Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) counts[random.int(6)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    expect(() => random.int(0)).toThrow('int(0): the number of values must be a whole number of 1 to 2^32');
    expect(() => random.int(1.5)).toThrow(RangeError);
  });

  it('picks from what is there', () => {
    expect(new Set(Array.from({ length: 100 }, (_, i) => seededRandom(i).pick(['a', 'b', 'c'])))).toEqual(
      new Set(['a', 'b', 'c']),
    );
    expect(() => seededRandom(1).pick([])).toThrow('at least one item');
  });

  it('forks by label, whatever was drawn before', () => {
    const one = seededRandom(7);
    const other = seededRandom(7);
    draws(other);
    expect(draws(one.fork('jitter'))).toEqual(draws(other.fork('jitter')));
    expect(draws(one.fork('jitter'), 4)).not.toEqual(draws(one.fork('network'), 4));
    expect(one.fork('a').fork(2).seed).toBe('7/a/2');
  });
});

it('draws from the system within [0, 1)', () => {
  for (const draw of draws(systemRandom)) expect(draw >= 0 && draw < 1).toBe(true);
});
