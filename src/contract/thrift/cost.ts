/** What decoded Thrift values cost in memory, besides the objects that every codec makes (object-cost.ts). */
import { arrayCost, bigintCost, doubleCost, objectCost, unionCost } from '../bytes/object-cost.js';
import { TType } from './protocol.js';

/** An error with its stack trace and its message. */
const errorCost = 1_400;

export type StructKind = 'struct' | 'union' | 'exception';

/** A struct with this many fields; its numbers, and what absent fields are filled with, cost `contents`. */
export function structCost(kind: StructKind, fields: number, contents: number): number {
  if (kind === 'union') return unionCost;
  return objectCost(fields) + contents + (kind === 'exception' ? errorCost + 8 * fields : 0);
}

/** A struct that is read by its description: its properties are added one by one. */
export function dynamicStructCost(kind: StructKind, fields: number, contents: number): number {
  return structCost(kind, fields, contents) + (kind === 'union' ? 0 : 64);
}

/** Of a map whose keys are objects: an array of pairs. */
export function pairsCost(size: number): number {
  return arrayCost(size) + 64 * size;
}

/**
 * A number in a field of a struct, or in a union. Structs and containers are charged with those that they can hold, so that reading
 * one charges nothing.
 */
export function numberCost(kind: string): number {
  return kind === 'i64' ? bigintCost : kind === 'double' ? doubleCost : 0;
}
/** The same for what the wire calls the elements of a container. */
export const elementCost = new Uint8Array(256);
elementCost[TType.I64] = numberCost('i64');
elementCost[TType.DOUBLE] = numberCost('double');

export const uuidCost = 360;
/** An empty array of bytes, with a buffer of its own. */
export const emptyBytesCost = 184;
