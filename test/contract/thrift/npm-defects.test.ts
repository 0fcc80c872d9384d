/** What npm thrift's codec and generated code were found to get wrong (0.24). Each is shown not to be so here. */
import {
  ApplicationFault,
  decodeApplicationException,
  dynamicResult,
  dynamicStruct,
  encodeApplicationException,
  type FieldInfo,
  MissingResultError,
  readMessageHeader,
  type StructCodec,
  ThriftProtocolError,
  type TypeInfo,
  writeMessage,
} from 'hawser/thrift';
import { describe, expect, it } from 'vitest';

const field = (type: TypeInfo, requiredness: FieldInfo['requiredness'] = 'optional'): FieldInfo => ({
  id: 1,
  name: 'f',
  localName: 'f',
  type,
  requiredness,
});
const one = (type: TypeInfo) => dynamicStruct('t.S', 'struct', [field(type)]);
const there = (codec: StructCodec<Record<string, unknown>>, f: unknown, encoding: 'binary' | 'compact') =>
  codec.decode(codec.encode({ f }, encoding), encoding).f;
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe.each(['binary', 'compact'] as const)('our codec in %s', (encoding) => {
  it('treats a value that ends before it is whole as an error, not as one to wait for', () => {
    expect(() => one({ kind: 'i64' }).decode(hex('0a0001 0000'), 'binary')).toThrow(ThriftProtocolError);
    expect(() => one({ kind: 'string' }).decode(hex('18 05 61'), 'compact')).toThrow(ThriftProtocolError);
  });

  it('writes the type of a TApplicationException', () => {
    const bytes = encodeApplicationException({ message: 'm', type: ApplicationFault.UNKNOWN_METHOD }, encoding);
    expect(bytes.toString('hex')).toBe(
      encoding === 'binary' ? '0b0001000000016d08000200000001' + '00' : '18016d150200',
    );
    expect(decodeApplicationException(bytes, encoding)).toMatchObject({ message: 'm', type: 1 });
  });

  it('reads a TApplicationException without a type, with fields of others, or with a type that there is not', () => {
    expect(decodeApplicationException(hex('0b0001 00000001 6d 00'), 'binary')).toMatchObject({ message: 'm', type: 0 });
    expect(decodeApplicationException(hex('00'), encoding)).toMatchObject({ message: '', type: 0 });
    expect(decodeApplicationException(hex('08000200000063 020009 01 00'), 'binary')).toMatchObject({ type: 99 });
  });

  it('carries the whole of our own TApplicationException, in fields that others skip', () => {
    const exception = {
      message: 'gone',
      type: 6,
      code: 5,
      details: new Uint8Array([8, 5]),
      disposition: 'executed',
    };
    expect(decodeApplicationException(encodeApplicationException(exception, encoding), encoding)).toEqual(exception);
  });

  it('keeps every digit of an i64', () => {
    for (const n of [9_007_199_254_740_993n, 5n, -(2n ** 63n), 2n ** 63n - 1n]) {
      expect(there(one({ kind: 'i64' }), n, encoding)).toBe(n);
    }
  });

  it('refuses an integer out of range instead of wrapping it, and NaN instead of writing 0', () => {
    expect(() => one({ kind: 'i32' }).encode({ f: 2147483648 }, encoding)).toThrow(RangeError);
    expect(() => one({ kind: 'i32' }).encode({ f: Number.NaN }, encoding)).toThrow(RangeError);
  });

  it('keeps the sign of -0, NaN and the infinities', () => {
    for (const n of [-0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324]) {
      expect(Object.is(there(one({ kind: 'double' }), n, encoding), n)).toBe(true);
    }
  });

  it('reads a negative sequence number as it was sent', () => {
    const message = writeMessage(encoding, 'm', 1, -1, Buffer.from([0]));
    expect(readMessageHeader(message, encoding).seqid).toBe(-1);
  });

  it('keeps bool keys, binary keys and struct keys apart', () => {
    const bools = new Map([
      [true, 1],
      [false, 2],
    ]);
    expect(there(one({ kind: 'map', key: { kind: 'bool' }, value: { kind: 'i32' } }), bools, encoding)).toEqual(bools);
    const bytes = [
      [new Uint8Array([0xff, 0xfe]), 1],
      [new Uint8Array([0xfd]), 2],
    ];
    expect(there(one({ kind: 'map', key: { kind: 'binary' }, value: { kind: 'i32' } }), bytes, encoding)).toEqual(
      bytes,
    );
    const inner = one({ kind: 'i32' });
    const structs = [
      [{ f: 1 }, 'a'],
      [{ f: 2 }, 'b'],
    ];
    const key: TypeInfo = { kind: 'struct', codec: () => inner };
    expect(there(one({ kind: 'map', key, value: { kind: 'string' } }), structs, encoding)).toEqual(structs);
  });

  it('reads a bool within a container as what it is', () => {
    expect(there(one({ kind: 'list', element: { kind: 'bool' } }), [true, false, true], encoding)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('keeps a map key __proto__, with a struct for a value too', () => {
    const inner = one({ kind: 'i32' });
    const map = new Map([['__proto__', { f: 1 }]]);
    const value: TypeInfo = { kind: 'struct', codec: () => inner };
    const read = there(one({ kind: 'map', key: { kind: 'string' }, value }), map, encoding);
    expect(read).toEqual(map);
    expect(({} as { f?: unknown }).f).toBeUndefined();
  });

  it('does not let a field called __proto__ touch what it is a field of', () => {
    const codec = dynamicStruct('t.P', 'struct', [
      { ...field({ kind: 'i32' }), name: '__proto__', localName: '__proto__' },
    ]);
    const read = codec.decode(
      codec.encode(JSON.parse('{"__proto__":1}') as Record<string, unknown>, encoding),
      encoding,
    );
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(Object.keys(read)).toEqual(['__proto__']);
  });

  it('refuses what its generated code lets pass: a missing required field, two fields of a union, a negative size', () => {
    const required = dynamicStruct('t.R', 'struct', [field({ kind: 'i32' }, 'required')]);
    expect(() => required.decode(hex('00'), encoding)).toThrow(/t\.R\.f is required/);
    expect(() => required.encode({}, encoding)).toThrow(/t\.R\.f.* is required/);
    const union = dynamicStruct('t.U', 'union', [
      field({ kind: 'i32' }),
      { ...field({ kind: 'i32' }), id: 2, name: 'g', localName: 'g' },
    ]);
    expect(() => union.decode(hex('15021502 00'), 'compact')).toThrow(/came with 2 fields/);
    expect(() =>
      one({ kind: 'list', element: { kind: 'i32' } }).decode(hex('0f0001 08 ffffffff 00'), 'binary'),
    ).toThrow(/negative/);
  });

  it('does not read a list of one type as a list of another', () => {
    const inner = one({ kind: 'i32' });
    const structs = one({ kind: 'list', element: { kind: 'struct', codec: () => inner } });
    const ints = one({ kind: 'list', element: { kind: 'i32' } }).encode({ f: [1, 2, 3] }, encoding);
    expect(structs.decode(ints, encoding)).toEqual({});
  });

  it('refuses text that is not UTF-8 instead of changing it', () => {
    const bytes = one({ kind: 'binary' }).encode({ f: new Uint8Array([0xff]) }, encoding);
    expect(() => one({ kind: 'string' }).decode(bytes, encoding)).toThrow(/not UTF-8/);
  });

  it('bounds a container by what is left of the frame, also in a field that nobody knows', () => {
    for (const codec of [one({ kind: 'list', element: { kind: 'i32' } }), dynamicStruct('t.Empty', 'struct', [])]) {
      expect(() => codec.decode(hex('0f0001 08 000f0000 00'), 'binary')).toThrow(/needs at least/);
      expect(() => codec.decode(hex('19 f5 808010 00'), 'compact')).toThrow(/needs at least/);
    }
  });

  it('says MISSING_RESULT in an Error where a reply is empty', () => {
    const failed = (() => {
      try {
        return dynamicResult({ kind: 'string' }).decode(hex('00'), encoding);
      } catch (error) {
        return error;
      }
    })();
    expect(failed).toBeInstanceOf(MissingResultError);
    expect(failed).toMatchObject({ applicationType: ApplicationFault.MISSING_RESULT });
    expect(dynamicResult(undefined).decode(hex('00'), encoding)).toBeUndefined();
  });
});
