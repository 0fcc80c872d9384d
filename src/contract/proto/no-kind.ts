/** A `google.protobuf.Value` that is there, but holds nothing: JSON has no such value. */
export const noKind: unique symbol = Symbol.for('hawser.noKind');
