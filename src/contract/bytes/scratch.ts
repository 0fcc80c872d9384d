/**
 * Eight bytes seen as two words, a double and a bigint: how the codecs take a number apart and
 * put it together without a DataView per frame and without BigInt arithmetic. One at a time;
 * nothing is kept here between two statements.
 */
const memory = new ArrayBuffer(8);

export const words = new Int32Array(memory);
export const doubles = new Float64Array(memory);
export const floats = new Float32Array(memory);
export const bigints = new BigInt64Array(memory);
export const unsignedBigints = new BigUint64Array(memory);

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Index of the low and the high half within `words` on this machine. */
export const LOW = littleEndian ? 0 : 1;
export const HIGH = littleEndian ? 1 : 0;
