/** Fields of a message as bytes, without its type: where each begins and ends. */
import { ProtobufError } from './protobuf-error.js';

export interface RawField {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Throws a ProtobufError for bytes that are no fields. */
export function rawFields(bytes: Uint8Array): RawField[] {
  const fields: RawField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      // Only tags and lengths matter; numbers of more than 32 bits are passed over.
      if (shift < 28) value |= (byte & 0x7f) << shift;
      else if (shift === 28) value += (byte & 0x0f) * 2 ** 28;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtobufError('the unknown fields are cut off');
  };
  const pass = (wireType: number): void => {
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = varint();
      at += length;
    } else if (wireType !== 3) throw new ProtobufError(`there is no wire type ${wireType}`);
    else for (let tag = varint(); (tag & 7) !== 4; tag = varint()) pass(tag & 7);
  };
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    pass(tag & 7);
    if (at > bytes.length) throw new ProtobufError('the unknown fields are cut off');
    fields.push({ number: tag >>> 3, start, end: at });
  }
  return fields;
}
