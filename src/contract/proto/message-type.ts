/**
 * The shape of what the proto generator emits for a message: an object that writes and reads the wire by emitted code, and a table
 * of fields that everything else (create, equals, ProtoJSON, error messages) interprets.
 *
 *     export const Trade: MessageType<Trade> = defineMessage<Trade>({
 *       name: "market.v1.Trade",
 *       fields: () => [[1, "fish", "string"], [2, "priceCents", "int64"]],
 *       init: () => ({ fish: "", priceCents: 0n }),
 *       write(w, m) {
 *         w.string(10, m.fish);
 *         w.int64(16, m.priceCents);
 *       },
 *       read(r, m) {
 *         for (let t = r.tag(); t !== 0; t = r.tag())
 *           switch (t) {
 *             case 10: m.fish = r.string(); break;
 *             case 16: m.priceCents = r.int64(); break;
 *             default: r.other(t, m);
 *           }
 *       },
 *     });
 */
import type { DecodeAccount } from '../decode-budget.js';
import type { InitOf } from './init-of.js';
import type { ProtoReader } from './reader.js';
import type { ProtoWriter } from './writer.js';

export type ScalarName =
  | 'double'
  | 'float'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes';

/** How 64-bit numbers appear in TypeScript. */
export type LongForm = 'bigint' | 'number' | 'string';

export interface EnumType {
  readonly kind: 'enum';
  /** Full name in the IDL. */
  readonly name: string;
  /** The first name that the IDL gives each number. */
  readonly names: ReadonlyMap<number, string>;
  /** All names of the IDL, aliases included. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Whether unknown numbers are unknown fields, as in proto2. */
  readonly closed: boolean;
}

/** What a field or a map's value holds. */
export type FieldType = ScalarName | EnumType | ValueType<unknown>;

/** A field as the generator prints it: its number, its name in TypeScript, its type, and what is not usual about it. */
export type FieldSpec = readonly [number: number, localName: string, type: FieldType, more?: FieldMore];

export interface FieldMore {
  /** In the IDL, when it is not the local name in snake case. */
  readonly name?: string;
  /** In ProtoJSON, when it is not the local name. */
  readonly json?: string;
  readonly list?: true;
  /** Of a list of numbers, when it is not packed. */
  readonly packed?: false;
  /** The type of a map's keys. */
  readonly map?: ScalarName;
  /** Explicit presence: proto3 `optional`, proto2, editions. Messages have it anyway. */
  readonly optional?: true;
  /** proto2 `required`, editions' LEGACY_REQUIRED. */
  readonly required?: true;
  /** The local name of the oneof. */
  readonly oneof?: string;
  /** Written as a group. */
  readonly delimited?: true;
  /** When it is not bigint. */
  readonly int64?: 'number' | 'string';
}

/** A field as the runtime uses it. */
export interface Field {
  readonly number: number;
  /** In the IDL. */
  readonly name: string;
  /** The property in TypeScript. Of a field in a oneof: its `$case`. */
  readonly localName: string;
  readonly jsonName: string;
  readonly form: 'single' | 'list' | 'map';
  /** Of the field, of a list's elements, or of a map's values. */
  readonly type: FieldType;
  /** Of a map's keys. */
  readonly key: ScalarName | undefined;
  /** Of a map: an object without a prototype, or a Map where keys are 64-bit numbers or bools. */
  readonly container: 'object' | 'Map' | undefined;
  /** `implicit`: zero is absent. Lists and maps are `implicit`; messages and fields of a oneof are `explicit`. */
  readonly presence: 'implicit' | 'explicit' | 'required';
  /** The property that holds `{ $case, value }`. */
  readonly oneof: string | undefined;
  readonly packed: boolean;
  readonly delimited: boolean;
  readonly int64: LongForm;
}

/**
 * A type that can stand in a field of another: a message, or a well-known type that is something else in TypeScript
 * (`google.protobuf.StringValue` is a string, `Struct` an object, `FieldMask` an array of strings).
 */
export interface ValueType<T> {
  /** Full name in the IDL. */
  readonly typeName: string;
  /** Whether null is a value, and not the same as absent: of `google.protobuf.Value`. */
  readonly nullable: boolean;
  /** Writes the content, without tag and length. */
  write(writer: ProtoWriter, value: T): void;
  /** Reads up to where the reader's message or group ends; into `into`, if there is one, and returns it. */
  read(reader: ProtoReader, into: T | undefined): T;
  /** What an empty message is. */
  zero(): T;
  equals(a: T, b: T): boolean;
  clone(value: T): T;
  toJson(value: T, options?: JsonWriteOptions): JsonValue;
  /** Throws an Error that names the field, for JSON that is not a T. */
  fromJson(json: JsonValue, options?: JsonReadOptions): T;
}

export interface MessageType<T> extends ValueType<T> {
  /** In the order of the IDL. */
  readonly fields: readonly Field[];
  /** Fields by their number. */
  field(number: number): Field | undefined;
  create(init?: InitOf<T>): T;
  /** Throws a TypeError or RangeError that names the field, for a value that does not fit. */
  encode(message: InitOf<T>): Uint8Array<ArrayBuffer>;
  /**
   * Reads exactly `bytes`. Throws a ProtobufError for what is malformed, a DecodeBudgetError for more objects than a message may
   * hold. A bytes field may be a view of `bytes`.
   */
  decode(bytes: Uint8Array, account?: DecodeAccount): T;
}

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Finds types by their full name, for `google.protobuf.Any` and extensions. */
export interface TypeRegistry {
  message(typeName: string): MessageType<unknown> | undefined;
  extension?(typeName: string): Extension<unknown> | undefined;
  /** By the full name of the message that is extended, and the number of the field. */
  extensionOf?(extendee: string, number: number): Extension<unknown> | undefined;
}

/** A field that another file adds to a message: it travels in the message's unknown fields. */
export interface Extension<T> {
  /** Full name in the IDL: `market.v1.note`. */
  readonly typeName: string;
  /** Full name of the message. */
  readonly extendee: string;
  readonly field: Field;
  /** undefined when the message does not hold it. Throws a ProtobufError for bytes that are no value of the field. */
  get(message: object): T | undefined;
  has(message: object): boolean;
  /** Throws a TypeError or RangeError for a value that is none of the field. */
  set(message: object, value: T): void;
  clear(message: object): void;
}

export interface JsonWriteOptions {
  readonly registry?: TypeRegistry;
  /** Names of the IDL instead of lowerCamelCase. */
  readonly protoNames?: boolean;
  /** Also fields that hold their default. */
  readonly defaults?: boolean;
  /** Enums as numbers. */
  readonly enumNumbers?: boolean;
}

export interface JsonReadOptions {
  readonly registry?: TypeRegistry;
  /** Skips names and enum values that are unknown; else they are an error. */
  readonly ignoreUnknown?: boolean;
}
