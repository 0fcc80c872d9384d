/** create, clone, equals and the errors of encode, by the table of fields. */
import { describe, expect, it } from 'vitest';
import { interpretedMessage } from '../../../src/contract/proto/interpret.js';
import { unknownFields } from '../../../src/contract/proto/unknown.js';
import { Int64Value, StringValue } from '../../../src/contract/proto/unwrapped.js';
import { everything } from './json/everything.js';

const wrapped = interpretedMessage('test.Wrapped', () => [
  [1, 'longs', Int64Value, { map: 'string' }],
  [2, 'texts', StringValue, { map: 'bool' }],
]);

describe('create', () => {
  it('fills in what is absent, at all depths', () => {
    const message = everything.create({
      text: null,
      child: { numbers: undefined },
      children: [{}],
      byInt: { 1: { text: 'a' } },
    });
    expect(message).toMatchObject({ text: '', int64Field: 0n, child: { numbers: [], text: '' } });
    expect(message).toStrictEqual(everything.decode(everything.encode(message)));
  });

  it('shares no list, map or message with what it was given', () => {
    const init = { numbers: [1], child: {}, byName: { a: 'b' }, struct: { a: [] }, byLong: new Map([[1n, 1]]) };
    const message = everything.create(init);
    for (const name of Object.keys(init)) expect(message[name]).not.toBe(init[name as keyof typeof init]);
    expect(message).toMatchObject({ numbers: [1], byName: { a: 'b' }, byLong: new Map([[1n, 1]]) });
  });

  it('makes maps without a prototype, and takes a key `__proto__` for a key', () => {
    const { byName } = everything.create({ byName: JSON.parse('{"__proto__": "x"}') });
    expect(Object.getPrototypeOf(byName)).toBe(null);
    expect(Object.entries(byName as object)).toEqual([['__proto__', 'x']]);
  });

  it('keeps unknown fields', () => {
    const message = everything.decode(new Uint8Array([0xa0, 0x1f, 1]));
    expect(everything.create(message)[unknownFields as never]).toEqual(new Uint8Array([0xa0, 0x1f, 1]));
  });

  it('names the field that holds what is no list, map, message or oneof', () => {
    const create = (init: unknown) => () => everything.create(init as never);
    expect(create('x')).toThrow(new TypeError('test.Everything: "x" is not a test.Everything: an object'));
    expect(create({ children: [{ numbers: 5 }] })).toThrow('test.Everything.children[0].numbers: 5 is not an array');
    expect(create({ byName: 'x' })).toThrow('test.Everything.by_name: "x" is not a map');
    expect(create({ payment: { $case: 'gold' } })).toThrow(
      'test.Everything.payment: $case "gold" is not a oneof: { $case, value }, where $case is cash, card, nothing',
    );
  });
});

describe('clone and equals', () => {
  const full = () =>
    everything.create({
      text: 'a',
      doubleField: Number.NaN,
      data: new Uint8Array([1]),
      numbers: [1, 2],
      children: [{ text: 'b' }],
      byName: { x: 'y', z: 'w' },
      byLong: new Map([[5n, 6]]),
      payment: { $case: 'card', value: { text: 'c' } },
      struct: { a: [1, { b: null }] },
      mask: ['p'],
      wrapped: 5n,
    });

  it('copy everything, and share nothing', () => {
    const message = full();
    const copy = everything.clone(message);
    expect(copy).toStrictEqual(message);
    expect(everything.equals(copy, message)).toBe(true);
    for (const [name, value] of Object.entries(message))
      if (typeof value === 'object') expect(copy[name], name).not.toBe(value);
  });

  it('see each difference', () => {
    for (const change of [
      { text: 'b' },
      { doubleField: 0 },
      { data: new Uint8Array([2]) },
      { numbers: [1] },
      { children: [{ text: 'x' }] },
      { byName: { x: 'y' } },
      { byLong: new Map([[5n, 7]]) },
      { payment: { $case: 'card', value: { text: 'd' } } },
      { payment: { $case: 'cash', value: 1n } },
      { payment: undefined },
      { struct: { a: [1, { b: 1 }] } },
      { mask: ['q'] },
      { wrapped: undefined },
      { maybe: 0 },
      { [unknownFields]: new Uint8Array([0xa0, 0x1f, 1]) },
    ]) {
      expect(
        everything.equals(full(), everything.create({ ...full(), ...change })),
        JSON.stringify(Object.keys(change)),
      ).toBe(false);
    }
  });

  it('take the order of map entries for nothing, and absent for zero where that is not sent', () => {
    expect(everything.equals(full(), { ...full(), byName: { z: 'w', x: 'y' } })).toBe(true);
    expect(everything.equals(everything.create(), {} as never)).toBe(true);
    expect(everything.equals(everything.create({ doubleField: -0 }), everything.create())).toBe(false);
  });
});

describe('encode', () => {
  const encode = (message: unknown) => () => everything.encode(message as never);

  it.each([
    [5, TypeError, 'test.Everything: 5 is not a test.Everything; it must be an object'],
    [{ text: 5 }, TypeError, 'test.Everything.text: 5 is not a string'],
    [{ int32Field: 2 ** 31 }, RangeError, 'test.Everything.int32_field: 2147483648 is not an int32'],
    [{ int64Field: 5 }, TypeError, 'test.Everything.int64_field: 5 is not an int64'],
    [{ asNumber: 1.5 }, RangeError, 'test.Everything.as_number: 1.5 is not a whole number'],
    [{ asText: 'x' }, TypeError, 'test.Everything.as_text: "x" is not a 64-bit number as text'],
    [{ color: 'COLOR_RED' }, TypeError, 'test.Everything.color: "COLOR_RED" is not an int32'],
    [{ numbers: [1, '2'] }, TypeError, 'test.Everything.numbers[1]: "2" is not an int32'],
    [{ numbers: 'x' }, TypeError, 'test.Everything.numbers: "x" is not an array'],
    [
      { children: [{}, { child: { flag: 'no' } }] },
      TypeError,
      'test.Everything.children[1].child.flag: "no" is not a boolean',
    ],
    [{ children: [null] }, TypeError, 'test.Everything.children[0]: the element is null'],
    [{ byName: { a: 1 } }, TypeError, 'test.Everything.by_name["a"]: 1 is not a string'],
    [{ byInt: { x: {} } }, RangeError, 'test.Everything.by_int["x"]: '],
    [{ byLong: new Map([['x', 1]]) }, TypeError, 'test.Everything.by_long["x"]: '],
    [{ payment: { $case: 'cash', value: 'x' } }, TypeError, 'test.Everything.cash: "x" is not an int64'],
    [
      { payment: { $case: 'gold', value: 1 } },
      TypeError,
      'test.Everything.payment: $case is "gold"; it must be cash, card, nothing',
    ],
    [{ payment: 'x' }, TypeError, 'test.Everything.payment: "x" is not a oneof'],
    [{ wrapped: 5 }, TypeError, 'test.Everything.wrapped: 5 is not an int64'],
    [{ struct: [] }, TypeError, 'test.Everything.struct: an array is not an object'],
    [{ text: '\ud800' }, TypeError, 'test.Everything.text: '],
  ])('names the field and the value: %o', (message, Kind, text) => {
    expect(encode(message)).toThrow(Kind);
    expect(encode(message)).toThrow(text);
  });
});

it('writes wrappers in maps, which are no 64-bit numbers in another form', () => {
  const message = wrapped.create({ longs: { a: 5n }, texts: new Map([[true, 'x']]) });
  expect(wrapped.decode(wrapped.encode(message))).toStrictEqual(message);
});
