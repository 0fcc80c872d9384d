/**
 * Where in a value the fault lies that an encoder met. Encoders carry no paths, so that the good
 * case costs nothing; after the fact the value is walked by its description, one leaf at a time.
 */
import { ThriftBinaryWriter } from './binary-writer.js';
import { notInteger } from './byte-sink.js';
import { accessorOf } from './interpret.js';
import { thriftLimits } from './limits.js';
import { isScalar, type TypeInfo } from './struct.js';

/** The error of an encoder with the path of the value at fault in its message; any other error as it is. */
export function explain(type: TypeInfo, name: string, value: unknown, error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error;
  let fault: Fault | undefined;
  try {
    fault = find(type, name, value, thriftLimits().depth);
  } catch {
    return error;
  }
  if (fault === undefined) return error;
  const Kind = fault.error instanceof RangeError ? RangeError : TypeError;
  return new Kind(`${fault.path}: ${fault.error.message}`, { cause: error });
}

interface Fault {
  readonly path: string;
  readonly error: Error;
}

function find(type: TypeInfo, path: string, value: unknown, depth: number): Fault | undefined {
  if (depth < 0) return undefined;
  switch (type.kind) {
    case 'struct':
      return findInStruct(type, path, value, depth);
    case 'list':
    case 'set':
    case 'map':
      return findInContainer(type, path, value, depth);
    default:
      return attempt(path, () => {
        // Arithmetic on a bigint throws before the writer can say what is wrong with it.
        const bits = integers[type.kind];
        if (bits !== undefined && typeof value === 'bigint') notInteger(bits === 32 ? 'i32' : type.kind, bits, value);
        accessorOf(type).write(new ThriftBinaryWriter(), value);
      });
  }
}

const integers: { readonly [kind in TypeInfo['kind']]?: 8 | 16 | 32 } = { i8: 8, i16: 16, i32: 32, enum: 32 };

function findInStruct(
  type: Extract<TypeInfo, { kind: 'struct' }>,
  path: string,
  value: unknown,
  depth: number,
): Fault | undefined {
  const codec = type.codec();
  if (typeof value !== 'object' || value === null) {
    return { path, error: new TypeError(`${value === null ? 'null' : typeof value} is not a ${codec.typeName}`) };
  }
  const given = value as Record<string, unknown>;
  if (codec.form === 'union') {
    const field = codec.fields.find((one) => one.localName === given.$case);
    if (field === undefined) return attempt(path, () => codec.write(new ThriftBinaryWriter(), value));
    return find(field.type, `${path}.${field.localName}`, given.value, depth - 1);
  }
  for (const field of codec.fields) {
    const inner = given[field.localName];
    const at = `${path}.${field.localName}`;
    if (inner === undefined || inner === null) {
      if (field.requiredness !== 'required' || field.default !== undefined) continue;
      return { path: at, error: new TypeError(`the field is required, but it is ${inner}`) };
    }
    const fault = find(field.type, at, inner, depth - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function findInContainer(
  type: Extract<TypeInfo, { kind: 'list' | 'set' | 'map' }>,
  path: string,
  value: unknown,
  depth: number,
): Fault | undefined {
  const wanted =
    type.kind === 'map' && isScalar(type.key) ? Map : type.kind === 'set' && isScalar(type.element) ? Set : Array;
  const iterable = wanted === Array ? Array.isArray(value) : value instanceof wanted;
  if (!iterable) return attempt(path, () => accessorOf(type).write(new ThriftBinaryWriter(), value));
  let index = 0;
  for (const item of value as Iterable<unknown>) {
    const at = `${path}[${index++}]`;
    if (type.kind !== 'map') {
      const fault = find(type.element, at, item, depth);
      if (fault !== undefined) return fault;
      continue;
    }
    if (!Array.isArray(item)) return { path: at, error: new TypeError('an entry is an array of key and value') };
    const fault = find(type.key, `${at}.key`, item[0], depth) ?? find(type.value, `${at}.value`, item[1], depth);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function attempt(path: string, write: () => void): Fault | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    return error instanceof Error ? { path, error } : undefined;
  }
}
