import assert from 'node:assert/strict';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DecodeBudgetError, setDecodeLimits } from '../../../src/contract/decode-budget.js';
import type { MessageType } from '../../../src/contract/proto/message-type.js';
import { ProtobufError } from '../../../src/contract/proto/protobuf-error.js';
import { unknownFields } from '../../../src/contract/proto/unknown.js';
import { importGenerated, modules } from '../../codegen/proto/scratch.js';

// biome-ignore lint/suspicious/noExplicitAny: the modules are made by the test.
type Any = any;

let M: MessageType<Any>;
let Old: MessageType<Any>;
let Set_: MessageType<Any>;

beforeAll(async () => {
  const files = await modules({
    'three.proto': `syntax = "proto3"; package t; import "google/protobuf/struct.proto"; import "google/protobuf/wrappers.proto";
      message M {
        string text = 1; int32 number = 2; M inner = 3; repeated M list = 4; map<string, string> tags = 5; map<string, M> inners = 6;
        oneof choice { M picked = 7; string named = 8; } double ratio = 9; float share = 10; repeated int32 packed = 11;
        repeated int32 loose = 12 [packed = false]; bytes data = 13; int64 big = 14; uint64 natural = 15; sint64 zigzag = 16;
        google.protobuf.Struct struct = 17; google.protobuf.Value value = 18; google.protobuf.StringValue wrapped = 19;
        map<int64, int32> longs = 20; sint32 small = 21; fixed64 wide = 22; bool flag = 23; int64 counted = 24 [jstype = JS_NUMBER];
      }`,
    'two.proto': `syntax = "proto2"; package t; enum Kind { ONE = 1; TWO = 2; }
      message Old { optional group G = 1 { optional int32 x = 1; } optional Kind kind = 2; repeated Kind kinds = 3; map<string, Kind> named = 4;
        optional string text = 5; oneof choice { Kind picked = 6; int32 other = 7; } repeated Kind packed = 8 [packed = true]; }
      message Set { option message_set_wire_format = true; extensions 4 to max; }`,
  });
  M = (await importGenerated(files, 'three.ts')).M as Any;
  const two = await importGenerated(files, 'two.ts');
  Old = two.Old as Any;
  Set_ = two.Set as Any;
}, 60_000);

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');

describe('a protobuf message', () => {
  it('merges what comes twice: a message, one in a oneof, one in a map entry', () => {
    expect(M.decode(bytes('1a03 0a0161 1a02 1005')).inner).toMatchObject({ text: 'a', number: 5 });
    expect(M.decode(bytes('3a03 0a0161 3a02 1005')).choice).toMatchObject({ value: { text: 'a', number: 5 } });
    expect(M.decode(bytes('3a03 0a0161 420162 3a02 1005')).choice).toMatchObject({ value: { text: '', number: 5 } });
    expect(M.decode(bytes('320c 0a016b 1203 0a0161 1202 1005')).inners.k).toMatchObject({ text: 'a', number: 5 });
  });

  it('has a default for a map entry without its key or value, and the last of two of one key', () => {
    expect({ ...M.decode(bytes('2a00')).tags }).toEqual({ '': '' });
    expect({ ...M.decode(bytes('2a03 0a016b')).tags }).toEqual({ k: '' });
    expect({ ...M.decode(bytes('2a06 0a016b 120161 2a06 0a016b 120162')).tags }).toEqual({ k: 'b' });
    expect(M.decode(bytes('3203 0a016b')).inners.k).toEqual(M.create());
  });

  it('keeps a key of the wire from the prototype', () => {
    const { tags } = M.decode(bytes('2a0e 0a095f5f70726f746f5f5f 120161'));
    expect(Object.getPrototypeOf(tags)).toBeNull();
    expect(Object.keys(tags)).toEqual(['__proto__']);
    const { struct } = M.decode(M.encode({ struct: JSON.parse('{"__proto__": {"admin": true}}') }));
    expect(struct.admin).toBeUndefined();
    expect(Object.keys(struct)).toEqual(['__proto__']);
  });

  it.each([
    ['a group that ends without beginning', '0c'],
    ['another group that ends', '0b 14'],
    ['a group that does not end', '0b 1001'],
    ['a group that ends within a message of its group', 'ab06 ac0e'],
    ['field number 0', '0000'],
    ['wire type 6', '0e'],
    ['wire type 7', '0f'],
    ['a number of eleven bytes', '10 ffffffffffffffffffff 01'],
    ['a tag beyond 32 bits', 'ffffffff7f 00'],
    ['a length beyond the end', '0a05 61'],
    ['an inner length beyond its message', '1a03 0a0561 61616161'],
    ['text that is not UTF-8', '0a01 ff'],
    ['a cut number', '10'],
    ['a cut double', '49 000000'],
  ])('is refused for %s, by one error that says where', (_, of) => {
    expect(() => M.decode(bytes(of))).toThrow(ProtobufError);
    expect(() => M.decode(bytes(of))).toThrow(/byte \d+/);
  });

  it('refuses groups of a known field that do not end, or end otherwise', () => {
    expect(Old.decode(bytes('0b 0805 0c')).g).toEqual({ x: 5 });
    for (const of of ['0b 0805', '0b 0805 14', '0b 0b 0c']) expect(() => Old.decode(bytes(of))).toThrow(ProtobufError);
  });

  it('nests 100 deep, and not deeper, in bytes, in groups and in values', () => {
    const nested = (depth: number): Any => (depth === 0 ? {} : { inner: nested(depth - 1) });
    const deep = M.encode(nested(100));
    expect(M.encode(M.decode(deep))).toEqual(deep);
    expect(() => M.encode(nested(101))).toThrow(RangeError);
    const self: Any = {};
    self.inner = self;
    expect(() => M.encode(self)).toThrow(/contains itself/);
    expect(() => M.decode(Buffer.alloc(100_000, 0x9b))).toThrow(ProtobufError);
    expect(() => M.decode(Buffer.from([...Array(150).fill([0xab, 0x06]).flat()]))).toThrow('deeper than 100');
  });

  it('sends -0, and every zero that is set explicitly', () => {
    expect(hex(M.encode({ ratio: -0, share: -0 }))).toBe('490000000000000080' + '5500000080');
    expect(Object.is(M.decode(M.encode({ ratio: -0 })).ratio, -0)).toBe(true);
    expect(M.encode({ ratio: 0, text: '', number: 0, big: 0n, flag: false, data: new Uint8Array() }).length).toBe(0);
    expect(hex(M.encode({ choice: { $case: 'named', value: '' } }))).toBe('4200');
    expect(hex(Old.encode({ choice: { $case: 'other', value: 0 }, text: '' }))).toBe('2a003800');
  });

  it('reads numbers packed and not, whatever the IDL says', () => {
    expect(M.decode(bytes('5a03 010203 5804 6202 0506 6007'))).toMatchObject({
      packed: [1, 2, 3, 4],
      loose: [5, 6, 7],
    });
    expect(hex(M.encode({ packed: [1, -1], loose: [1, 2] }))).toBe('5a0b01ffffffffffffffffff01' + '6001' + '6002');
  });

  it('keeps unknown fields in their order, in a symbol that spread copies and JSON does not see', () => {
    const of = bytes('f80701 0a0161 fa070161 f80702');
    const read = M.decode(of);
    expect(hex(read[unknownFields])).toBe('f80701fa070161f80702');
    expect(hex(M.encode({ ...read }))).toBe('0a0161f80701fa070161f80702');
    expect(M.toJson(read)).toEqual({ text: 'a' });
    assert.deepStrictEqual(M.decode(bytes('0a0161')), M.create({ text: 'a' }));
    // A known field with another wire type is unknown, too.
    expect(hex(M.decode(bytes('0d01000000'))[unknownFields])).toBe('0d01000000');
  });

  it('keeps what a closed enum does not know as an unknown field: single, list, packed, oneof and map', () => {
    const read = Old.decode(bytes('1009 1801 1809 1802 420301 0902 3009 2205 0a016b 1009'));
    expect(read).toMatchObject({ kind: undefined, kinds: [1, 2], packed: [1, 2], choice: undefined });
    expect(Object.keys(read.named)).toEqual([]);
    expect(hex(read[unknownFields])).toBe('1009' + '1809' + '4009' + '3009' + '22050a016b1009');
  });

  it('passes a MessageSet on as it came', () => {
    const of = bytes('0b 10e807 1a0161 0c 0b 1a0162 10e907 0c');
    expect(hex(Set_.encode(Set_.decode(of)))).toBe(hex(of));
  });

  it('takes strings of proto2 that are not UTF-8, and refuses half a surrogate pair on the way out', () => {
    expect(Old.decode(bytes('2a01 ff')).text).toBe('\ufffd');
    expect(() => M.encode({ text: 'a\ud800' })).toThrow(/t\.M\.text: .*surrogate/);
  });

  it('reads a number beyond 2^53 as the nearest where the IDL wants a number', () => {
    expect(M.decode(bytes('c001 ffffffffffffffff7f')).counted).toBe(2 ** 63);
    expect(M.decode(M.encode({ counted: -5 })).counted).toBe(-5);
  });

  it('refuses a value of another type by a TypeError that names the field', () => {
    expect(() => M.encode({ text: 5 } as Any)).toThrow(/t\.M\.text: 5 is not a string/);
    expect(() => M.encode({ inner: { big: 5 } } as Any)).toThrow(/t\.M\.inner\.big/);
    expect(() => M.encode(undefined as Any)).toThrow(/undefined is not a t\.M/);
    for (const wrong of [
      { number: 1.5 },
      { number: 2 ** 31 },
      { natural: -1n },
      { list: {} },
      { flag: 1 },
      { choice: { $case: 'x' } },
    ]) {
      expect(() => M.encode(wrong as Any)).toThrow(/t\.M\./);
    }
  });

  it('is refused when its objects would hold more than they may', () => {
    setDecodeLimits({ messageBytes: 1_048_576 });
    try {
      // Empty messages, entries, strings and unknown fields that are a hundred times smaller than what they stand for.
      for (const of of ['2200', '2a00', 'f80701 0a00']) {
        expect(() => M.decode(Buffer.concat(Array(300_000).fill(bytes(of))))).toThrow(DecodeBudgetError);
      }
      expect(M.decode(Buffer.concat(Array(100).fill(bytes('2200')))).list.length).toBe(100);
    } finally {
      setDecodeLimits();
    }
  });
});

describe('bytes of a message', () => {
  const leaf = fc.record(
    {
      text: fc.string({ unit: 'binary' }),
      number: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      natural: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      zigzag: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      wide: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      small: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      ratio: fc.double(),
      data: fc.uint8Array({ maxLength: 300 }),
      packed: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      tags: fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 }),
      wrapped: fc.string({ maxLength: 60 }),
      struct: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }),
    },
    { requiredKeys: [] },
  );
  const message = fc.record(
    { inner: leaf, list: fc.array(leaf, { maxLength: 3 }), choice: leaf.map((value) => ({ $case: 'picked', value })) },
    { requiredKeys: [] },
  );

  it('are read as what was written', () => {
    fc.assert(
      fc.property(message, (value) => {
        const whole = M.create(value as Any);
        expect(M.equals(M.decode(M.encode(whole)), whole)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('throw one kind of error, or are read, whatever was done to them', () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(message, fc.array(change, { maxLength: 6 }), fc.nat(20), (value, changes, cut) => {
        const of = Buffer.from(M.encode(value as Any));
        for (const [at, byte] of changes) if (of.length > 0) of[at % of.length] = byte;
        const mutated = of.subarray(0, Math.max(0, of.length - cut));
        for (const type of [M, Old]) {
          let read: unknown;
          try {
            read = type.decode(mutated);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtobufError);
            continue;
          }
          if (type === M) type.decode(type.encode(read));
        }
      }),
      { numRuns: 500 },
    );
  });
});
