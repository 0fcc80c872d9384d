/**
 * The shape of what the Thrift generator emits for a type: a codec that writes and reads a
 * value in place, and a description of the type that JSON, dynamic calls and the
 * compatibility gate interpret.
 *
 * `write` and `read` handle a whole value. A struct's therefore call structBegin and structEnd
 * themselves, so a struct within another is just `Other.write(writer, value.other)`:
 *
 *     write(writer, value) {
 *       writer.structBegin();
 *       if (value.fish !== undefined) {
 *         writer.field(TType.STRING, 1);
 *         writer.string(value.fish);
 *       }
 *       writer.structEnd();
 *     },
 *     read(reader) {
 *       let fish: string | undefined;
 *       reader.structBegin();
 *       for (let field = reader.field(); field !== 0; field = reader.field()) {
 *         switch (field) {
 *           case (1 << 8) | TType.STRING:
 *             fish = reader.string();
 *             break;
 *           default:
 *             reader.skip(field & 0xff);
 *         }
 *       }
 *       reader.structEnd();
 *       if (fish === undefined) missingRequired('market.v1.Trade', 'fish');
 *       return { fish };
 *     },
 *
 * Values: i64 is a bigint, binary a Uint8Array, uuid its lower-case text. A set is a Set and a map
 * a Map where elements or keys are scalars (`isScalar`), else an array, and an array of
 * `[key, value]`. A union is `{ $case, value }`, an exception an instance of its class.
 */
import type { Codec } from '../codec.js';
import type { ThriftReader, ThriftWriter, TType } from './protocol.js';

/** A type as the IDL gives it, typedefs resolved. References to structs are lazy: types may be recursive. */
export type TypeInfo =
  | { readonly kind: 'bool' | 'i8' | 'i16' | 'i32' | 'i64' | 'double' | 'string' | 'binary' | 'uuid' }
  | { readonly kind: 'enum'; readonly name: string; readonly values: Readonly<Record<string, number>> }
  | { readonly kind: 'struct'; readonly codec: () => StructCodec<unknown> }
  | { readonly kind: 'list' | 'set'; readonly element: TypeInfo }
  | { readonly kind: 'map'; readonly key: TypeInfo; readonly value: TypeInfo };

export interface FieldInfo {
  readonly id: number;
  /** As in the IDL. */
  readonly name: string;
  /** As in TypeScript. */
  readonly localName: string;
  readonly type: TypeInfo;
  readonly requiredness: 'required' | 'optional' | 'default';
  /** A fresh default value, when the IDL gives one. */
  readonly default?: () => unknown;
}

/** A value of any Thrift type, in place within a struct or container. */
export interface ValueCodec<T> extends Codec<T> {
  readonly wireType: TType;
  write(writer: ThriftWriter, value: T): void;
  read(reader: ThriftReader): T;
}

export type StructForm = 'struct' | 'union' | 'exception';

export interface StructCodec<T> extends ValueCodec<T> {
  readonly form: StructForm;
  /** In ascending id. */
  readonly fields: readonly FieldInfo[];
  /** A value with the IDL's defaults filled in. */
  create(init?: Partial<T>): T;
}

/** Whether values of a type are equal when JavaScript says so, which is what a Set or a Map goes by. */
export function isScalar(type: TypeInfo): boolean {
  switch (type.kind) {
    case 'binary':
    case 'struct':
    case 'list':
    case 'set':
    case 'map':
      return false;
    default:
      return true;
  }
}

/** A type in the IDL's notation, for messages to people: `map<string, market.v1.Trade>`. */
export function typeNameOf(type: TypeInfo): string {
  switch (type.kind) {
    case 'enum':
      return type.name;
    case 'struct':
      return type.codec().typeName;
    case 'list':
    case 'set':
      return `${type.kind}<${typeNameOf(type.element)}>`;
    case 'map':
      return `map<${typeNameOf(type.key)}, ${typeNameOf(type.value)}>`;
    default:
      return type.kind;
  }
}
