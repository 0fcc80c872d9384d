/** The codec of a protobuf message, over the type that the generator emits for it. */
import type { Codec } from './codec.js';
import type { InitOf } from './proto/init-of.js';
import type { JsonValue, MessageType } from './proto/message-type.js';
import { orderedMessage } from './proto/ordered.js';

export function protoCodec<T>(type: MessageType<T>): Codec<T> {
  return {
    typeName: type.typeName,
    // A request that is left out is an empty one, where that is no mistake: no field of it has to be given.
    encode: (value) =>
      type.encode((value === undefined && needsNothing(type as MessageType<unknown>) ? {} : value) as InitOf<T>),
    decode: (bytes, _encoding, account) => type.decode(bytes, account),
    ordered: (value) => orderedMessage(type, value),
    toJSON: (value) => type.toJson(value),
    fromJSON: (json) => type.fromJson(json as JsonValue),
  };
}

function needsNothing(type: MessageType<unknown>): boolean {
  return type.fields.every(({ presence }) => presence === 'explicit');
}
