/**
 * Writes and reads a value by its TypeInfo, for types that no generated code knows: what the
 * command line calls, and what a fuzz makes up. What comes out is what generated code makes.
 */
import { nestedMismatch } from './malformed.js';
import { type ThriftReader, type ThriftWriter, TType } from './protocol.js';
import { isScalar, type TypeInfo, typeNameOf } from './struct.js';

export interface Accessor {
  readonly wireType: TType;
  write(writer: ThriftWriter, value: unknown): void;
  /** undefined for a container whose elements are of another type: it has been skipped. */
  read(reader: ThriftReader): unknown;
}

const accessors = new WeakMap<TypeInfo, Accessor>();

/** The accessor of a type, made once. */
export function accessorOf(type: TypeInfo): Accessor {
  let accessor = accessors.get(type);
  if (accessor === undefined) {
    accessor = make(type);
    accessors.set(type, accessor);
  }
  return accessor;
}

function make(type: TypeInfo): Accessor {
  switch (type.kind) {
    case 'bool':
      return { wireType: TType.BOOL, write: (w, v) => w.bool(v as boolean), read: (r) => r.bool() };
    case 'i8':
      return { wireType: TType.I8, write: (w, v) => w.i8(v as number), read: (r) => r.i8() };
    case 'i16':
      return { wireType: TType.I16, write: (w, v) => w.i16(v as number), read: (r) => r.i16() };
    case 'i32':
    case 'enum':
      return { wireType: TType.I32, write: (w, v) => w.i32(v as number), read: (r) => r.i32() };
    case 'i64':
      return { wireType: TType.I64, write: (w, v) => w.i64(v as bigint), read: (r) => r.i64() };
    case 'double':
      return { wireType: TType.DOUBLE, write: (w, v) => w.double(v as number), read: (r) => r.double() };
    case 'string':
      return { wireType: TType.STRING, write: (w, v) => w.string(v as string), read: (r) => r.string() };
    case 'binary':
      return { wireType: TType.STRING, write: (w, v) => w.binary(v as Uint8Array), read: (r) => r.binary() };
    case 'uuid':
      return { wireType: TType.UUID, write: (w, v) => w.uuid(v as string), read: (r) => r.uuid() };
    case 'struct':
      return {
        wireType: TType.STRUCT,
        write: (w, v) => type.codec().write(w, v),
        read: (r) => type.codec().read(r),
      };
    case 'list':
      return listAccessor(type);
    case 'set':
      return isScalar(type.element) ? setAccessor(type) : listAccessor(type);
    case 'map':
      return isScalar(type.key) ? mapAccessor(type) : entriesAccessor(type);
  }
}

type Sequence = Extract<TypeInfo, { kind: 'list' | 'set' }>;
type MapInfo = Extract<TypeInfo, { kind: 'map' }>;

function listAccessor(type: Sequence): Accessor {
  const element = accessorOf(type.element);
  const ordered = type.kind === 'list';
  return {
    wireType: ordered ? TType.LIST : TType.SET,
    write(w, v) {
      if (!Array.isArray(v)) notA('an array', type, v);
      if (ordered) w.list(element.wireType, v.length);
      else w.set(element.wireType, v.length);
      for (const item of v) element.write(w, item);
    },
    read(r) {
      const size = ordered ? r.list(element.wireType) : r.set(element.wireType);
      if (size < 0) return undefined;
      const items: unknown[] = [];
      for (let i = 0; i < size; i++) items.push(inner(element.read(r), type));
      return items;
    },
  };
}

function setAccessor(type: Sequence): Accessor {
  const element = accessorOf(type.element);
  return {
    wireType: TType.SET,
    write(w, v) {
      if (!(v instanceof Set)) notA('a Set', type, v);
      w.set(element.wireType, v.size);
      for (const item of v) element.write(w, item);
    },
    read(r) {
      const size = r.set(element.wireType);
      if (size < 0) return undefined;
      const items = new Set<unknown>();
      for (let i = 0; i < size; i++) items.add(element.read(r));
      return items;
    },
  };
}

function mapAccessor(type: MapInfo): Accessor {
  const key = accessorOf(type.key);
  const value = accessorOf(type.value);
  return {
    wireType: TType.MAP,
    write(w, v) {
      if (!(v instanceof Map)) notA('a Map', type, v);
      w.map(key.wireType, value.wireType, v.size);
      for (const [k, item] of v) {
        key.write(w, k);
        value.write(w, item);
      }
    },
    read(r) {
      const size = r.map(key.wireType, value.wireType);
      if (size < 0) return undefined;
      const entries = new Map<unknown, unknown>();
      for (let i = 0; i < size; i++) {
        const k = key.read(r);
        entries.set(k, inner(value.read(r), type));
      }
      return entries;
    },
  };
}

function entriesAccessor(type: MapInfo): Accessor {
  const key = accessorOf(type.key);
  const value = accessorOf(type.value);
  return {
    wireType: TType.MAP,
    write(w, v) {
      if (!Array.isArray(v)) notA('an array of [key, value]', type, v);
      w.map(key.wireType, value.wireType, v.length);
      for (const entry of v) {
        if (!Array.isArray(entry)) notA('an array of [key, value]', type, v);
        key.write(w, entry[0]);
        value.write(w, entry[1]);
      }
    },
    read(r) {
      const size = r.map(key.wireType, value.wireType);
      if (size < 0) return undefined;
      const entries: [unknown, unknown][] = [];
      for (let i = 0; i < size; i++) {
        const k = inner(key.read(r), type);
        entries.push([k, inner(value.read(r), type)]);
      }
      return entries;
    },
  };
}

/** A container within a container cannot be left out, as one in a field can. */
function inner(value: unknown, type: TypeInfo): unknown {
  return value === undefined ? nestedMismatch(typeNameOf(type)) : value;
}

function notA(wanted: string, type: TypeInfo, value: unknown): never {
  throw new TypeError(
    `a ${typeNameOf(type)} is ${wanted}, not ${value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value}`,
  );
}
