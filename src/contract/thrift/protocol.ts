/**
 * What generated Thrift code is written against: a writer and a reader of one message's
 * values. `binary.ts` and `compact.ts` implement both. Nothing here allocates per field.
 * Source: Apache Thrift, doc/specs/thrift-binary-protocol.md and thrift-compact-protocol.md.
 */

/** Wire types, as numbered by the Binary protocol. */
export const TType = {
  STOP: 0,
  BOOL: 2,
  I8: 3,
  DOUBLE: 4,
  I16: 6,
  I32: 8,
  I64: 10,
  STRING: 11,
  STRUCT: 12,
  MAP: 13,
  SET: 14,
  LIST: 15,
  UUID: 16,
} as const;
export type TType = (typeof TType)[keyof typeof TType];

/** Message types. */
export const TMessageType = { CALL: 1, REPLY: 2, EXCEPTION: 3, ONEWAY: 4 } as const;
export type TMessageType = (typeof TMessageType)[keyof typeof TMessageType];

export interface ThriftWriter {
  structBegin(): void;
  /** Writes the STOP field. */
  structEnd(): void;
  /** A field's header. Fields are written in ascending id. A bool field's value follows by `bool`. */
  field(type: TType, id: number): void;
  bool(value: boolean): void;
  /** Throws a RangeError outside -128..127; likewise the other integers. */
  i8(value: number): void;
  i16(value: number): void;
  i32(value: number): void;
  i64(value: bigint): void;
  double(value: number): void;
  string(value: string): void;
  binary(value: Uint8Array): void;
  /** Canonical text form, `00112233-4455-6677-8899-aabbccddeeff`; 16 bytes on the wire. */
  uuid(value: string): void;
  list(element: TType, size: number): void;
  set(element: TType, size: number): void;
  map(key: TType, value: TType, size: number): void;
}

export interface ThriftReader {
  /** `cost`: bytes that the object to be made of it takes in memory, without what it refers to. */
  structBegin(cost?: number): void;
  structEnd(): void;
  /** The next field's header as `(id << 8) | type`, the id signed; 0 at the end of the struct. */
  field(): number;
  bool(): boolean;
  i8(): number;
  i16(): number;
  i32(): number;
  i64(): bigint;
  double(): number;
  string(): string;
  /** A view into the frame. */
  binary(): Uint8Array;
  uuid(): string;
  /**
   * A list's size. -1 when its elements are not of the wire type `element`: the list has then
   * been skipped, and the caller treats the field as absent. The size is checked against what is left of the frame.
   */
  list(element: TType): number;
  set(element: TType): number;
  map(key: TType, value: TType): number;
  skip(type: number): void;
}
