/**
 * What objects cost in memory: bytes of V8's objects on 64 bits without pointer compression. Measured, and held to the heap by
 * fuzzes; too much by up to a half for small arrays, never too little by more than a fifth.
 */

/** A `$case` and a `value`. Objects that literals make carry 16 bytes for the engine besides their slots. */
export const unionCost = 56;
/** Objects of more properties become hash tables. */
const mostSlots = 1_000;

/** An object with this many properties. */
export function objectCost(properties: number): number {
  return properties <= mostSlots ? 40 + 9 * Math.max(properties, 2) : 68 * properties;
}

/** An array that `size` elements were pushed to: it grows by half and 16. The elements are not in it. */
export function arrayCost(size: number): number {
  return size === 0 ? 32 : 176 + 12 * size;
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

export const bigintCost = 24;
export const doubleCost = 16;
/** A view of bytes; the bytes themselves are the frame's. */
export const viewCost = 128;
