/**
 * The shape of what the Thrift generator emits for a type: a codec that writes and reads a
 * value in place, and a description of the type that JSON, dynamic calls and the
 * compatibility gate interpret.
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

export interface StructCodec<T> extends ValueCodec<T> {
  readonly form: 'struct' | 'union' | 'exception';
  readonly fields: readonly FieldInfo[];
  /** A value with the IDL's defaults filled in. */
  create(init?: Partial<T>): T;
}
