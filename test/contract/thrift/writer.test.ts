import { dynamicStruct, type FieldInfo, ThriftBinaryWriter, ThriftCompactWriter, type TypeInfo } from 'hawser/thrift';
import { describe, expect, it } from 'vitest';

const one = (type: TypeInfo) => {
  const field: FieldInfo = { id: 1, name: 'f', localName: 'f', type, requiredness: 'optional' };
  return dynamicStruct('t.S', 'struct', [field]);
};
const inner = one({ kind: 'i32' });

describe.each([
  ['binary', ThriftBinaryWriter],
  ['compact', ThriftCompactWriter],
] as const)('a value that its type cannot hold, in %s', (encoding, Writer) => {
  it.each([
    ['i8', 128, RangeError, 't.S.f: 128 is not an i8; it must be an integer from -128 to 127'],
    ['i8', -129, RangeError, '-129 is not an i8'],
    ['i16', 32768, RangeError, '32768 is not an i16'],
    ['i16', 0.5, RangeError, '0.5 is not an i16'],
    ['i32', 2147483648, RangeError, '2147483648 is not an i32'],
    ['i32', Number.NaN, RangeError, 'NaN is not an i32'],
    ['i32', Number.POSITIVE_INFINITY, RangeError, 'Infinity is not an i32'],
    ['i32', '5', TypeError, '"5" is not an i32'],
    ['i32', 5n, TypeError, '5n is not an i32'],
    ['i64', 5, TypeError, '5 is not an i64; it must be a bigint'],
    ['i64', '9007199254740993', TypeError, '"9007199254740993" is not an i64'],
    ['i64', 2n ** 63n, RangeError, '9223372036854775808n is not an i64'],
    ['i64', -(2n ** 63n) - 1n, RangeError, '-9223372036854775809n is not an i64'],
    ['double', '1', TypeError, '"1" is not a number'],
    ['bool', 1, TypeError, '1 is not a boolean'],
    ['string', 1, TypeError, '1 is not a string'],
    ['string', new Uint8Array(1), TypeError, 'a Uint8Array is not a string'],
    ['binary', 'text', TypeError, '"text" is not a Uint8Array'],
    ['binary', [1, 2], TypeError, 'an array is not a Uint8Array'],
    ['uuid', '00112233445566778899aabbccddeeff', TypeError, 'is not a uuid; write it as 00112233-'],
    ['uuid', 'x0112233-4455-6677-8899-aabbccddeeff', TypeError, 'is not a uuid'],
  ] as const)('%s %s is refused with a sentence', (kind, value, type, message) => {
    expect(() => one({ kind }).encode({ f: value }, encoding)).toThrow(
      expect.objectContaining({ constructor: type, message: expect.stringContaining(message) }),
    );
  });

  it.each([
    ['an array for a Set', { kind: 'set', element: { kind: 'i32' } }, [1]],
    ['an object for a Map', { kind: 'map', key: { kind: 'string' }, value: { kind: 'i32' } }, { a: 1 }],
    ['a Set for a list', { kind: 'list', element: { kind: 'i32' } }, new Set([1])],
    ['a Map where keys are no scalars', { kind: 'map', key: { kind: 'binary' }, value: { kind: 'i32' } }, new Map()],
  ] as const)('%s is refused', (_name, type, value) => {
    expect(() => one(type as TypeInfo).encode({ f: value }, encoding)).toThrow(TypeError);
  });

  it('is named by its path, through lists, maps and structs', () => {
    const type: TypeInfo = { kind: 'struct', codec: () => inner };
    const list = one({ kind: 'list', element: type });
    expect(() => list.encode({ f: [{ f: 1 }, { f: 2 ** 40 }] }, encoding)).toThrow(
      /^t\.S\.f\[1\]\.f: 1099511627776 is/,
    );
    const map = one({ kind: 'map', key: { kind: 'string' }, value: type });
    expect(() => map.encode({ f: new Map([['k', { f: 'x' }]]) }, encoding)).toThrow(/^t\.S\.f\[0\]\.value\.f: "x" is/);
    expect(() => list.encode({ f: [null] }, encoding)).toThrow(/^t\.S\.f\[0\]: null is not a t\.S/);
    expect(() => list.encode({ f: [undefined] }, encoding)).toThrow(/^t\.S\.f\[0\]: undefined is not a t\.S/);
  });

  it('may be null for a field that is not required, as JavaScript has it', () => {
    expect(Buffer.from(inner.encode({ f: null }, encoding)).toString('hex')).toBe('00');
  });

  it('leaves nothing behind for the next value', () => {
    const before = inner.encode({ f: 1 }, encoding);
    expect(() => one({ kind: 'list', element: { kind: 'i32' } }).encode({ f: [1, 2, 'x'] }, encoding)).toThrow(
      TypeError,
    );
    expect(inner.encode({ f: 1 }, encoding)).toEqual(before);
  });

  it('is caught by the writer itself where there is no codec', () => {
    const writer = new Writer();
    expect(() => writer.set(8, undefined as unknown as number)).toThrow(/an array, a set a Set, a map a Map/);
    expect(() => writer.list(8, -1)).toThrow(RangeError);
    expect(() => writer.map(8, 8, 1_000_001)).toThrow(RangeError);
  });
});

describe.each(['binary', 'compact'] as const)('text in %s', (encoding) => {
  const codec = one({ kind: 'string' });

  it.each([
    ['\ud800', '\ufffd'],
    ['a\udfffb', 'a\ufffdb'],
    [`${'x'.repeat(200)}\ud83d`, `${'x'.repeat(200)}\ufffd`],
  ])('with a lone surrogate is written with U+FFFD in its place', (written, read) => {
    expect(codec.decode(codec.encode({ f: written }, encoding), encoding)).toEqual({ f: read });
  });

  it('of every length around the lengths where the encoder changes its way comes back', () => {
    for (const unit of ['x', 'é', '魚', '🐟']) {
      for (let length = 0; length < 140; length++) {
        const f = unit.repeat(length);
        expect(codec.decode(codec.encode({ f }, encoding), encoding)).toEqual({ f });
        const mixed = `${'a'.repeat(length)}${unit}`;
        expect(codec.decode(codec.encode({ f: mixed }, encoding), encoding)).toEqual({ f: mixed });
      }
    }
  });
});

describe.each(['binary', 'compact'] as const)('what is handed out in %s', (encoding) => {
  const codec = one({ kind: 'binary' });

  it.each([10, 2_000, 40_000, 1_000_000])('of %d bytes is not written into again', (size) => {
    const first = codec.encode({ f: Buffer.alloc(size, 1) }, encoding);
    const copy = Buffer.from(first);
    for (let i = 0; i < 10; i++) codec.encode({ f: Buffer.alloc(size, 2) }, encoding);
    expect(copy.equals(first)).toBe(true);
  });

  it('holds no more memory than twice its bytes', () => {
    const bytes = codec.encode({ f: Buffer.alloc(70_000, 1) }, encoding);
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(2 * bytes.length + 8192);
  });

  it('is right when an encoder runs within another', () => {
    const sneaky = {
      get f() {
        codec.encode({ f: Buffer.from('within') }, encoding);
        return Buffer.from('outer');
      },
    };
    expect(Buffer.from(codec.decode(codec.encode(sneaky, encoding), encoding).f as Uint8Array).toString()).toBe(
      'outer',
    );
  });

  it('gives binary back as a view, plain Uint8Array as it is typed', () => {
    const frame = codec.encode({ f: Buffer.from('abc') }, encoding);
    const { f } = codec.decode(frame, encoding);
    expect(Object.getPrototypeOf(f)).toBe(Uint8Array.prototype);
    expect((f as Uint8Array).buffer).toBe(frame.buffer);
  });

  it('is decoded from a Uint8Array that is no Buffer, at any offset', () => {
    const frame = codec.encode({ f: Buffer.from('abc') }, encoding);
    const memory = new Uint8Array(frame.length + 9);
    memory.set(frame, 5);
    const { f } = codec.decode(memory.subarray(5, 5 + frame.length), encoding);
    expect(Buffer.from(f as Uint8Array).toString()).toBe('abc');
  });
});
