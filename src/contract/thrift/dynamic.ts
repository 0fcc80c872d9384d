/**
 * Codecs from a description instead of from generated code, for a service that is known
 * from its `.thrift` file at run time. The same bytes and the same values as generated code has.
 */

import { arrayCost, mapCost, setCost, unionCost } from '../bytes/object-cost.js';
import type { Codec } from '../codec.js';
import { DeclaredError, type ErrorType, type MethodError } from '../declared-error.js';
import { describeError } from '../describe-error.js';
import { dynamicStructCost, emptyBytesCost, numberCost } from './cost.js';
import { defineStruct } from './define-struct.js';
import { type Accessor, accessorOf } from './interpret.js';
import { missingRequired, requiredUnset, unionCount, unionUnset } from './malformed.js';
import type { ThriftReader, ThriftWriter } from './protocol.js';
import { resultCodec } from './result.js';
import type { FieldInfo, StructCodec, StructForm, TypeInfo } from './struct.js';
import { zeroOf } from './zero.js';

type Fields = Record<string, unknown>;

interface Slot {
  readonly info: FieldInfo;
  readonly accessor: Accessor;
  readonly header: number;
}

/**
 * The codec of a struct, a union or an exception. `fields` may be a function where the type is
 * recursive. A union is `{ $case, value }`; an exception reads as a DeclaredError with the fields as properties.
 */
export function dynamicStruct(
  name: string,
  form: StructForm,
  fields: readonly FieldInfo[] | (() => readonly FieldInfo[]),
): StructCodec<Fields> {
  let sorted: readonly FieldInfo[] | undefined;
  const inOrder = (): readonly FieldInfo[] => {
    sorted ??= [...(typeof fields === 'function' ? fields() : fields)].sort((a, b) => a.id - b.id);
    return sorted;
  };
  let slots: readonly Slot[] | undefined;
  const all = (): readonly Slot[] => {
    slots ??= inOrder().map((info) => {
      const accessor = accessorOf(info.type);
      return { info, accessor, header: (info.id << 8) | accessor.wireType };
    });
    return slots;
  };
  let known: number | undefined;
  const cost = (): number => {
    known ??= dynamicStructCost(
      form,
      inOrder().length,
      inOrder().reduce((sum, { type, default: value }) => sum + contentCost(type, value?.() ?? zeroOf(type)), 0),
    );
    return known;
  };
  const finish = (values: Fields): Fields =>
    form === 'exception' ? (new DynamicError(name, values, hasMessage(inOrder())) as unknown as Fields) : values;
  if (form === 'union') {
    return defineStruct<Fields>({
      name,
      form,
      fields: inOrder,
      write: (writer, value) => writeUnion(name, all(), writer, value),
      read: (reader) => readUnion(name, all(), reader),
      create: (init = {}) => ({ ...init }),
    });
  }
  return defineStruct<Fields>({
    name,
    form,
    fields: inOrder,
    write: (writer, value) => writeStruct(name, form, all(), writer, value),
    read: (reader) => finish(readStruct(name, all(), reader, cost())),
    create: (init = {}) => finish(filled(all(), init)),
  });
}

/** The static side of an exception that `dynamicStruct` describes, for `errors` of a method. */
export function dynamicError(codec: StructCodec<Fields>): ErrorType {
  return { typeName: codec.typeName, codec: codec as unknown as StructCodec<Error> };
}

/** The codec of a function's result, as `resultCodec` makes it for generated code; `type` is undefined for void. */
export function dynamicResult(type: TypeInfo | undefined, errors: readonly MethodError[] = []): Codec<unknown> {
  return resultCodec<unknown>({ type, errors });
}

class DynamicError extends DeclaredError {
  constructor(typeName: string, values: Fields, hasOwnMessage: boolean) {
    const given = typeof values.message === 'string' ? values.message : '';
    super(typeName, hasOwnMessage ? given : describeError(typeName, values));
    for (const [key, value] of Object.entries(values)) put(this as unknown as Fields, key, value);
  }
}

function hasMessage(fields: readonly FieldInfo[]): boolean {
  return fields.some(({ localName, type }) => localName === 'message' && type.kind === 'string');
}

/** Sets an own property, also one called `__proto__`. */
function put(target: Fields, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function own(value: Fields, key: string): unknown {
  return key === '__proto__' || key === 'constructor' ? Object.getOwnPropertyDescriptor(value, key)?.value : value[key];
}

function writeStruct(
  name: string,
  form: StructForm,
  slots: readonly Slot[],
  writer: ThriftWriter,
  value: Fields,
): void {
  writer.structBegin();
  for (const { info, accessor } of slots) {
    let field = own(value, info.localName);
    if (field === undefined || field === null) {
      if (info.requiredness === 'optional') continue;
      field = info.default?.() ?? (info.requiredness === 'default' ? zeroOf(info.type) : undefined);
      if (field === undefined) {
        if (info.requiredness === 'required') requiredUnset(name, info.localName);
        continue;
      }
    }
    // An error always has a message; one that the IDL calls optional is unset when it is empty.
    if (field === '' && form === 'exception' && info.localName === 'message' && info.requiredness === 'optional')
      continue;
    writer.field(accessor.wireType, info.id);
    accessor.write(writer, field);
  }
  writer.structEnd();
}

function readStruct(name: string, slots: readonly Slot[], reader: ThriftReader, cost: number): Fields {
  const values: unknown[] = new Array(slots.length).fill(undefined);
  reader.structBegin(cost);
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    const at = slots.findIndex((slot) => slot.header === field);
    const slot = slots[at];
    if (slot === undefined) reader.skip(field & 0xff);
    else values[at] = slot.accessor.read(reader) ?? values[at];
  }
  reader.structEnd();
  const struct: Fields = {};
  slots.forEach(({ info }, at) => {
    const value = values[at] ?? absent(name, info);
    if (value !== undefined) put(struct, info.localName, value);
  });
  return struct;
}

/** Of a field: its number, if it is one, or what the struct is filled with where it is absent. */
function contentCost(type: TypeInfo, fallback: unknown): number {
  return numberCost(type.kind) + valueCost(fallback);
}

/** Of a default: what a struct without the field is filled with. */
function valueCost(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum, item) => sum + valueCost(item), arrayCost(value.length));
  if (value instanceof Map) return [...value].flat().reduce((sum, item) => sum + valueCost(item), mapCost(value.size));
  if (value instanceof Set) return setCost(value.size);
  if (value instanceof Uint8Array) return emptyBytesCost + value.length;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.values(value);
    return fields.reduce((sum: number, item) => sum + valueCost(item), dynamicStructCost('struct', fields.length, 0));
  }
  return 0;
}

function absent(name: string, info: FieldInfo): unknown {
  if (info.requiredness === 'required') missingRequired(name, info.name);
  if (info.default !== undefined) return info.default();
  return info.requiredness === 'default' ? zeroOf(info.type) : undefined;
}

function filled(slots: readonly Slot[], init: Fields): Fields {
  const struct: Fields = {};
  for (const { info } of slots) {
    const given = own(init, info.localName);
    const value = given ?? info.default?.() ?? (info.requiredness === 'default' ? zeroOf(info.type) : undefined);
    if (value !== undefined) put(struct, info.localName, value);
  }
  return struct;
}

function writeUnion(name: string, slots: readonly Slot[], writer: ThriftWriter, value: Fields): void {
  const slot = slots.find(({ info }) => info.localName === value.$case);
  if (slot === undefined) unionUnset(name);
  writer.structBegin();
  writer.field(slot.accessor.wireType, slot.info.id);
  slot.accessor.write(writer, value.value);
  writer.structEnd();
}

function readUnion(name: string, slots: readonly Slot[], reader: ThriftReader): Fields {
  let union: Fields | undefined;
  let count = 0;
  let unknown: number | undefined;
  reader.structBegin(unionCost + slots.reduce((most, { info }) => Math.max(most, numberCost(info.type.kind)), 0));
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    const slot = slots.find(({ header }) => header === field);
    const value = slot?.accessor.read(reader);
    if (slot === undefined) reader.skip(field & 0xff);
    if (slot === undefined || value === undefined) {
      unknown = field >> 8;
      continue;
    }
    count++;
    union = { $case: slot.info.localName, value };
  }
  reader.structEnd();
  if (count > 1 || (count === 0 && unknown === undefined)) unionCount(name, count);
  return union ?? { $case: '$unknown', value: unknown };
}
