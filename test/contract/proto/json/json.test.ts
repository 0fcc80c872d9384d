/** ProtoJSON, point by point. The conformance suite checks the same from outside: see ../conformance. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { setDecodeLimits } from '../../../../src/contract/decode-budget.js';
import { defineExtension } from '../../../../src/contract/proto/extension.js';
import { parseJson } from '../../../../src/contract/proto/json/parse.js';
import { typeRegistry } from '../../../../src/contract/proto/json/registry.js';
import type { JsonReadOptions, JsonValue, JsonWriteOptions } from '../../../../src/contract/proto/message-type.js';
import { noKind } from '../../../../src/contract/proto/no-kind.js';
import { any, everything, type Message } from './everything.js';

const toJson = (init: Message, options?: JsonWriteOptions) => everything.toJson(everything.create(init), options);
const fromJson = (json: unknown, options?: JsonReadOptions) => everything.fromJson(json as JsonValue, options);
/** The text that a message of one field becomes, after it was read from JSON. */
const again = (json: unknown, options?: JsonReadOptions) =>
  everything.toJson(fromJson(json, options), options as object);

describe('numbers', () => {
  it('are written as JSON has them, and 64-bit ones as text', () => {
    expect(
      toJson({ int32Field: -1, uint32Field: 4294967295, int64Field: -(2n ** 63n), uint64Field: 2n ** 64n - 1n }),
    ).toEqual({
      int32Field: -1,
      uint32Field: 4294967295,
      int64Field: '-9223372036854775808',
      uint64Field: '18446744073709551615',
    });
    expect(toJson({ asNumber: 5, asText: '6' })).toEqual({ asNumber: '5', asText: '6' });
    expect(toJson({ asNumber: 2 ** 60 })).toEqual({ asNumber: String(2n ** 60n) });
    const largest = everything.decode(everything.encode({ asNumber: 2 ** 62 })) as Message;
    expect(everything.toJson({ ...largest, asNumber: 2 ** 63 })).toEqual({ asNumber: '9223372036854775807' });
  });

  it('are read as numbers, as text, with exponents and with a fraction of zeroes', () => {
    for (const [json, value] of [
      [100, 100],
      ['100', 100],
      ['1e2', 100],
      ['100.0', 100],
      [-0, 0],
    ] as const) {
      expect(fromJson({ int32Field: json }).int32Field).toBe(value);
      expect(fromJson({ int64Field: json }).int64Field).toBe(BigInt(value));
    }
    expect(fromJson({ asNumber: '7', asText: 8 })).toMatchObject({ asNumber: 7, asText: '8' });
    expect(fromJson({ int64Field: '9223372036854775807' }).int64Field).toBe(2n ** 63n - 1n);
  });

  it('that do not fit are refused by the name of the field, with the range', () => {
    expect(() => fromJson({ int32Field: 2147483648 })).toThrow(
      new RangeError(
        'test.Everything.int32_field: 2147483648 is not an int32: an integer from -2147483648 to 2147483647',
      ),
    );
    for (const json of [1.5, '1.5', '', ' 1', '1 ', '0x1', '01', '+1', 'NaN', true, {}, [], 1e100, '1e100', '1e-1']) {
      expect(() => fromJson({ int32Field: json }), String(json)).toThrow('test.Everything.int32_field: ');
      expect(() => fromJson({ uint64Field: json }), String(json)).toThrow('test.Everything.uint64_field: ');
    }
    expect(() => fromJson({ uint64Field: -1 })).toThrow('is not a uint64');
    expect(() => fromJson({ int64Field: '9223372036854775808' })).toThrow(RangeError);
  });

  it('beyond 2^53 are refused unless all their digits are there', () => {
    expect(() => fromJson(JSON.parse('{"int64Field": 9007199254740993}'))).toThrow(
      'beyond 2^53, where numbers lose digits; quote it, or read the text with parseJson',
    );
    expect(fromJson(parseJson('{"int64Field": 9007199254740993}')).int64Field).toBe(9007199254740993n);
    expect(fromJson(parseJson('{"doubleField": 9007199254740993}')).doubleField).toBe(9007199254740992);
  });

  it('of floating point keep -0, and write NaN and the infinities as text', () => {
    expect(again({ doubleField: 'NaN', floatField: '-Infinity' })).toEqual({
      doubleField: 'NaN',
      floatField: '-Infinity',
    });
    expect(toJson({ doubleField: -0, floatField: -0 })).toEqual({ doubleField: -0, floatField: -0 });
    expect(fromJson({ doubleField: '1e3' }).doubleField).toBe(1000);
    for (const json of ['infinity', '', 'nan', '1 ', Number.POSITIVE_INFINITY, '1e999', true]) {
      expect(() => fromJson({ doubleField: json }), String(json)).toThrow('test.Everything.double_field: ');
    }
  });

  it('of the float type are rounded to it, written with the fewest digits, and refused beyond its range', () => {
    expect(again({ floatField: 0.1 })).toEqual({ floatField: 0.1 });
    expect(fromJson({ floatField: 0.1 }).floatField).toBe(Math.fround(0.1));
    expect(again({ floatField: 3.4028235e38 })).toEqual({ floatField: 3.4028234663852886e38 });
    expect(again({ floatField: 1.4e-45 })).toEqual({ floatField: 1e-45 });
    expect(() => fromJson({ floatField: 3.5e38 })).toThrow(RangeError);
  });
});

describe('text, bytes and enums', () => {
  it('reads base64 of both alphabets, with padding and without, and refuses what is none', () => {
    for (const text of ['-_8=', '-_8', '+/8=', '+/8'])
      expect(fromJson({ data: text }).data).toEqual(new Uint8Array([251, 255]));
    expect(toJson({ data: new Uint8Array([251, 255]) })).toEqual({ data: '+/8=' });
    for (const text of ['a', 'ab=', 'a!==', 'ab==c', 'a==='])
      expect(() => fromJson({ data: text }), text).toThrow('in base64');
  });

  it('refuses text with half of a surrogate pair, also in keys', () => {
    for (const json of [{ text: '\ud800' }, { byName: { '\udc00': '' } }, { struct: { a: '\ud800' } }]) {
      expect(() => fromJson(json)).toThrow('half of a surrogate pair');
    }
    expect(() => toJson({ text: '\ud800' })).toThrow('half of a surrogate pair');
  });

  it('writes enums by their first name and reads all their names; numbers without a name are kept', () => {
    expect(toJson({ color: 1, colors: [0, 1, 7] })).toEqual({
      color: 'COLOR_RED',
      colors: ['COLOR_UNSPECIFIED', 'COLOR_RED', 7],
    });
    expect(fromJson({ color: 'COLOR_CRIMSON', colors: [7, -1] })).toMatchObject({ color: 1, colors: [7, -1] });
    expect(toJson({ color: 1 }, { enumNumbers: true })).toEqual({ color: 1 });
    expect(() => fromJson({ color: 'RED' })).toThrow(
      'test.Everything.color: "RED" is not a test.Color: COLOR_UNSPECIFIED',
    );
    for (const name of ['toString', '__proto__', '1'])
      expect(() => fromJson({ color: name })).toThrow('is not a test.Color');
  });
});

describe('messages', () => {
  it('leave out what is absent or, without presence, zero', () => {
    expect(toJson({ maybe: 0, child: {}, payment: { $case: 'cash', value: 0n } })).toEqual({
      maybe: 0,
      child: {},
      cash: '0',
    });
    expect(toJson({}, { defaults: true })).toMatchObject({
      text: '',
      int64Field: '0',
      numbers: [],
      byName: {},
      data: '',
    });
    expect(toJson({}, { defaults: true })).not.toHaveProperty('child');
  });

  it('are read by both names of a field, once', () => {
    expect(fromJson({ int32_field: 1, byName: { a: 'b' } })).toMatchObject({ int32Field: 1, byName: { a: 'b' } });
    expect(toJson({ int32Field: 1 }, { protoNames: true })).toEqual({ int32_field: 1 });
    expect(() => fromJson({ int32_field: 1, int32Field: 1 })).toThrow(
      'test.Everything.int32_field: the field is there twice',
    );
  });

  it('take null for absent, but not as an element', () => {
    const nulls = Object.fromEntries(
      ['text', 'child', 'numbers', 'byName', 'maybe', 'cash', 'at', 'wrapped', 'struct'].map((name) => [name, null]),
    );
    expect(fromJson(nulls)).toEqual(everything.create());
    expect(() => fromJson({ numbers: [1, null] })).toThrow('test.Everything.numbers[1]: null is no element');
    expect(() => fromJson({ byName: { a: null } })).toThrow('test.Everything.by_name.a: null is no element');
  });

  it('have one field of a oneof', () => {
    expect(fromJson({ cash: 1, card: null }).payment).toEqual({ $case: 'cash', value: 1n });
    expect(fromJson({ nothing: null }).payment).toEqual({ $case: 'nothing', value: 0 });
    expect(toJson({ payment: { $case: 'nothing', value: 0 } })).toEqual({ nothing: null });
    expect(() => fromJson({ cash: 1, card: {} })).toThrow('another field of the oneof payment is there too');
  });

  it('refuse a name that they do not have, and skip it when told to', () => {
    expect(() => fromJson({ child: { tset: 1 } })).toThrow(
      'test.Everything.child.tset: test.Everything has no such field; it has text, ',
    );
    expect(
      fromJson(
        { tset: { a: [1] }, color: 'NEW', colors: ['NEW', 1], colorsByName: { a: 'NEW' } },
        { ignoreUnknown: true },
      ),
    ).toEqual(everything.create({ colors: [1] }));
  });

  it('never take a name for what all objects inherit', () => {
    expect(toJson({})).toEqual({});
    expect(everything.create().toString).toBeUndefined();
    for (const name of ['valueOf', '__proto__', 'hasOwnProperty']) {
      expect(() => fromJson(JSON.parse(`{${JSON.stringify(name)}: 1}`))).toThrow('has no such field');
    }
    expect(again({ toString: 'a', constructor: { to_string: 'b' } })).toEqual({
      toString: 'a',
      constructor: { toString: 'b' },
    });
    const hostile = JSON.parse(
      '{"byName": {"__proto__": "x", "toString": "y"}, "struct": {"__proto__": {"admin": true}}}',
    );
    const message = fromJson(hostile);
    expect(Object.keys(message.byName as object)).toEqual(['__proto__', 'toString']);
    expect((message.struct as { admin?: unknown }).admin).toBeUndefined();
    expect(JSON.stringify(everything.toJson(message))).toBe(JSON.stringify(hostile));
  });

  it('keep map keys of all kinds, and refuse a key that is there twice', () => {
    const json = { byFlag: { true: 1, false: 2 }, byLong: { '-9223372036854775808': 1 }, byInt: { '-5': {} } };
    expect(again(json)).toEqual(json);
    expect(fromJson(json).byFlag).toEqual(
      new Map([
        [true, 1],
        [false, 2],
      ]),
    );
    expect(() => fromJson({ byLong: { '1': 1, '1.0': 1 } })).toThrow('the key is there twice');
    for (const key of ['', 'x', '1.5', '2147483648'])
      expect(() => fromJson({ byInt: { [key]: {} } }), key).toThrow('by_int');
    expect(() => fromJson({ byFlag: { 1: 1 } })).toThrow('is not a bool');
  });

  it('nest 100 deep, and no deeper', () => {
    const nested = (depth: number): string => `${'{"child":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
    expect(JSON.stringify(again(JSON.parse(nested(100))))).toBe(nested(100));
    expect(() => fromJson(JSON.parse(nested(101)))).toThrow('messages nest deeper than 100');
    const list = (depth: number) => JSON.parse(`{"value": ${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(() => fromJson(list(101))).toThrow('messages nest deeper than 100');
    const circular: Message = {};
    circular.child = circular;
    expect(() => everything.toJson(circular)).toThrow('messages nest deeper than 100');
  });

  it('are charged before they are made', () => {
    setDecodeLimits({ messageBytes: 65_536 });
    onTestFinished(() => setDecodeLimits());
    expect(() => fromJson({ children: Array.from({ length: 1_000 }, () => ({})) })).toThrow(
      'more than 65536 bytes of memory',
    );
    expect(() =>
      fromJson({ struct: Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`k${i}`, 0])) }),
    ).toThrow('more than 65536 bytes of memory');
    expect(fromJson({ numbers: [1, 2] }).numbers).toEqual([1, 2]);
  });

  it('of the wrong shape are refused by the path of the field', () => {
    expect(() => fromJson({ byInt: { 1: { children: [{}, { text: 5 }] } } })).toThrow(
      new TypeError('test.Everything.by_int.1.children[1].text: 5 is not a string'),
    );
    for (const json of [null, [], 'x', 1]) expect(() => fromJson(json)).toThrow('is not a test.Everything: an object');
    expect(() => fromJson({ numbers: {} })).toThrow('test.Everything.numbers: an object is not an array');
    expect(() => fromJson({ byName: [] })).toThrow('test.Everything.by_name: an array is not an object');
    expect(() => everything.toJson({ numbers: 'x' })).toThrow('test.Everything.numbers: "x" is not an array');
    expect(() => everything.toJson({ int64Field: 'x' })).toThrow('test.Everything.int64_field: "x" is not an int64');
  });
});

describe('well-known types', () => {
  it('write Timestamps with 0, 3, 6 or 9 digits and read any number of them, and offsets', () => {
    for (const [text, seconds, nanos] of [
      ['1970-01-01T00:00:00Z', 0n, 0],
      ['2026-01-31T12:00:00.123Z', 1769860800n, 123_000_000],
      ['2026-01-31T12:00:00.123456Z', 1769860800n, 123_456_000],
      ['2026-01-31T12:00:00.000000001Z', 1769860800n, 1],
      ['0001-01-01T00:00:00Z', -62135596800n, 0],
      ['9999-12-31T23:59:59.999999999Z', 253402300799n, 999_999_999],
    ] as const) {
      expect(fromJson({ at: text }).at).toEqual({ seconds, nanos });
      expect(toJson({ at: { seconds, nanos } })).toEqual({ at: text });
    }
    expect(fromJson({ at: '2026-01-31T13:30:00.5+01:30' }).at).toEqual({ seconds: 1769860800n, nanos: 500_000_000 });
  });

  it('refuse Timestamps that are none', () => {
    for (const text of [
      '0000-01-01T00:00:00Z',
      '0001-01-01T00:00:00+01:00',
      '9999-12-31T23:59:59-01:00',
      '2026-02-30T00:00:00Z',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:00:60Z',
      '2026-01-01t00:00:00z',
      '2026-01-01 00:00:00Z',
      '2026-01-01T00:00:00',
      '2026-01-01T00:00:00.1234567890Z',
      '2026-01-01T00:00:00.Z',
    ]) {
      expect(() => fromJson({ at: text }), text).toThrow('test.Everything.at: ');
    }
    expect(() => toJson({ at: { seconds: 253402300800n } })).toThrow('not in the years 1 to 9999');
    expect(() => toJson({ at: { nanos: -1 } })).toThrow('nanos are -1');
  });

  it('write Durations with their sign, to the nanosecond', () => {
    for (const [text, seconds, nanos] of [
      ['0s', 0n, 0],
      ['-0.500s', 0n, -500_000_000],
      ['-1.000001s', -1n, -1_000],
      ['315576000000.999999999s', 315576000000n, 999_999_999],
    ] as const) {
      expect(fromJson({ wait: text }).wait).toEqual({ seconds, nanos });
      expect(toJson({ wait: { seconds, nanos } })).toEqual({ wait: text });
    }
    for (const text of ['1', 's', '1.s', '.5s', '315576000001s', '1.0000000001s', '1s ', '--1s']) {
      expect(() => fromJson({ wait: text }), text).toThrow('test.Everything.wait: ');
    }
    expect(() => toJson({ wait: { seconds: 1n, nanos: -1 } })).toThrow('have the same sign');
  });

  it('write an Any as what it holds, by a registry', () => {
    const registry = typeRegistry(everything);
    const detail = { '@type': 'type.googleapis.com/test.Everything', text: 'hi', at: '1970-01-01T00:00:00Z' };
    expect(again({ detail }, { registry })).toEqual({ detail });
    const time = { '@type': 'type.googleapis.com/google.protobuf.Timestamp', value: '1970-01-01T00:00:01Z' };
    expect(again({ detail: time }, { registry })).toEqual({ detail: time });
    const within = { '@type': 'x/google.protobuf.Any', value: detail };
    expect(again({ detail: within }, { registry })).toEqual({ detail: within });
    expect(again({ detail: {} })).toEqual({ detail: {} });
    expect(any.fromJson({ '@type': 'a/test.Everything', text: 'x' }, { registry }).value).toEqual(
      Uint8Array.from(everything.encode({ text: 'x' })),
    );
    expect(() => fromJson({ detail })).toThrow(
      'test.Everything.detail: it holds a test.Everything, and JSON of it takes a registry',
    );
    expect(() => fromJson({ detail: { '@type': 'x/test.Nothing' } }, { registry })).toThrow(
      'which the registry does not know',
    );
    expect(() => fromJson({ detail: { text: 'x' } }, { registry })).toThrow('"@type"');
  });

  it('write FieldMasks in camel case, where that can be read back', () => {
    expect(toJson({ mask: ['a', 'foo_bar.baz_qux'] })).toEqual({ mask: 'a,fooBar.bazQux' });
    expect(fromJson({ mask: 'a,fooBar.bazQux' }).mask).toEqual(['a', 'foo_bar.baz_qux']);
    expect(fromJson({ mask: '' }).mask).toEqual([]);
    for (const path of ['fooBar', 'foo_3', 'foo__bar', 'foo_', 'a,b']) {
      expect(() => toJson({ mask: [path] }), path).toThrow('test.Everything.mask: ');
    }
    expect(() => fromJson({ mask: 'foo_bar' })).toThrow('is not a path in lowerCamelCase');
  });

  it('write Struct, Value and ListValue as the JSON that they are', () => {
    const json = { struct: { a: [1, 'x', null, { b: true }] }, value: null, values: [[], {}] };
    expect(again(json)).toEqual(json);
    expect(() => toJson({ value: Number.NaN })).toThrow('test.Everything.value: NaN is not a number of JSON');
    expect(() => toJson({ value: noKind })).toThrow('holds nothing');
    expect(() => fromJson({ struct: [] })).toThrow('is not a Struct');
  });

  it('write wrappers as what they wrap, and Empty as an object', () => {
    expect(again({ wrapped: '0', wrappedBytes: '', none: {} })).toEqual({ wrapped: '0', wrappedBytes: '', none: {} });
    expect(() => fromJson({ none: { a: 1 } })).toThrow('google.protobuf.Empty has no such field');
  });
});

describe('extensions', () => {
  const note = defineExtension<string>({
    name: 'test.note',
    extendee: 'test.Everything',
    number: 200,
    type: () => 'string',
  });
  const child = defineExtension<Message>({
    name: 'test.kid',
    extendee: 'test.Everything',
    number: 201,
    type: () => everything,
  });
  const registry = typeRegistry(everything, note, child);

  it('are properties in brackets, by a registry', () => {
    const json = { text: 'a', '[test.note]': 'hi', '[test.kid]': { text: 'b' } };
    const message = fromJson(json, { registry });
    expect(note.get(message)).toBe('hi');
    expect(child.get(message)).toEqual(everything.create({ text: 'b' }));
    expect(everything.toJson(message, { registry })).toEqual(json);
    expect(everything.toJson(message)).toEqual({ text: 'a' });
    expect(everything.toJson(everything.decode(everything.encode(message)), { registry })).toEqual(json);
    expect(() => fromJson(json)).toThrow('test.Everything.[test.note]: ');
  });

  it('are set, replaced and cleared without touching what else is unknown', () => {
    const message = everything.create();
    note.set(message, 'a');
    child.set(message, { text: 'c' });
    note.set(message, 'b');
    expect(note.get(message)).toBe('b');
    child.clear(message);
    expect(child.has(message)).toBe(false);
    note.clear(message);
    expect(message).toEqual(everything.create());
    expect(() => note.set(message, 5 as never)).toThrow('test.Everything.value: 5 is not a string');
  });
});
