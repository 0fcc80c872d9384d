/** What is absent. */
import type { LongType } from './long-type.js';
import type { EnumType, ValueType } from './message-type.js';
import type { ReadName } from './scalar-reader.js';

/** The bytes of an empty field: shared, since nothing can be written into them. */
export const noBytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** A map as an object: without a prototype, so that a key of the peer cannot be taken for a property that all objects have. */
export function emptyMap(): Record<string, never> {
  return Object.create(null) as Record<string, never>;
}

/** What `emptyMap` costs in memory. */
export const emptyObjectCost = 216;

export function zeroOf(type: ReadName | EnumType | LongType | ValueType<unknown>): unknown {
  switch (type) {
    case 'string':
    case 'unchecked':
      return '';
    case 'bytes':
      return noBytes;
    case 'bool':
      return false;
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return 0n;
    default:
      if (typeof type === 'string') return 0;
      if ('typeName' in type) return type.zero();
      return 'names' in type ? (type.names.keys().next().value ?? 0) : type.fromBigint(0n);
  }
}
