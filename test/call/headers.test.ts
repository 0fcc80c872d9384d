import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderMap } from '../../src/call/headers.js';
import { runs } from '../support/soak.js';

describe('HeaderMap', () => {
  it('finds a header whatever the case of its name', () => {
    const headers = new HeaderMap({ 'X-Tenant': 'a' });
    expect(headers.get('x-tenant')).toBe('a');
    expect(headers.has('X-TENANT')).toBe(true);
    expect([...headers]).toEqual([['x-tenant', 'a']]);
  });

  it('keeps several values of a name in order', () => {
    const headers = new HeaderMap({ 'x-many': ['a', 'b'] }).append('x-many', 'c');
    expect(headers.getAll('x-many')).toEqual(['a', 'b', 'c']);
    expect(headers.set('x-many', 'd').getAll('x-many')).toEqual(['d']);
  });

  it('has bytes under -bin names and text under all others', () => {
    const headers = new HeaderMap({ 'x-raw-bin': new Uint8Array([1, 255]) });
    expect(headers.getBinary('x-raw-bin')).toEqual(new Uint8Array([1, 255]));
    expect(headers.get('x-raw-bin')).toBeUndefined();
    expect(() => headers.set('x-raw-bin', 'text')).toThrow('its value must be bytes');
    expect(() => headers.set('x-text', new Uint8Array([1]))).toThrow(
      'is bytes, which go under a name that ends in "-bin"',
    );
  });

  it.each([
    ['with space', 'a b', 'x'],
    ['empty', '', 'x'],
    ['of HTTP/2', ':path', 'x'],
  ])('refuses a name that is illegal: %s', (_what, name, value) => {
    expect(() => new HeaderMap({ [name]: value })).toThrow('is not legal');
  });

  it('refuses a value that could split a header', () => {
    expect(() => new HeaderMap({ 'x-a': 'a\r\nx-b: c' })).toThrow('printable ASCII');
  });

  it('holds __proto__ like any other name', () => {
    const headers = new HeaderMap().set('__proto__', 'a');
    expect(headers.get('__proto__')).toBe('a');
    expect(Object.keys(headers.toJSON())).toEqual(['__proto__']);
  });

  it('copies, so that a change of one is not a change of the other', () => {
    const one = new HeaderMap({ 'x-a': '1' });
    const two = new HeaderMap(one).append('x-a', '2');
    expect(one.getAll('x-a')).toEqual(['1']);
    expect(two.getAll('x-a')).toEqual(['1', '2']);
  });

  it('is what a map of lists is, whatever is set, added, deleted and copied, few headers or many', () => {
    const name = fc.integer({ min: 0, max: 60 }).map((n) => `x-${n}`);
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ what: fc.constant('append' as const), name }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('set' as const), name }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('delete' as const), name }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('copy' as const), name }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        let headers = new HeaderMap();
        let model = new Map<string, string[]>();
        for (const [i, { what, name }] of steps.entries()) {
          const value = String(i);
          if (what === 'set') {
            headers.set(name, value);
            model.set(name, [value]);
          } else if (what === 'append') {
            headers.append(name, value);
            model.set(name, [...(model.get(name) ?? []), value]);
          } else if (what === 'delete') {
            expect(headers.delete(name)).toBe(model.delete(name));
          } else {
            const [before, copy] = [headers, new HeaderMap(headers)];
            headers = copy;
            model = new Map(model);
            before.append(name, 'not in the copy');
          }
        }
        expect([...headers]).toEqual([...model].flatMap(([key, values]) => values.map((value) => [key, value])));
        expect(headers.size).toBe(model.size);
        for (let n = 0; n <= 60; n++) {
          expect(headers.getAll(`x-${n}`)).toEqual(model.get(`x-${n}`) ?? []);
          expect(headers.has(`X-${n}`)).toBe(model.has(`x-${n}`));
        }
      }),
      { numRuns: runs(300) },
    );
  });
});
