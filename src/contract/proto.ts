/** The codec of a protobuf message, over what ts-proto generates for it. */
import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Codec } from './codec.js';
import { readFrom } from './proto-reader.js';
import { written } from './proto-writer.js';

/** The part of ts-proto's `MessageFns` that the runtime uses. */
export interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  fromJSON(object: unknown): T;
  toJSON(message: T): unknown;
}

export function protoCodec<T>(typeName: string, message: MessageFns<T>): Codec<T> {
  return {
    typeName,
    encode: (value) => written(message, value),
    decode: (bytes) => readFrom(message, bytes),
    toJSON: (value) => message.toJSON(value),
    fromJSON: (json) => message.fromJSON(json),
  };
}
