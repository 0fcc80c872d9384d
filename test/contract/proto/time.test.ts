import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  durationFromMs,
  durationMs,
  timestampDate,
  timestampFromDate,
  timestampFromMs,
  timestampMs,
} from '../../../src/contract/proto/time.js';
import { runs } from '../../support/soak.js';

it('turns Dates to Timestamps and back', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      const timestamp = timestampFromDate(date);
      expect(timestamp.nanos).toBeGreaterThanOrEqual(0);
      expect(timestamp.nanos).toBeLessThan(1_000_000_000);
      expect(timestampDate(timestamp)).toEqual(date);
    }),
    { numRuns: runs(300) },
  );
  expect(timestampFromDate(new Date(-1))).toEqual({ seconds: -1n, nanos: 999_000_000 });
});

it('cuts what is finer than a millisecond from a Date, and keeps it in a number', () => {
  const timestamp = { seconds: -1n, nanos: 999_999_999 };
  expect(timestampDate(timestamp)).toEqual(new Date(-1));
  expect(timestampMs({ seconds: 1n, nanos: 500_000 })).toBe(1_000.5);
  expect(timestampFromMs(1_000.5)).toEqual({ seconds: 1n, nanos: 500_000 });
  expect(timestampDate({ seconds: '1', nanos: 0 })).toEqual(new Date(1_000));
});

it('turns milliseconds to Durations and back, with one sign', () => {
  for (const [ms, seconds, nanos] of [
    [1_500, 1n, 500_000_000],
    [-1_500, -1n, -500_000_000],
    [-0.5, 0n, -500_000],
    [-0, 0n, 0],
    [999.9999999999, 1n, 0],
  ] as const) {
    expect(durationFromMs(ms)).toEqual({ seconds, nanos });
  }
  expect(durationMs({ seconds: -1n, nanos: -500_000_000 })).toBe(-1_500);
});

it('refuses what is no time', () => {
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, 1e18]) {
    expect(() => timestampFromMs(ms)).toThrow(RangeError);
    expect(() => durationFromMs(ms)).toThrow(RangeError);
  }
  expect(() => timestampFromDate(new Date(Number.NaN))).toThrow('NaN is no time in milliseconds since 1970');
  expect(() => timestampDate({ seconds: 2n ** 60n, nanos: 0 })).toThrow('beyond what a Date holds');
});
