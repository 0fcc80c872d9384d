/** Bytes that no honest writer makes: each is refused with a sentence, at a cost that its size bounds. */

import {
  dynamicStruct,
  type FieldInfo,
  ProtocolFault,
  readMessageHeader,
  type StructCodec,
  setThriftLimits,
  ThriftBinaryReader,
  ThriftCompactReader,
  ThriftProtocolError,
  type TypeInfo,
} from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';

type Fields = Record<string, unknown>;
type Wire = 'binary' | 'compact';

const field = (id: number, type: TypeInfo, requiredness: FieldInfo['requiredness'] = 'optional'): FieldInfo => ({
  id,
  name: `f${id}`,
  localName: `f${id}`,
  type,
  requiredness,
});
const struct = (...fields: FieldInfo[]) => dynamicStruct('t.S', 'struct', fields);
const i32: TypeInfo = { kind: 'i32' };
const string: TypeInfo = { kind: 'string' };
const list = (element: TypeInfo): TypeInfo => ({ kind: 'list', element });
const empty = dynamicStruct('t.Empty', 'struct', []);
const anything = struct();
const node: StructCodec<Fields> = dynamicStruct('t.Node', 'struct', () => [
  field(1, { kind: 'struct', codec: () => node }),
]);

function fault(codec: StructCodec<Fields>, hex: string, encoding: Wire): ThriftProtocolError {
  try {
    codec.decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'), encoding);
  } catch (error) {
    expect(error).toBeInstanceOf(ThriftProtocolError);
    expect((error as Error).message).toMatch(/\w+ \w+ /);
    return error as ThriftProtocolError;
  }
  throw new Error('the bytes were accepted');
}

afterEach(() => setThriftLimits({}));

describe('a string or binary', () => {
  it.each([
    ['of length -1 is refused in binary', 'binary', '0b0001 ffffffff 00', ProtocolFault.NEGATIVE_SIZE],
    ['of length 2^31-1 is refused in binary', 'binary', '0b0001 7fffffff 00', ProtocolFault.INVALID_DATA],
    ['longer than what is left is refused in binary', 'binary', '0b0001 00000003 6161', ProtocolFault.INVALID_DATA],
    ['of length -1 is refused in compact', 'compact', '18 ffffffff0f 00', ProtocolFault.NEGATIVE_SIZE],
    ['of length 2^31-1 is refused in compact', 'compact', '18 ffffffff07 00', ProtocolFault.INVALID_DATA],
    ['longer than what is left is refused in compact', 'compact', '18 03 6161', ProtocolFault.INVALID_DATA],
  ] as const)('%s', (_name, encoding, hex, type) => {
    expect(fault(struct(field(1, string)), hex, encoding).type).toBe(type);
    expect(fault(struct(field(1, { kind: 'binary' })), hex, encoding).type).toBe(type);
    expect(fault(anything, hex, encoding).type).toBe(type);
  });

  it.each([['ff'], ['c080'], ['eda080'], ['f4908080'], ['e282']])(
    'that is not UTF-8 (%s) is refused as text and read as binary',
    (bytes) => {
      const length = bytes.length / 2;
      for (const [encoding, hex] of [
        ['binary', `0b0001 0000000${length} ${bytes} 00`],
        ['compact', `18 0${length} ${bytes} 00`],
      ] as const) {
        expect(fault(struct(field(1, string)), hex, encoding).message).toMatch(/are not UTF-8/);
        const read = struct(field(1, { kind: 'binary' })).decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'), encoding);
        expect(Buffer.from(read.f1 as Uint8Array).toString('hex')).toBe(bytes);
      }
    },
  );

  it('that is not UTF-8 is refused however long it is', () => {
    const text = Buffer.alloc(5000, 'x');
    text[4999] = 0xff;
    const bytes = Buffer.from(struct(field(1, { kind: 'binary' })).encode({ f1: text }, 'compact'));
    expect(() => struct(field(1, string)).decode(bytes, 'compact')).toThrow(/are not UTF-8/);
  });

  it('may hold U+FFFD itself', () => {
    const codec = struct(field(1, string));
    expect(codec.decode(codec.encode({ f1: 'a\ufffdb' }, 'binary'), 'binary')).toEqual({ f1: 'a\ufffdb' });
  });
});

describe('a container', () => {
  it.each([
    ['of size -1', '0f0001 08 ffffffff 00', '19 f5 ffffffff0f 00', ProtocolFault.NEGATIVE_SIZE],
    ['of size 2^31-1', '0f0001 08 7fffffff 00', '19 f5 ffffffff07 00', ProtocolFault.SIZE_LIMIT],
    ['with more elements than bytes are left', '0f0001 08 000003e8 00', '19 f5 e807 00', ProtocolFault.INVALID_DATA],
    ['of elements of type 0', '0f0001 00 00000001 00', '19 10 00', ProtocolFault.INVALID_DATA],
    ['of elements of a type that is none', '0f0001 11 00000001 00', '19 1e 00', ProtocolFault.INVALID_DATA],
  ])('%s is refused, known or not', (_name, binary, compact, type) => {
    expect(fault(struct(field(1, list(i32))), binary, 'binary').type).toBe(type);
    expect(fault(anything, binary, 'binary').type).toBe(type);
    expect(fault(struct(field(1, list(i32))), compact, 'compact').type).toBe(type);
    expect(fault(anything, compact, 'compact').type).toBe(type);
  });

  it('of elements of type 1 is refused in binary, where compact has its bool', () => {
    expect(fault(anything, '0f0001 01 00000001 00', 'binary').message).toMatch(/no type 1/);
    expect(struct(field(1, list({ kind: 'bool' }))).decode(Buffer.from('19110100', 'hex'), 'compact')).toEqual({
      f1: [true],
    });
  });

  it('is refused by the size that its elements have at the least', () => {
    // 100 doubles are 800 bytes; 799 are there.
    const doubles = Buffer.concat([Buffer.from('0f00010400000064', 'hex'), Buffer.alloc(799)]);
    expect(fault(struct(field(1, list({ kind: 'double' }))), doubles.toString('hex'), 'binary').message).toMatch(
      /needs at least 800 bytes, but 799 are left/,
    );
    const entries = Buffer.concat([Buffer.from('0d00010b0b00000064', 'hex'), Buffer.alloc(799)]);
    const map: TypeInfo = { kind: 'map', key: string, value: string };
    expect(fault(struct(field(1, map)), entries.toString('hex'), 'binary').message).toMatch(/at least 800 bytes/);
  });

  it.each([
    ['empty structs', { kind: 'struct', codec: () => empty }, '0f00010c', '19fc'],
    ['bools', { kind: 'bool' }, '0f000102', '19f1'],
  ] as const)(
    'of %s, which take one byte each, needs as many bytes as it has elements',
    (_name, type, binary, compact) => {
      const codec = struct(field(1, list(type as TypeInfo)));
      const short = Buffer.alloc(999).toString('hex');
      expect(fault(codec, `${binary}000003e8${short}`, 'binary').message).toMatch(/at least 1000 bytes/);
      expect(fault(codec, `${compact}e807${short}`, 'compact').message).toMatch(/at least 1000 bytes/);
      expect(codec.decode(Buffer.from(`${binary}000003e8${short}0000`, 'hex'), 'binary').f1).toHaveLength(1000);
    },
  );

  it('of more elements than the limit is refused, and the limit can be set', () => {
    const codec = struct(field(1, list({ kind: 'bool' })));
    const many = Buffer.concat([Buffer.from('0f0001020010c8e0', 'hex'), Buffer.alloc(1_100_001)]);
    expect(() => codec.decode(many, 'binary')).toThrow(/1100000 elements .* over the limit of 1000000/);
    setThriftLimits({ elements: 1_100_000 });
    expect(codec.decode(many, 'binary').f1).toHaveLength(1_100_000);
    setThriftLimits({ elements: 2 });
    expect(() => codec.encode({ f1: [true, true, true] }, 'binary')).toThrow(RangeError);
  });

  it('of a size that its bytes bear out costs memory in proportion to them', () => {
    const codec = struct(field(1, list(list({ kind: 'bool' }))));
    const declares = Buffer.concat([
      Buffer.from('19f9', 'hex'),
      Buffer.from('c0843d', 'hex'),
      Buffer.alloc(999_999, 0xf1),
    ]);
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    expect(() => codec.decode(declares, 'compact')).toThrow(ThriftProtocolError);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
  });

  it('of no elements may say any type, or none as maps in compact do', () => {
    const map: TypeInfo = { kind: 'map', key: string, value: i32 };
    expect(struct(field(1, list(i32))).decode(Buffer.from('0f00010b0000000000', 'hex'), 'binary')).toEqual({ f1: [] });
    expect(struct(field(1, list(i32))).decode(Buffer.from('190800', 'hex'), 'compact')).toEqual({ f1: [] });
    expect(struct(field(1, map)).decode(Buffer.from('1b0000', 'hex'), 'compact')).toEqual({ f1: new Map() });
  });

  it('with elements of another type is left out, and what follows is read', () => {
    const codec = struct(field(1, list(i32)), field(2, string));
    expect(
      codec.decode(
        Buffer.from('0f00010b00000001000000016108000200000000 0b0002000000017a 00'.replaceAll(' ', ''), 'hex'),
        'binary',
      ),
    ).toEqual({ f2: 'z' });
    expect(codec.decode(Buffer.from('191801611801 7a00'.replaceAll(' ', ''), 'hex'), 'compact')).toEqual({ f2: 'z' });
  });

  it('with elements of another type within a container is refused', () => {
    const codec = struct(field(1, list(list(i32))));
    expect(fault(codec, '0f0001 0f00000001 0b00000001 0000000161 00', 'binary').message).toMatch(
      /elements of another type/,
    );
  });

  it('with the same key or element twice keeps the last, once', () => {
    const map: TypeInfo = { kind: 'map', key: i32, value: i32 };
    expect(
      struct(field(1, map)).decode(Buffer.from('1b0255 02020204 00'.replaceAll(' ', ''), 'hex'), 'compact').f1,
    ).toEqual(new Map([[1, 2]]));
    expect(
      struct(field(1, { kind: 'set', element: i32 })).decode(Buffer.from('1a25020200', 'hex'), 'compact').f1,
    ).toEqual(new Set([1]));
  });

  it('with NaN for a key has one entry for it', () => {
    const map: TypeInfo = { kind: 'map', key: { kind: 'double' }, value: i32 };
    const codec = struct(field(1, map));
    const nan = new Map([[Number.NaN, 1]]);
    expect(codec.decode(codec.encode({ f1: nan }, 'compact'), 'compact').f1).toEqual(nan);
  });
});

describe('a field', () => {
  it.each([1, 5, 7, 9, 17, 18, 31, 64, 128, 255])('of type %d, which there is not in binary, is refused', (type) => {
    expect(fault(anything, `${type.toString(16).padStart(2, '0')}0001 00000000 00`, 'binary').message).toMatch(
      `there is no type ${type} `,
    );
  });

  it.each([14, 15])('of type %d, which there is not in compact, is refused', (type) => {
    expect(fault(anything, `1${type.toString(16)} 00 00`, 'compact').message).toMatch(`there is no type ${type} `);
  });

  it('of type STOP with an id in compact is refused', () => {
    expect(fault(anything, '10 00', 'compact').message).toMatch(/there is no type 0 /);
  });

  it('whose id goes over 32767 in compact is refused', () => {
    // 05 = i32 with its id in full: 32767 as zig-zag; then a step of 1.
    expect(fault(anything, '05 feff03 02 15 02 00', 'compact').message).toMatch(/field id 32768 is over 32767/);
    expect(fault(anything, '05 80800402 00', 'compact').message).toMatch(/outside i16/);
  });

  it('that comes twice holds what came last', () => {
    expect(struct(field(1, i32)).decode(Buffer.from('080001000000010800010000000200', 'hex'), 'binary')).toEqual({
      f1: 2,
    });
  });

  it('of another type than the IDL says is skipped', () => {
    expect(
      struct(field(1, i32), field(2, i32)).decode(Buffer.from('18016115 02 00'.replaceAll(' ', ''), 'hex'), 'compact'),
    ).toEqual({ f2: 1 });
  });

  it('that is required and does not come is refused', () => {
    expect(fault(struct(field(1, i32, 'required')), '00', 'binary').message).toMatch(/t\.S\.f1 is required/);
  });

  it('with a negative id is read', () => {
    const codec = struct(field(-5, i32));
    for (const encoding of ['binary', 'compact'] as const) {
      expect(codec.decode(codec.encode({ 'f-5': 7 }, encoding), encoding)).toEqual({ 'f-5': 7 });
    }
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('called %s is data and nothing else', (name) => {
    const codec = dynamicStruct('t.P', 'struct', [
      { id: 1, name, localName: name, type: string, requiredness: 'optional' },
    ]);
    expect(Object.keys(codec.decode(Buffer.from('00', 'hex'), 'binary'))).toEqual([]);
    const json = JSON.parse(`{${JSON.stringify(name)}: "x"}`) as unknown;
    const read = codec.decode(codec.encode(codec.fromJSON(json), 'compact'), 'compact');
    expect(Object.getOwnPropertyDescriptor(read, name)?.value).toBe('x');
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(JSON.stringify(codec.toJSON(read))).toBe(`{${JSON.stringify(name)}:"x"}`);
  });
});

describe('a bool', () => {
  it('is 0 or 1 in binary; what libraries disagree about is refused', () => {
    const codec = struct(field(1, { kind: 'bool' }));
    expect(codec.decode(Buffer.from('0200010100', 'hex'), 'binary')).toEqual({ f1: true });
    expect(fault(codec, '0200010200', 'binary').message).toMatch(/2 is not a bool/);
  });

  it('within a compact container is 1 or 2, or 0 as old writers have it, under either type', () => {
    const codec = struct(field(1, list({ kind: 'bool' })));
    for (const type of ['1', '2']) {
      expect(codec.decode(Buffer.from(`193${type}01020000`, 'hex'), 'compact')).toEqual({ f1: [true, false, false] });
    }
    expect(fault(codec, '19110300', 'compact').message).toMatch(/3 is not a bool/);
  });
});

describe('a varint', () => {
  it.each([
    ['of 32 bits and 6 bytes', 'i32', '15 808080808001 00'],
    ['of more than 32 bits in 5 bytes', 'i32', '15 ffffffff1f 00'],
    ['of 64 bits and 11 bytes', 'i64', '16 8080808080808080808001 00'],
    ['of more than 64 bits in 10 bytes', 'i64', '16 ffffffffffffffffff02 00'],
    ['that does not end', 'i64', '16 ffff'],
    ['of 17 bits for an i16', 'i16', '14 808008 00'],
  ] as const)('%s is refused', (_name, kind, hex) => {
    expect(fault(struct(field(1, { kind })), hex, 'compact').type).toBe(ProtocolFault.INVALID_DATA);
    expect(fault(anything, hex, 'compact').type).toBe(ProtocolFault.INVALID_DATA);
  });

  it('that is longer than it need be is read', () => {
    expect(struct(field(1, i32)).decode(Buffer.from('1582808000 00'.replaceAll(' ', ''), 'hex'), 'compact')).toEqual({
      f1: 1,
    });
    expect(
      struct(field(1, { kind: 'i64' })).decode(
        Buffer.from('1682808080808080808000 00'.replaceAll(' ', ''), 'hex'),
        'compact',
      ),
    ).toEqual({ f1: 1n });
  });
});

describe('nesting', () => {
  const nested = (depth: number, encoding: Wire): string =>
    (encoding === 'binary' ? '0c0001' : '1c').repeat(depth - 1) + '00'.repeat(depth);
  const lists = (depth: number, encoding: Wire): string =>
    encoding === 'binary' ? `0f0001${'0f00000001'.repeat(depth - 2)}080000000000` : `19${'19'.repeat(depth - 2)}0500`;

  for (const encoding of ['binary', 'compact'] as const) {
    it(`of 64 structs is read and of 65 refused, known or not, in ${encoding}`, () => {
      for (const codec of [node, anything]) {
        expect(() => codec.decode(Buffer.from(nested(64, encoding), 'hex'), encoding)).not.toThrow();
        expect(fault(codec, nested(65, encoding), encoding).type).toBe(ProtocolFault.DEPTH_LIMIT);
      }
    });

    it(`of 64 unknown containers is skipped and of 65 refused in ${encoding}`, () => {
      expect(() => anything.decode(Buffer.from(lists(65, encoding), 'hex'), encoding)).not.toThrow();
      expect(fault(anything, lists(66, encoding), encoding).type).toBe(ProtocolFault.DEPTH_LIMIT);
    });

    it(`of a million structs or lists is refused without a stack overflow in ${encoding}`, () => {
      expect(fault(node, nested(1_000_000, encoding), encoding).type).toBe(ProtocolFault.DEPTH_LIMIT);
      expect(fault(anything, lists(1_000_000, encoding), encoding).type).toBe(ProtocolFault.DEPTH_LIMIT);
    });

    it(`of a million values to be written ends in a RangeError in ${encoding}`, () => {
      const loop: Fields = {};
      loop.f1 = loop;
      expect(() => node.encode(loop, encoding)).toThrow(RangeError);
    });
  }

  it('deeper than the default is read under a limit that allows it', () => {
    setThriftLimits({ depth: 100 });
    expect(() => node.decode(Buffer.from(nested(100, 'binary'), 'hex'), 'binary')).not.toThrow();
    expect(() => setThriftLimits({ depth: 5000 })).toThrow(/limits.depth is 5000/);
  });
});

describe('a union', () => {
  const union = dynamicStruct('t.U', 'union', [field(1, i32), field(2, string)]);

  it('with no field, or with two, is refused', () => {
    expect(fault(union, '00', 'compact').message).toMatch(/t\.U came with 0 fields/);
    expect(fault(union, '1502 180161 00', 'compact').message).toMatch(/came with 2 fields/);
  });

  it('with a field of a later version only says which', () => {
    expect(union.decode(Buffer.from('950200', 'hex'), 'compact')).toEqual({ $case: '$unknown', value: 9 });
    expect(union.decode(Buffer.from('0300000700', 'hex'), 'binary')).toEqual({ $case: '$unknown', value: 0 });
    expect(union.toJSON({ $case: '$unknown', value: 9 })).toEqual({ $unknown: 9 });
    expect(() => union.encode({ $case: '$unknown', value: 9 }, 'compact')).toThrow(TypeError);
  });
});

describe('a message', () => {
  it('with bytes after its struct is refused', () => {
    expect(fault(anything, '00 00', 'binary').message).toMatch(/1 bytes follow the end/);
    expect(fault(anything, '00 00', 'compact').message).toMatch(/1 bytes follow the end/);
  });

  it('cut off anywhere is refused, never waited for', () => {
    const codec = struct(
      field(1, string),
      field(2, { kind: 'i64' }),
      field(3, list({ kind: 'double' })),
      field(4, { kind: 'uuid' }),
    );
    const value = { f1: 'text', f2: 2n ** 40n, f3: [1, 2], f4: '00112233-4455-6677-8899-aabbccddeeff' };
    for (const encoding of ['binary', 'compact'] as const) {
      const whole = codec.encode(value, encoding);
      for (let end = 0; end < whole.length; end++) {
        for (const reader of [codec, anything]) {
          const cut = fault(reader, Buffer.from(whole.subarray(0, end)).toString('hex'), encoding);
          expect(cut.truncated).toBe(true);
        }
      }
    }
  });

  it('says at which byte it went wrong', () => {
    expect(fault(anything, '080001000000010700', 'binary').message).toMatch(/^at byte 7: there is no type 7 /);
  });

  it.each([
    ['of another version of binary', 'binary', '80020001 00000001 61 00000000', ProtocolFault.BAD_VERSION],
    ['of the compact protocol, read as binary', 'binary', '82210001 61000000 00', ProtocolFault.BAD_VERSION],
    ['of the binary protocol, read as compact', 'compact', '80010001 00000001 61 00000000', ProtocolFault.BAD_VERSION],
    ['of version 2 of compact (fbthrift)', 'compact', '8222 00 0161', ProtocolFault.BAD_VERSION],
    ['with a name of length -1', 'binary', '80010001 ffffffff 61 00000000', ProtocolFault.NEGATIVE_SIZE],
    ['with a name of 16 MB', 'binary', '80010001 01000000 61 00000000', ProtocolFault.SIZE_LIMIT],
    ['with a name of 257 bytes', 'compact', '8221 00 8102 61', ProtocolFault.SIZE_LIMIT],
    ['with an unversioned name of 16 MB', 'binary', '01000000 61 01 00000000', ProtocolFault.SIZE_LIMIT],
    ['with a name that is not UTF-8', 'binary', '80010001 00000001 ff 00000000', ProtocolFault.INVALID_DATA],
    ['with a name that is not UTF-8 in compact', 'compact', '8221 00 01ff', ProtocolFault.INVALID_DATA],
    ['with a seqid of 6 bytes', 'compact', '8221 808080808001 0161', ProtocolFault.INVALID_DATA],
    ['of nothing', 'binary', '', ProtocolFault.INVALID_DATA],
    ['of nothing in compact', 'compact', '', ProtocolFault.INVALID_DATA],
    ['cut off in its name', 'binary', '80010001 00000004 6161', ProtocolFault.INVALID_DATA],
    ['cut off in its name in compact', 'compact', '8221 00 0461', ProtocolFault.INVALID_DATA],
    ['cut off in its seqid', 'binary', '80010001 00000001 61 0000', ProtocolFault.INVALID_DATA],
  ] as const)('%s has no header that is read', (_name, encoding, hex, type) => {
    const frame = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(() => readMessageHeader(frame, encoding)).toThrow(expect.objectContaining({ type }));
  });

  it('of the old form without a version is read', () => {
    const frame = Buffer.from('000000016101ffffffff00', 'hex');
    expect(readMessageHeader(frame, 'binary')).toEqual({ name: 'a', type: 1, seqid: -1, bodyOffset: 10 });
  });

  it('of an unknown type, with an empty name or a colon in it, is left to the receiver', () => {
    expect(readMessageHeader(Buffer.from('800100070000000000000000', 'hex'), 'binary')).toMatchObject({
      name: '',
      type: 7,
    });
    expect(readMessageHeader(Buffer.from('82e100023a61', 'hex'), 'compact')).toMatchObject({ name: ':a', type: 7 });
  });
});

describe('skipping', () => {
  it('refuses a type that there is not', () => {
    expect(() => new ThriftBinaryReader(Buffer.alloc(9)).skip(1)).toThrow(ThriftProtocolError);
    expect(() => new ThriftCompactReader(Buffer.alloc(9)).skip(0)).toThrow(ThriftProtocolError);
    expect(() => new ThriftBinaryReader(Buffer.alloc(9)).skip(200)).toThrow(ThriftProtocolError);
  });
});
