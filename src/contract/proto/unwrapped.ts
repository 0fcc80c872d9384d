/**
 * Well-known types that are something else than a message in TypeScript, where they stand in a field: wrappers are the value that
 * they wrap, a Struct is an object, a Value any JSON, a ListValue an array, and a FieldMask an array of paths.
 */
import { arrayCost, bigintCost } from '../bytes/object-cost.js';
import { shown } from '../bytes/wrong-value.js';
import { cloneValue } from './clone.js';
import { equalValues } from './equals.js';
import { valueFromJson } from './json/read.js';
import { valueToJson } from './json/write.js';
import { bigintOfNumber, bigintOfText } from './long-type.js';
import type { JsonReadOptions, JsonValue, JsonWriteOptions, LongForm, ScalarName, ValueType } from './message-type.js';
import { noKind } from './no-kind.js';
import type { ProtoReader } from './reader.js';
import { wireTypes } from './wire-types.js';
import type { ProtoWriter } from './writer.js';
import { emptyMap, emptyObjectCost, zeroOf } from './zero.js';

abstract class Unwrapped<T> implements ValueType<T> {
  readonly nullable: boolean = false;
  constructor(readonly typeName: string) {}

  abstract write(writer: ProtoWriter, value: T): void;
  abstract read(reader: ProtoReader, into: T | undefined): T;
  abstract zero(): T;

  equals(a: T, b: T): boolean {
    return equalValues(this, a, b);
  }

  clone(value: T): T {
    return cloneValue(this, value);
  }

  toJson(value: T, options?: JsonWriteOptions): JsonValue {
    return valueToJson(this, value, options);
  }

  fromJson(json: JsonValue, options?: JsonReadOptions): T {
    return valueFromJson(this, json, options);
  }
}

/** A wrapper of a scalar; `form` is how a 64-bit number appears. */
export class Wrapper<T> extends Unwrapped<T> {
  readonly #tag: number;

  constructor(
    typeName: string,
    readonly scalar: ScalarName,
    readonly form: LongForm = 'bigint',
  ) {
    super(typeName);
    this.#tag = 8 | wireTypes[scalar];
  }

  write(writer: ProtoWriter, value: T): void {
    const { form } = this;
    const scalar =
      form === 'bigint' ? value : form === 'number' ? bigintOfNumber(value as number) : bigintOfText(value as string);
    writer.scalar(this.scalar, this.#tag, scalar, false);
  }

  read(reader: ProtoReader, into: T | undefined): T {
    reader.charge(bigintCost);
    let value = into ?? this.zero();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== this.#tag) reader.other(tag, undefined);
      else value = this.#formed(reader.scalar(this.scalar));
    }
    return value;
  }

  zero(): T {
    return this.#formed(zeroOf(this.scalar));
  }

  #formed(value: unknown): T {
    return (this.form === 'bigint' ? value : this.form === 'number' ? Number(value) : String(value)) as T;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: generated types have `any` for the values of a Struct.
type Json = any;
type JsonObject = { [key: string]: Json };

class StructType extends Unwrapped<JsonObject> {
  write(writer: ProtoWriter, value: JsonObject): void {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) notJson('an object', value);
    const undefinedValues = Object.keys(value).some((key) => value[key] === undefined);
    // As JSON has it.
    const given = undefinedValues ? Object.entries(value).filter(([, one]) => one !== undefined) : undefined;
    writer.map(10, 'string', Value, given === undefined ? value : new Map(given));
  }

  read(reader: ProtoReader, into: JsonObject | undefined): JsonObject {
    reader.charge(emptyObjectCost);
    const struct = into ?? this.zero();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 10) reader.map(tag, struct, 'string', Value, undefined);
      else reader.other(tag, undefined);
    }
    return struct;
  }

  zero(): JsonObject {
    return emptyMap();
  }
}

class ListValueType extends Unwrapped<Json[]> {
  write(writer: ProtoWriter, value: Json[]): void {
    if (!Array.isArray(value)) notJson('an array', value);
    writer.messages(10, Value, value.includes(undefined) ? value.map((one) => one ?? null) : value);
  }

  read(reader: ProtoReader, into: Json[] | undefined): Json[] {
    reader.charge(arrayCost(0));
    const list = into ?? [];
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 10) reader.add(tag, list, Value);
      else reader.other(tag, undefined);
    }
    return list;
  }

  zero(): Json[] {
    return [];
  }
}

class JsonType extends Unwrapped<Json> {
  override readonly nullable = true;

  write(writer: ProtoWriter, value: unknown): void {
    switch (typeof value) {
      case 'number':
        writer.double(17, value, true);
        break;
      case 'string':
        writer.string(26, value, true);
        break;
      case 'boolean':
        writer.bool(32, value, true);
        break;
      case 'undefined':
        writer.int32(8, 0, true);
        break;
      case 'object':
        if (value === null) writer.int32(8, 0, true);
        else if (Array.isArray(value)) writer.message(50, ListValue, value);
        else writer.message(42, Struct, value);
        break;
      default:
        if (value !== noKind) notJson('JSON', value);
    }
  }

  read(reader: ProtoReader, into: unknown): Json {
    let value: Json = into === undefined ? noKind : into;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case 8:
          reader.int32();
          value = null;
          break;
        case 17:
          value = reader.double();
          break;
        case 26:
          value = reader.string();
          break;
        case 32:
          value = reader.bool();
          break;
        case 42:
          value = reader.message(tag, Struct, isObject(value) ? value : undefined);
          break;
        case 50:
          value = reader.message(tag, ListValue, Array.isArray(value) ? value : undefined);
          break;
        default:
          reader.other(tag, undefined);
      }
    }
    return value;
  }

  zero(): Json {
    return noKind;
  }
}

class FieldMaskType extends Unwrapped<string[]> {
  write(writer: ProtoWriter, value: string[]): void {
    writer.list(10, 'string', value);
  }

  read(reader: ProtoReader, into: string[] | undefined): string[] {
    reader.charge(arrayCost(0));
    const paths = into ?? [];
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 10) reader.list(tag, paths, 'string');
      else reader.other(tag, undefined);
    }
    return paths;
  }

  zero(): string[] {
    return [];
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notJson(wanted: string, value: unknown): never {
  throw new TypeError(`${shown(value)} is not ${wanted}`);
}

export const Struct: ValueType<JsonObject> = /* @__PURE__ */ new StructType('google.protobuf.Struct');
export const ListValue: ValueType<Json[]> = /* @__PURE__ */ new ListValueType('google.protobuf.ListValue');
export const Value: ValueType<Json> = /* @__PURE__ */ new JsonType('google.protobuf.Value');
export const FieldMask: ValueType<string[]> = /* @__PURE__ */ new FieldMaskType('google.protobuf.FieldMask');

export const DoubleValue: ValueType<number> = /* @__PURE__ */ wrapper('Double', 'double');
export const FloatValue: ValueType<number> = /* @__PURE__ */ wrapper('Float', 'float');
export const Int64Value: ValueType<bigint> = /* @__PURE__ */ wrapper('Int64', 'int64');
export const UInt64Value: ValueType<bigint> = /* @__PURE__ */ wrapper('UInt64', 'uint64');
export const Int32Value: ValueType<number> = /* @__PURE__ */ wrapper('Int32', 'int32');
export const UInt32Value: ValueType<number> = /* @__PURE__ */ wrapper('UInt32', 'uint32');
export const BoolValue: ValueType<boolean> = /* @__PURE__ */ wrapper('Bool', 'bool');
export const StringValue: ValueType<string> = /* @__PURE__ */ wrapper('String', 'string');
export const BytesValue: ValueType<Uint8Array> = /* @__PURE__ */ wrapper('Bytes', 'bytes');
/** The same where 64-bit numbers are text. */
export const Int64ValueText: ValueType<string> = /* @__PURE__ */ wrapper('Int64', 'int64', 'string');
export const UInt64ValueText: ValueType<string> = /* @__PURE__ */ wrapper('UInt64', 'uint64', 'string');

function wrapper<T>(name: string, scalar: ScalarName, form?: LongForm): ValueType<T> {
  return new Wrapper<T>(`google.protobuf.${name}Value`, scalar, form);
}
