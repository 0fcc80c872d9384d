/** What generated code is made of, besides the wire. */
import {
  constant,
  DeclaredError,
  describeError,
  dynamicError,
  dynamicResult,
  dynamicStruct,
  encodeDeclared,
  type FieldInfo,
  type MethodError,
  type StructCodec,
  type TypeInfo,
  topicCodec,
  writeMessage,
} from 'hawser/thrift';
import { describe, expect, it } from 'vitest';

type Fields = Record<string, unknown>;
const field = (id: number, name: string, type: TypeInfo, more: Partial<FieldInfo> = {}): FieldInfo => ({
  id,
  name,
  localName: name.replace(/_(.)/g, (_, c: string) => c.toUpperCase()),
  type,
  requiredness: 'optional',
  ...more,
});
const string: TypeInfo = { kind: 'string' };
const i32: TypeInfo = { kind: 'i32' };
const market: TypeInfo = { kind: 'enum', name: 'm.Market', values: { Unknown: 0, Portland: 1, Seattle: 2 } };
const amount = dynamicStruct('m.Amount', 'union', [
  field(1, 'pounds', i32),
  field(2, 'standard_crates', { kind: 'i16' }),
]);
const trade: StructCodec<Fields> = dynamicStruct('m.Trade', 'struct', () => [
  field(1, 'fish', string, { requiredness: 'required' }),
  field(2, 'amount', { kind: 'struct', codec: () => amount }),
  field(3, 'date_time', { kind: 'i64' }),
  field(4, 'market', market, { requiredness: 'default' }),
  field(5, 'tags', { kind: 'map', key: string, value: { kind: 'double' } }),
  field(6, 'by_market', { kind: 'map', key: market, value: { kind: 'set', element: { kind: 'i64' } } }),
  field(7, 'photo', { kind: 'binary' }),
  field(8, 'pairs', { kind: 'map', key: { kind: 'struct', codec: () => amount }, value: { kind: 'bool' } }),
  field(9, 'next', { kind: 'struct', codec: () => trade }),
  field(10, 'note', string, { requiredness: 'default', default: () => 'none' }),
  field(11, 'quotas', { kind: 'list', element: i32 }, { requiredness: 'default' }),
]);
const badFish = dynamicStruct('m.BadFish', 'exception', [
  field(1, 'fish', string),
  field(2, 'error_code', { kind: 'i16' }),
]);
const bad: MethodError = { id: 1, type: dynamicError(badFish) };

describe('JSON', () => {
  const value: Fields = {
    fish: 'halibut',
    amount: { $case: 'standardCrates', value: 3 },
    dateTime: 9_007_199_254_740_993n,
    market: 2,
    tags: new Map([
      ['__proto__', Number.NaN],
      ['b', Number.NEGATIVE_INFINITY],
    ]),
    byMarket: new Map([[1, new Set([1n, -5n])]]),
    photo: new Uint8Array([255, 0]),
    pairs: [[{ $case: 'pounds', value: 1 }, true]],
    note: 'none',
    quotas: [],
  };
  const json = {
    fish: 'halibut',
    amount: { standardCrates: 3 },
    dateTime: '9007199254740993',
    market: 'Seattle',
    tags: JSON.parse('{"__proto__":"NaN","b":"-Infinity"}') as unknown,
    byMarket: { Portland: ['1', '-5'] },
    photo: '/wA=',
    pairs: [[{ pounds: 1 }, true]],
    note: 'none',
    quotas: [],
  };

  it('of a struct reads well: names for enums, text for i64, one key for a union', () => {
    expect(JSON.stringify(trade.toJSON(value))).toBe(JSON.stringify(json));
    expect(trade.fromJSON(JSON.parse(JSON.stringify(json)))).toEqual(value);
  });

  it('is read with the names of the IDL too, numbers for i64 and enums, entries for a map, null for nothing', () => {
    const read = trade.fromJSON({
      fish: 'cod',
      date_time: 5,
      market: 7,
      tags: [['a', 1]],
      by_market: { 2: ['7'] },
      amount: { standard_crates: '4' },
      next: null,
    });
    expect(read).toEqual({
      fish: 'cod',
      dateTime: 5n,
      market: 7,
      tags: new Map([['a', 1]]),
      byMarket: new Map([[2, new Set([7n])]]),
      amount: { $case: 'standardCrates', value: 4 },
      note: 'none',
      quotas: [],
    });
  });

  it.each([
    [{}, 'fish is required by m.Trade, but the JSON does not give it'],
    [[], 'm.Trade is written as an object, not as an array'],
    [{ fish: 5 }, 'fish: 5 is not a string'],
    [
      { fish: 'x', amount: { pounds: 2 ** 31 } },
      'amount.pounds: 2147483648 is not an i32: an integer from -2147483648 to 2147483647',
    ],
    [
      { fish: 'x', amount: { pounds: 1, standardCrates: 2 } },
      'amount is a union, so it must be an object with one key, not 2',
    ],
    [
      { fish: 'x', next: { fish: 'y', amount: { tons: 1 } } },
      'next.amount.tons is not a field of m.Amount; its fields are pounds, standardCrates',
    ],
    [
      { fish: 'x', market: 'Atlantis' },
      'market: "Atlantis" is not a m.Market: Unknown, Portland, Seattle, or a number',
    ],
    [
      { fish: 'x', dateTime: 2 ** 60 },
      "dateTime: 1152921504606847000 is not exact in JSON's numbers; write it as a string",
    ],
    [{ fish: 'x', dateTime: '9223372036854775808' }, 'dateTime: "9223372036854775808" is not an i64'],
    [{ fish: 'x', photo: 'not base64!' }, 'photo: "not base64!" is not bytes'],
    [{ fish: 'x', tags: { a: 'many' } }, 'tags.a: "many" is not a double'],
    [{ fish: 'x', byMarket: { Portland: [1, 'x'] } }, 'byMarket.Portland[1]: "x" is not an i64'],
    [{ fish: 'x', pairs: {} }, 'pairs: map<m.Amount, bool> is written as an array of [key, value]'],
    [{ fish: 'x', pairs: [1] }, 'pairs[0]: an entry is written as [key, value]'],
    [{ fish: 'x', tags: 'x' }, 'tags: map<string, double> is written as an object, not as a string'],
  ])('%j is refused with the path of what is wrong', (wrong, message) => {
    expect(() => trade.fromJSON(wrong)).toThrow(TypeError);
    expect(() => trade.fromJSON(wrong)).toThrow(message);
  });

  it('of an exception is a plain object, and comes back as an Error', () => {
    const error = badFish.create({ fish: 'boot', errorCode: 3 });
    expect(JSON.stringify(badFish.toJSON(error))).toBe('{"fish":"boot","errorCode":3}');
    const back = badFish.fromJSON({ fish: 'boot', error_code: 3 });
    expect(back).toBeInstanceOf(DeclaredError);
    expect(back).toMatchObject({ fish: 'boot', errorCode: 3, message: 'BadFish { fish: "boot", errorCode: 3 }' });
  });

  it('of a result is that of what the function returns', () => {
    expect(dynamicResult({ kind: 'list', element: { kind: 'i64' } }).toJSON([5n])).toEqual(['5']);
    expect(dynamicResult({ kind: 'i64' }).fromJSON('5')).toBe(5n);
    expect(dynamicResult(undefined).toJSON(undefined)).toBeNull();
  });
});

describe('a struct', () => {
  it('is read with its defaults, and zeros where the IDL has none', () => {
    expect(trade.decode(trade.encode({ fish: 'x' }, 'binary'), 'binary')).toEqual({
      fish: 'x',
      market: 0,
      note: 'none',
      quotas: [],
    });
  });

  it('is written with the default of a field that is left out', () => {
    const later = dynamicStruct('m.Trade', 'struct', [field(10, 'note', string)]);
    expect(later.decode(trade.encode({ fish: 'x' }, 'compact'), 'compact')).toEqual({ note: 'none' });
  });

  it('gets a fresh default each time', () => {
    const codec = dynamicStruct('m.D', 'struct', [
      field(1, 'l', { kind: 'list', element: i32 }, { requiredness: 'default', default: () => [1] }),
    ]);
    const first = codec.create();
    (first.l as number[]).push(2);
    expect(codec.create()).toEqual({ l: [1] });
  });

  it('cannot be encoded for gRPC', () => {
    expect(() => trade.encode({ fish: 'x' }, 'proto')).toThrow(/no encoding "proto"; call its service over Thrift/);
    expect(() => trade.decode(Buffer.alloc(1), 'proto')).toThrow(TypeError);
  });

  it('is written in ascending id, whatever the order of the IDL', () => {
    const codec = dynamicStruct('m.O', 'struct', [field(2, 'b', i32), field(1, 'a', i32)]);
    expect(Buffer.from(codec.encode({ a: 1, b: 2 }, 'compact')).toString('hex')).toBe('1502150400');
  });
});

describe.each(['binary', 'compact'] as const)('a result in %s', (encoding) => {
  const codec = dynamicResult({ kind: 'struct', codec: () => trade }, [bad]);

  it('is the value that the function returns', () => {
    const value = trade.create({ fish: 'x' });
    expect(codec.decode(codec.encode(value, encoding), encoding)).toEqual(value);
    expect(codec.typeName).toBe('m.Trade');
  });

  it('throws the declared error that it holds, read to the end of the frame', () => {
    const bytes = encodeDeclared(bad, badFish.create({ fish: 'boot' }) as unknown as Error, encoding);
    expect(() => codec.decode(bytes, encoding)).toThrow(expect.objectContaining({ fish: 'boot', name: 'BadFish' }));
    expect(() => codec.decode(Buffer.concat([bytes, Buffer.alloc(1)]), encoding)).toThrow(/1 bytes follow/);
  });

  it('that holds nothing, or an error that is not declared, is missing', () => {
    expect(() => codec.decode(Buffer.from([0]), encoding)).toThrow(/neither a result \(m\.Trade\) nor an error/);
    const undeclared = encodeDeclared({ ...bad, id: 9 }, badFish.create({}) as unknown as Error, encoding);
    expect(() => codec.decode(undeclared, encoding)).toThrow(/neither a result/);
  });

  it('that holds a value and a declared error is a failure', () => {
    const text = dynamicResult(string, [bad]);
    const value = text.encode('x', encoding).subarray(0, -1);
    const error = encodeDeclared(bad, badFish.create({}) as unknown as Error, encoding);
    expect(() => text.decode(Buffer.concat([value, error]), encoding)).toThrow(
      expect.objectContaining({ name: 'BadFish' }),
    );
  });

  it('of void may be empty, and still throws a declared error', () => {
    const none = dynamicResult(undefined, [bad]);
    expect(none.decode(none.encode(undefined, encoding), encoding)).toBeUndefined();
    const bytes = encodeDeclared(bad, badFish.create({}) as unknown as Error, encoding);
    expect(() => none.decode(bytes, encoding)).toThrow(expect.objectContaining({ name: 'BadFish' }));
  });

  it('names what is wrong with a value that a handler returned', () => {
    expect(() => codec.encode({ fish: 5 }, encoding)).toThrow(/^m\.Trade\.fish: 5 is not a string/);
    expect(() => codec.encode(undefined, encoding)).toThrow(/^m\.Trade: undefined is not a m\.Trade/);
  });

  it('of a topic is one item at a time, with the codec of the whole list beside it', () => {
    const snapshot = dynamicResult({ kind: 'list', element: string });
    const topic = topicCodec(dynamicResult(string), snapshot as never);
    expect(topic.decode(topic.encode('x', encoding), encoding)).toBe('x');
    expect(topic.snapshot).toBe(snapshot);
  });
});

describe('a message', () => {
  it('with a name over 256 bytes is not sent', () => {
    expect(() => writeMessage('binary', 'é'.repeat(129), 1, 0, Buffer.alloc(0))).toThrow(
      /takes 258 bytes; at most 256/,
    );
    expect(() => writeMessage('compact', 'm', 1, 2 ** 31, Buffer.alloc(0))).toThrow(RangeError);
  });
});

describe('a constant', () => {
  it('cannot be changed at any depth, and is itself', () => {
    const value = { list: [{ a: 1 }], map: new Map([['k', new Set([1])]]), bytes: new Uint8Array(1), n: 1n };
    expect(constant(value)).toBe(value);
    expect(() => value.list.push({ a: 2 })).toThrow(TypeError);
    expect(() => Object.assign(value.list[0] as object, { a: 2 })).toThrow(TypeError);
    expect(() => value.map.set('x', new Set())).toThrow(/cannot be changed; copy it first: new Map/);
    expect(() => value.map.delete('k')).toThrow(TypeError);
    expect(() => value.map.clear()).toThrow(TypeError);
    expect(() => value.map.get('k')?.add(2)).toThrow(/copy it first: new Set/);
    expect([...value.map.keys()]).toEqual(['k']);
    expect(new Map(value.map).set('x', new Set()).size).toBe(2);
  });
});

describe('the message of a declared error without one', () => {
  it('shows its fields, short', () => {
    expect(describeError('m.v1.BadFish', { fish: 'halibut', errorCode: 3, left: undefined })).toBe(
      'BadFish { fish: "halibut", errorCode: 3 }',
    );
    expect(describeError('Empty', {})).toBe('Empty');
    const much = { n: 5n, b: new Uint8Array(9), m: new Map([['k', 1n]]), s: new Set([1]), l: [{ a: 1 }], z: null };
    expect(describeError('m.E', much)).toBe('E { n: 5, b: 9 bytes, m: { "k": 1 }, s: [1], l: [{ a: 1 }], z: null }');
    expect(describeError('m.E', { text: 'x'.repeat(9999) }).length).toBeLessThanOrEqual(200);
    const loop: Fields = {};
    loop.loop = loop;
    expect(describeError('m.E', loop).length).toBeLessThanOrEqual(200);
  });
});
