import { describe, expect, it } from 'vitest';
import { milliseconds } from '../../src/contract/duration.js';

describe('a duration', () => {
  it.each([
    [500, 500],
    ['500', 500],
    ['500ms', 500],
    ['2s', 2_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    [' 2s ', 2_000],
    [0, 0],
  ])('%j is %d ms', (value, ms) => expect(milliseconds(value)).toBe(ms));

  it.each(['', 'soon', '5 s', '-5s', '5S', '1e3', '5weeks'])('%j is refused with a sentence', (value) => {
    expect(() => milliseconds(value, 'timeout')).toThrow(/timeout is ".*"; write a number of milliseconds/);
  });

  it('refuses a negative number and NaN', () => {
    expect(() => milliseconds(-1, 'timeout')).toThrow('timeout is -1');
    expect(() => milliseconds(Number.NaN)).toThrow('NaN');
  });
});
