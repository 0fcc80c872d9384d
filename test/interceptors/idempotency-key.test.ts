import fc from 'fast-check';
import { type Clock, childKey, newIdempotencyKey, systemClock } from 'hawser';
import { describe, expect, it } from 'vitest';
import { keyTime, parseKey } from '../../src/interceptors/idempotency-key.js';
import { runs } from '../support/soak.js';

const at = (walls: number[]): Clock => ({
  ...systemClock,
  wallTime: () => (walls.length > 1 ? walls.shift() : walls[0]) as number,
});

describe('a new key', () => {
  it('is a UUIDv7 that holds the wall time', () => {
    const before = Date.now();
    const key = newIdempotencyKey();
    expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(keyTime(key)).toBeGreaterThanOrEqual(before);
    expect(keyTime(key)).toBeLessThanOrEqual(Date.now() + 1);
    expect(keyTime(newIdempotencyKey(at([1_700_000_000_000.7])))).toBe(1_700_000_000_000);
  });

  it('is above the one before, also when thousands are made in a millisecond and the clock steps back a little', () => {
    const clock = at([1e12, 1e12, 1e12 - 500, 1e12 + 1, 1e12]);
    const keys = Array.from({ length: 20_000 }, () => newIdempotencyKey(clock));
    for (let n = 1; n < keys.length; n++) expect((keys[n] as string) > (keys[n - 1] as string), `${n}`).toBe(true);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('follows a clock that is set back, for a key from the future is refused', () => {
    const clock = at([2e12, 1e12]);
    expect(keyTime(newIdempotencyKey(clock))).toBe(2e12);
    expect(keyTime(newIdempotencyKey(clock))).toBe(1e12);
  });
});

describe('the time of a key', () => {
  it.each([
    ['018bcfe5-6800-7000-8000-000000000000', 1_700_000_000_000],
    ['018BCFE5-6800-7ABC-BFFF-FFFFFFFFFFFF', 1_700_000_000_000],
    ['ffffffff-ffff-7fff-bfff-ffffffffffff', 2 ** 48 - 1],
  ])('is in %s', (key, time) => expect(keyTime(key)).toBe(time));

  it.each([
    '018bcfe5-6800-4000-8000-000000000000',
    '018bcfe5-6800-7000-0000-000000000000',
    '018bcfe5-6800-7000-8000-00000000000g',
    '018bcfe5-6800-7000-8000-0000000000000',
    'order 1',
    '',
  ])('is not in %j', (key) => expect(keyTime(key)).toBeUndefined());
});

describe('the text of a key', () => {
  it('is taken bare or as a quoted string, and is the same key', () => {
    const key = fc
      .array(fc.integer({ min: 0x20, max: 0x7e }), { minLength: 1, maxLength: 255 })
      .map((codes) => String.fromCharCode(...codes).trim())
      .filter((text) => text !== '');
    fc.assert(
      fc.property(key, (text) => {
        const quoted = `"${text.replace(/["\\]/g, '\\$&')}"`;
        expect(parseKey(quoted)).toEqual({ key: text });
        if (!text.startsWith('"')) expect(parseKey(text)).toEqual({ key: text });
      }),
      { numRuns: runs(500) },
    );
  });

  it('is taken or refused with a sentence, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const parsed = parseKey(text);
        if ('key' in parsed) expect(parsed.key).toMatch(/^[\x20-\x7e]{1,255}$/);
        else expect(parsed.problem.length).toBeGreaterThan(10);
      }),
      { numRuns: runs(2_000) },
    );
    // Quadratic, these would take minutes.
    for (const text of ['"'.padEnd(100_000, '\\"'), '\\'.repeat(100_000), ' '.repeat(100_000)]) parseKey(text);
  });
});

describe('the key of a step', () => {
  it('is the UUIDv5 of the step below the key, the same every time', () => {
    // RFC 9562, Appendix A.4: the namespace of DNS and a name.
    expect(childKey('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe(
      '2ed6657d-e927-568b-95e1-2665a8aea6a2',
    );
    expect(childKey('order 1', 'charge')).toBe(childKey('order 1', 'charge'));
  });

  it('is another one for another step, another key, and a step of a step', () => {
    const key = newIdempotencyKey();
    const keys = [
      key,
      childKey(key, 'charge'),
      childKey(key, 'ship'),
      childKey('order 1', 'charge'),
      childKey('order 2', 'charge'),
      childKey(childKey(key, 'charge'), 'ship'),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});
