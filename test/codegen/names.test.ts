import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  camelCase,
  declarationName,
  localNames,
  memberName,
  methodCase,
  pascalCase,
  Scope,
} from '../../src/codegen/names.js';

describe('names', () => {
  it.each([
    ['date_time', 'dateTime'],
    ['DATE_TIME', 'dateTime'],
    ['URL', 'URL'],
    ['errorCode', 'errorCode'],
    ['Foo_Bar', 'FooBar'],
    ['foo__bar', 'fooBar'],
    ['_leading', 'Leading'],
  ])('turns %s into %s, as ts-proto does', (name, expected) => {
    expect(camelCase(name)).toBe(expected);
  });

  it.each([
    ['GetLastSale', 'getLastSale'],
    ['get_last_sale', 'getLastSale'],
    ['GET_LAST_SALE', 'getLastSale'],
    ['ping', 'ping'],
  ])('begins the method %s with a small letter: %s', (name, expected) => {
    expect(methodCase(name)).toBe(expected);
  });

  it('begins a part of a type name with a capital', () => {
    expect(pascalCase('get_last_sale')).toBe('GetLastSale');
    expect(pascalCase('ping')).toBe('Ping');
  });

  it('never names a member like something that every object inherits', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
      expect(memberName(name)).toBe(`${name}_`);
      expect(memberName(name) in {}).toBe(false);
    }
    expect(memberName('then')).toBe('then');
    expect(memberName('class')).toBe('class');
  });

  it('escapes words that cannot name a declaration', () => {
    for (const name of ['class', 'delete', 'string', 'undefined', 'await', 'keyof', 'eval']) {
      expect(declarationName(name)).toBe(`${name}_`);
    }
    expect(declarationName('Map')).toBe('Map');
  });

  it('keeps the spelling of names that would become one', () => {
    expect(localNames(['foo_bar', 'fooBar', 'other_one'], camelCase)).toEqual(['foo_bar', 'fooBar', 'otherOne']);
    expect(localNames(['foo_bar', 'foo__bar'], camelCase)).toEqual(['foo_bar', 'foo__bar']);
    expect(localNames(['to_string', 'toString_'], camelCase)).toEqual(['to_string', 'toString_']);
    expect(localNames(['_1', '_'], camelCase)).toEqual(['_1', '_']);
  });

  it('gives distinct, harmless names for any distinct identifiers, whatever their order', () => {
    const identifier = fc.stringMatching(/^[a-cA-C_][a-cA-C_0-9]{0,5}$/);
    fc.assert(
      fc.property(fc.uniqueArray(identifier, { maxLength: 12 }), (names) => {
        const locals = localNames(names, camelCase);
        expect(new Set(locals).size).toBe(names.length);
        for (const name of locals) expect(name in {}).toBe(false);
      }),
    );
  });

  it('hands out a name once', () => {
    const scope = new Scope(['Map']);
    expect(scope.declare('Map')).toBe('Map_');
    expect(scope.declare('Map')).toBe('Map__');
    expect(scope.internal('w')).toBe('w');
    expect(scope.internal('w')).toBe('$w');
    expect(scope.internal('w')).toBe('$w2');
  });
});
