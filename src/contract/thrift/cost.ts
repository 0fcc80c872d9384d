/**
 * What decoded values cost in memory: bytes of V8's objects on 64 bits without pointer compression. Measured, and held to the
 * heap by a fuzz; too much by up to a half for small arrays, never too little by more than a fifth.
 */

import { TType } from './protocol.js';

/** A `$case` and a `value`. Objects that literals make carry 16 bytes for the engine besides their slots. */
export const unionCost = 56;
/** An error with its stack trace and its message. */
const errorCost = 1_400;
/** Objects of more properties become hash tables. */
const mostSlots = 1_000;

export type StructKind = 'struct' | 'union' | 'exception';

/** A struct with this many fields; its numbers, and what absent fields are filled with, cost `contents`. */
export function structCost(kind: StructKind, fields: number, contents: number): number {
  if (kind === 'union') return unionCost;
  const slots = fields <= mostSlots ? 40 + 9 * Math.max(fields, 2) : 68 * fields;
  return slots + contents + (kind === 'exception' ? errorCost + 8 * fields : 0);
}

/** A struct that is read by its description: its properties are added one by one. */
export function dynamicStructCost(kind: StructKind, fields: number, contents: number): number {
  return structCost(kind, fields, contents) + (kind === 'union' ? 0 : 64);
}

/** An array that `size` elements were pushed to: it grows by half and 16. The elements are not in it. */
export function arrayCost(size: number): number {
  return size === 0 ? 32 : 176 + 12 * size;
}

/** Of a map whose keys are objects: an array of pairs. */
export function pairsCost(size: number): number {
  return arrayCost(size) + 64 * size;
}

export function setCost(size: number): number {
  return 72 + 20 * capacity(size);
}

export function mapCost(size: number): number {
  return 80 + 28 * capacity(size);
}

/** Hash tables double, from 4 on. */
function capacity(size: number): number {
  return size <= 4 ? 4 : (1 << (32 - Math.clz32(size - 1))) >>> 0;
}

/** A string of up to 16 bytes: those of more than 12 are two pieces and a pair of them. */
export function shortTextCost(length: number): number {
  return 24 + 4 * length;
}

/** Before it is known whether each of the bytes is a character. */
export function longTextCost(length: number): number {
  return 24 + 2 * length;
}

/**
 * A number in a field of a struct, or in a union. Structs and containers are charged with those that they can hold, so that reading
 * one charges nothing.
 */
export function numberCost(kind: string): number {
  return kind === 'i64' ? 24 : kind === 'double' ? 16 : 0;
}
/** The same for what the wire calls the elements of a container. */
export const elementCost = new Uint8Array(256);
elementCost[TType.I64] = numberCost('i64');
elementCost[TType.DOUBLE] = numberCost('double');

export const uuidCost = 360;
/** A view of bytes; the bytes themselves are the frame's. */
export const viewCost = 128;
/** An empty array of bytes, with a buffer of its own. */
export const emptyBytesCost = 184;
