import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTimeout, parseTimeout } from '../../src/call/deadline.js';
import { runs } from '../support/soak.js';

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['250m', 250],
    ['1500u', 1.5],
    ['99999999n', 99.999999],
    ['0n', 0],
  ])('reads %s as %d ms', (header, ms) => expect(parseTimeout(header)).toBeCloseTo(ms, 9));

  it.each(['', 'm', '5', '-5m', '+5m', '1.5S', '123456789m', '5x', ' 5m', '5m ', '5mm', '0x5m'])(
    'refuses %j',
    (header) => expect(parseTimeout(header)).toBeUndefined(),
  );

  it('is never more than was left, nor less by a unit, nor 0 while a nanosecond is left', () => {
    const unit = { n: 1e-6, u: 1e-3, m: 1, S: 1e3, M: 6e4, H: 3.6e6 };
    fc.assert(
      fc.property(
        fc.double({ min: -6, max: 14, noNaN: true }).map((power) => Math.max(1e-6, 10 ** power)),
        (ms) => {
          const header = formatTimeout(ms);
          const read = parseTimeout(header) as number;
          expect(read).toBeLessThanOrEqual(ms);
          expect(read).toBeGreaterThan(0);
          expect(ms - read).toBeLessThanOrEqual(unit[header.at(-1) as keyof typeof unit] * (1 + 1e-6));
          // A server that passes on what it was given passes on the same.
          expect(parseTimeout(formatTimeout(read))).toBe(read);
        },
      ),
      { numRuns: runs(10_000) },
    );
  });

  it('reads whatever is well formed as it stands, and writes that again', () => {
    const unit = fc.constantFrom('n', 'u', 'm', 'S', 'M', 'H');
    fc.assert(
      fc.property(fc.nat(99_999_999), unit, (count, one) => {
        const ms = parseTimeout(`${count}${one}`) as number;
        expect(parseTimeout(formatTimeout(ms))).toBe(ms);
      }),
      { numRuns: runs(5_000) },
    );
  });

  it('refuses whatever is not', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^[-+ 0-9.]{0,10}[HMSmunxyz ]{0,2}$/)),
        (text) => {
          expect(parseTimeout(text) === undefined).toBe(!/^[0-9]{1,8}[HMSmun]$/.test(text) || text.endsWith('\n'));
        },
      ),
    );
  });

  it('writes a deadline that has passed as 0, and one beyond 8 digits of hours as the longest', () => {
    expect(formatTimeout(0)).toBe('0n');
    expect(formatTimeout(-5)).toBe('0n');
    expect(formatTimeout(Number.POSITIVE_INFINITY)).toBe('99999999H');
  });
});
