import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseJson } from '../../../../src/contract/proto/json/parse.js';
import { runs } from '../../../support/soak.js';

it('reads what JSON.parse reads, as it does', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (text) => {
      const ours = JSON.stringify(parseJson(text), (_, value) => (typeof value === 'bigint' ? Number(value) : value));
      expect(ours).toBe(JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: runs(300) },
  );
});

it('refuses what JSON.parse refuses, and says where', () => {
  for (const text of [
    '',
    '{',
    '[1,]',
    '{"a"}',
    '{"a":1,}',
    '01',
    '1.',
    '.5',
    '+1',
    'tru',
    'NaN',
    '"\n"',
    '"\\x"',
    '"',
    '"\\"',
    '1 2',
    "'a'",
  ]) {
    expect(() => JSON.parse(text), text).toThrow();
    expect(() => parseJson(text), text).toThrow(/^not JSON: line \d+, column \d+: /);
  }
  expect(() => parseJson('{\n  "a": tru}')).toThrow('not JSON: line 2, column 8: found "tru}" where a value should be');
});

it('keeps all digits of whole numbers up to 64 bits', () => {
  const text = '[9007199254740991, 9007199254740993, -9223372036854775808, 18446744073709551615, 1e18, 1.5, 1e300]';
  expect(parseJson(text)).toEqual([
    9007199254740991,
    9007199254740993n,
    -(2n ** 63n),
    2n ** 64n - 1n,
    10n ** 18n,
    1.5,
    1e300,
  ]);
});

it('refuses a name that is there twice, also in another spelling', () => {
  expect(() => parseJson('{"a": {"b": 1, "\\u0062": 2}}')).toThrow('the name "b" is there twice');
});

it('bounds how deep it nests', () => {
  expect(() => parseJson('['.repeat(1_000_000))).toThrow('nests more than 300 deep');
  expect(parseJson(`${'['.repeat(300)}${']'.repeat(300)}`)).toBeDefined();
});

it('makes `__proto__` a property as any other', () => {
  const value = parseJson('{"__proto__": {"admin": true}}') as { admin?: unknown };
  expect(Object.keys(value)).toEqual(['__proto__']);
  expect(value.admin).toBeUndefined();
});
