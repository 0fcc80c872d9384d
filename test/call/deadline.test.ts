import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTimeout, parseTimeout } from '../../src/call/deadline.js';

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

  it('writes what it reads, never more than was left, and at most a unit less', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 3e11, noNaN: true }), (ms) => {
        const read = parseTimeout(formatTimeout(ms)) as number;
        expect(read).toBeLessThanOrEqual(ms * (1 + 1e-8) + 1e-8);
        expect(read).toBeGreaterThanOrEqual(ms * 0.9999 - 1e-5);
      }),
    );
  });

  it('writes a deadline that has passed as 0, and one beyond 8 digits of hours as the longest', () => {
    expect(formatTimeout(0)).toBe('0n');
    expect(formatTimeout(-5)).toBe('0n');
    expect(formatTimeout(Number.POSITIVE_INFINITY)).toBe('99999999H');
  });
});
