/** The cases of the W3C's own harness (w3c/trace-context, test/test.py), and those of W3C Baggage. */

import { HeaderMap } from 'hawser';
import { describe, expect, it } from 'vitest';
import {
  formatTraceparent,
  parseTraceparent,
  readBaggage,
  readTracestate,
  traceparentOf,
  tracestateOf,
} from '../../src/call/trace-context.js';

const id = '12345678901234567890123456789012';
const span = '1234567890123456';
const good = `00-${id}-${span}-01`;

describe('a traceparent', () => {
  it.each([
    ['of version 00', good],
    ['of a later version', `cc-${id}-${span}-01`],
    ['of a later version with more behind a dash', `cc-${id}-${span}-01-what-the-future-will-be-like`],
    ['with a space before', ` ${good}`],
    ['with a tab before', `\t${good}`],
    ['with a space behind', `${good} `],
    ['with a tab behind', `${good}\t`],
    ['with spaces and tabs around', `\t ${good} \t`],
  ])('%s is taken', (_what, header) => {
    expect(parseTraceparent(header)).toEqual({ traceId: id, spanId: span, flags: 1 });
  });

  it.each([
    ['with a dot behind', `${good}.`],
    ['of version 00 with more behind', `${good}-what-the-future-will-be-like`],
    ['of a later version with a dot behind', `cc-${id}-${span}-01.what-the-future-will-be-like`],
    ['of version ff', `ff-${id}-${span}-01`],
    ['of version .0', `.0-${id}-${span}-01`],
    ['of version 0.', `0.-${id}-${span}-01`],
    ['of a version of three digits', `000-${id}-${span}-01`],
    ['of a version of four digits', `0000-${id}-${span}-01`],
    ['of a version of one digit', `0-${id}-${span}-01`],
    ['of trace id zero', `00-${'0'.repeat(32)}-${span}-01`],
    ['with a dot at the start of its trace id', `00-.${id.slice(1)}-${span}-01`],
    ['with a dot at the end of its trace id', `00-${id.slice(0, 31)}.-${span}-01`],
    ['with a trace id of 33 digits', `00-${id}3-${span}-01`],
    ['with a trace id of 31 digits', `00-${id.slice(1)}-${span}-01`],
    ['of parent id zero', `00-${id}-${'0'.repeat(16)}-01`],
    ['with a dot at the start of its parent id', `00-${id}-.${span.slice(1)}-01`],
    ['with a dot at the end of its parent id', `00-${id}-${span.slice(0, 15)}.-01`],
    ['with a parent id of 17 digits', `00-${id}-${span}7-01`],
    ['with a parent id of 15 digits', `00-${id}-${span.slice(1)}-01`],
    ['with flags .0', `00-${id}-${span}-.0`],
    ['with flags 0.', `00-${id}-${span}-0.`],
    ['with flags of three digits', `00-${id}-${span}-001`],
    ['with flags of one digit', `00-${id}-${span}-1`],
    ['in capitals', good.replace('00-1', '00-A')],
    ['without its parts', `${id}`],
    ['that is empty', ''],
    ['that never ends', `cc-${id}-${span}-01-${'x'.repeat(100_000)}`],
  ])('%s is as if it had not come', (_what, header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  it('that came twice is as if it had not come', () => {
    const headers = new HeaderMap({ traceparent: [`00-${id.slice(1)}1-${span}-01`, good] });
    expect(traceparentOf(headers)).toBeUndefined();
  });

  it('goes on in version 00, with the flags that version knows: sampled and random', () => {
    expect(formatTraceparent({ traceId: id, spanId: span, flags: 0xff })).toBe(`00-${id}-${span}-03`);
    expect(formatTraceparent({ traceId: id, spanId: span, flags: 2 })).toBe(`00-${id}-${span}-02`);
  });
});

describe('a tracestate', () => {
  const members = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `bar${String(from + i).padStart(2, '0')}=${from + i}`).join(',');
  const key = 'abcdefghijklmnopqrstuvwxyz0123456789_-*/';
  const printable = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join('');
  const value = printable(0x20, 0x2b) + printable(0x2d, 0x3c) + printable(0x3e, 0x7e);

  it.each([
    ['two members', ['foo=1,bar=2'], 'foo=1,bar=2'],
    ['an empty header behind', ['foo=1', ''], 'foo=1'],
    ['an empty header before', ['', 'foo=1'], 'foo=1'],
    ['several headers', ['foo=1,bar=2', 'rojo=1,congo=2', 'baz=3'], 'foo=1,bar=2,rojo=1,congo=2,baz=3'],
    ['every legal character', [`${key}=${value}`], `${key}=${value}`],
    ['every legal character and a vendor', [`${key}@a-z0-9_-*/=${value}`], `${key}@a-z0-9_-*/=${value}`],
    ['spaces and tabs', ['foo=1 \t , \t bar=2, \t baz=3'], 'foo=1,bar=2,baz=3'],
    ['tabs and spaces', ['foo=1\t \t,\t \tbar=2,\t \tbaz=3'], 'foo=1,bar=2,baz=3'],
    ['blanks around it', ['\t foo=1 \t'], 'foo=1'],
    ['32 members', [members(1, 10), members(11, 20), members(21, 30), members(31, 32)], members(1, 32)],
    ['a key of 256 characters', ['foo=1', `${'z'.repeat(256)}=1`], `foo=1,${'z'.repeat(256)}=1`],
    ['tenant 241, vendor 14', [`${'t'.repeat(241)}@${'v'.repeat(14)}=1`], `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
  ])('with %s is taken', (_what, headers, expected) => {
    expect(readTracestate(headers)).toBe(expected);
  });

  it.each([
    ['that is empty', ['']],
    ['with the same member twice', ['foo=1,foo=1']],
    ['with a key twice', ['foo=1,foo=2']],
    ['with the same member in two headers', ['foo=1', 'foo=1']],
    ['with a key in two headers', ['foo=1', 'foo=2']],
    ['with a blank in a key', ['foo =1']],
    ['with capitals in a key', ['FOO=1']],
    ['with a dot in a key', ['foo.bar=1']],
    ['with no vendor behind the @', ['foo@=1,bar=2']],
    ['with no tenant before the @', ['@foo=1,bar=2']],
    ['with two @', ['foo@@bar=1,bar=2']],
    ['with two vendors', ['foo@bar@baz=1,bar=2']],
    ['with 33 members', [members(1, 10), members(11, 33)]],
    ['with a key of 257 characters', ['foo=1', `${'z'.repeat(257)}=1`]],
    ['with a tenant of 242 characters', ['foo=1', `${'t'.repeat(242)}@v=1`]],
    ['with a vendor of 15 characters', ['foo=1', `t@${'v'.repeat(15)}=1`]],
    ['with = in a value', ['foo=bar=baz']],
    ['with an empty value', ['foo=,bar=3']],
    ['with no value', ['foo']],
    ['of 100 KB', [`foo=${'x'.repeat(100_000)}`]],
  ])('%s is dropped as a whole', (_what, headers) => {
    expect(readTracestate(headers)).toBeUndefined();
  });

  it('is dropped without a traceparent', () => {
    expect(tracestateOf(new HeaderMap({ tracestate: 'foo=1' }))).toBeUndefined();
    expect(tracestateOf(new HeaderMap({ tracestate: 'foo=1', traceparent: `${good}.` }))).toBeUndefined();
    expect(tracestateOf(new HeaderMap({ tracestate: 'foo=1', traceparent: good }))).toBe('foo=1');
  });
});

describe('baggage', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=v`).join(',');

  it.each([
    ['one member', 'userId=alice', 'userId=alice'],
    ['properties', 'userId=alice;isProduction;ttl = 5', 'userId=alice;isProduction;ttl = 5'],
    ['blanks', ' a = 1 ,\tb=2', 'a = 1,b=2'],
    ['an empty value', 'a=,b=2', 'a=,b=2'],
    ['percent signs', 'server=DF%2028', 'server=DF%2028'],
    ['64 members', many(64), many(64)],
    ['more than 64 members', many(100), many(64)],
    ['malformed members among others', 'a=1,b,=2,c d=3,e="x",f=4', 'a=1,f=4'],
  ])('with %s goes on', (_what, header, expected) => {
    expect(readBaggage([header])).toBe(expected);
  });

  it('of several headers is one', () => {
    expect(readBaggage(['a=1', 'b=2,c=3'])).toBe('a=1,b=2,c=3');
  });

  it('of 8,192 characters goes on whole, of more without the members that do not fit', () => {
    const long = `a=${'x'.repeat(4_093)},b=${'x'.repeat(4_094)}`;
    expect(long.length).toBe(8_192);
    expect(readBaggage([long])).toBe(long);
    expect(readBaggage([`${long},c=1`])).toBe(long);
    expect(readBaggage([`${long}x,c=1`])).toBe(`a=${'x'.repeat(4_093)}`);
  });

  it.each(['', ',', 'a', `a=${'x'.repeat(100_000)}`, ';a=1'])('%.20s is nothing', (header) => {
    expect(readBaggage([header])).toBeUndefined();
  });
});
