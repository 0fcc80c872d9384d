/**
 * Random values of random types, written by us and by npm thrift: the same bytes, and each reads the
 * other's. Left out is what the package is known to get wrong: -0, uuids of no RFC, and (0.24) bools read from compact containers.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { StructCodec, TypeInfo } from 'hawser/thrift';
import { describe, expect, it } from 'vitest';
import { npm } from '../../apache-thrift/npm-thrift.js';
import { runs } from '../../support/soak.js';
import { isKey, sample } from './random-schema.js';

// biome-ignore lint/suspicious/noExplicitAny: the package is untyped
type Any = any;
type Codec = StructCodec<Record<string, unknown>>;

const { Type } = npm.Thrift;
const types: Record<TypeInfo['kind'], number> = {
  bool: Type.BOOL,
  i8: Type.BYTE,
  i16: Type.I16,
  i32: Type.I32,
  enum: Type.I32,
  i64: Type.I64,
  double: Type.DOUBLE,
  string: Type.STRING,
  binary: Type.STRING,
  uuid: Type.UUID,
  struct: Type.STRUCT,
  list: Type.LIST,
  set: Type.SET,
  map: Type.MAP,
};

function int64(value: bigint): unknown {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return new npm.Int64(bytes);
}

/** What the package's generator would emit for a value. */
function write(output: Any, info: TypeInfo, value: Any): void {
  switch (info.kind) {
    case 'bool':
      output.writeBool(value);
      return;
    case 'i8':
      output.writeByte(value);
      return;
    case 'i16':
      output.writeI16(value);
      return;
    case 'i32':
    case 'enum':
      output.writeI32(value);
      return;
    case 'i64':
      output.writeI64(int64(value));
      return;
    case 'double':
      output.writeDouble(value);
      return;
    case 'string':
      output.writeString(value);
      return;
    case 'binary':
      output.writeBinary(Buffer.from(value));
      return;
    case 'uuid':
      output.writeUuid(value);
      return;
    case 'struct':
      writeStruct(output, info.codec() as Codec, value);
      return;
    case 'list':
    case 'set': {
      const items = [...value];
      if (info.kind === 'list') output.writeListBegin(types[info.element.kind], items.length);
      else output.writeSetBegin(types[info.element.kind], items.length);
      for (const item of items) write(output, info.element, item);
      return;
    }
    case 'map': {
      const entries = [...value];
      output.writeMapBegin(types[info.key.kind], types[info.value.kind], entries.length);
      for (const [key, item] of entries) {
        write(output, info.key, key);
        write(output, info.value, item);
      }
    }
  }
}

function writeStruct(output: Any, codec: Codec, value: Any): void {
  output.writeStructBegin(codec.typeName);
  for (const { id, localName, type } of codec.fields) {
    const field = codec.form === 'union' ? (value.$case === localName ? value.value : undefined) : value[localName];
    if (field === undefined) continue;
    output.writeFieldBegin(localName, types[type.kind], id);
    write(output, type, field);
    output.writeFieldEnd();
  }
  output.writeFieldStop();
  output.writeStructEnd();
}

function read(input: Any, info: TypeInfo): unknown {
  const many = (size: number, one: () => unknown): unknown[] => Array.from({ length: size }, one);
  switch (info.kind) {
    case 'bool':
      return input.readBool();
    case 'i8':
      return input.readByte();
    case 'i16':
      return input.readI16();
    case 'i32':
    case 'enum':
      return input.readI32();
    case 'i64': {
      const { buffer, offset } = input.readI64();
      return buffer.readBigInt64BE(offset);
    }
    case 'double':
      return input.readDouble();
    case 'string':
      return input.readString();
    case 'binary':
      return new Uint8Array(input.readBinary());
    case 'uuid':
      return input.readUuid();
    case 'struct':
      return readStruct(input, info.codec() as Codec);
    case 'list':
      return many(input.readListBegin().size, () => read(input, info.element));
    case 'set': {
      const items = many(input.readSetBegin().size, () => read(input, info.element));
      return isKey(info.element) ? new Set(items) : items;
    }
    case 'map': {
      const { size } = input.readMapBegin();
      const entries = many(size, () => [read(input, info.key), read(input, info.value)]) as [unknown, unknown][];
      return isKey(info.key) ? new Map(entries) : entries;
    }
  }
}

function readStruct(input: Any, codec: Codec): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  input.readStructBegin();
  for (;;) {
    const { ftype, fid } = input.readFieldBegin();
    if (ftype === Type.STOP) break;
    const field = codec.fields.find(({ id }) => id === fid);
    if (field === undefined) throw new Error(`unknown field ${fid}`);
    const one = read(input, field.type);
    if (codec.form === 'union') Object.assign(value, { $case: field.localName, value: one });
    else value[field.localName] = one;
    input.readFieldEnd();
  }
  input.readStructEnd();
  return value;
}

function hasContainedBool(info: TypeInfo, contained: boolean): boolean {
  switch (info.kind) {
    case 'bool':
      return contained;
    case 'list':
    case 'set':
      return hasContainedBool(info.element, true);
    case 'map':
      return hasContainedBool(info.key, true) || hasContainedBool(info.value, true);
    case 'struct':
      return info.codec().fields.some((field) => hasContainedBool(field.type, false));
    default:
      return false;
  }
}

describe.each([
  ['binary', npm.TBinaryProtocol],
  ['compact', npm.TCompactProtocol],
] as const)('npm thrift in %s', (encoding, Protocol) => {
  it('writes the bytes that we write, and reads them as we do', () => {
    fc.assert(
      fc.property(sample({ noMinusZero: true, rfcUuids: true }), ({ codec, value }) => {
        const ours = codec.encode(value, encoding);
        let sent: Buffer = Buffer.alloc(0);
        const transport = new npm.TFramedTransport(undefined, (bytes: Buffer) => {
          sent = bytes;
        });
        writeStruct(new Protocol(transport), codec, value);
        transport.flush();
        expect(sent.subarray(4).toString('hex')).toBe(Buffer.from(ours).toString('hex'));
        if (encoding === 'compact' && codec.fields.some(({ type }) => hasContainedBool(type, false))) return;
        const theirs = readStruct(new Protocol(new npm.TFramedTransport(Buffer.from(ours))), codec);
        expect(isDeepStrictEqual(theirs, value)).toBe(true);
      }),
      { numRuns: runs(150) },
    );
  });
});
