/** Fields that came with a message and that its type does not know: kept, so that they go on when the message is passed on. */

/**
 * The property that holds them, as bytes in the order in which they came; there is none when all were known. It is enumerable, so
 * that `{ ...message }` keeps it, and a symbol, so that JSON and `Object.keys` do not see it.
 */
export const unknownFields: unique symbol = Symbol.for('hawser.unknownFields');

/** A message that may have some. */
export interface HasUnknownFields {
  [unknownFields]?: Uint8Array;
}
