/**
 * A writer and a reader are kept between messages, so that coding a small message allocates only its bytes or its objects. Taking
 * one and giving it back is a stack: an encoder that runs inside another (a getter) gets its own.
 */
import { type DecodeAccount, decodeAllowance, holdDecoded } from '../decode-budget.js';
import type { ValueType } from './message-type.js';
import { ProtoReader } from './reader.js';
import { ProtoWriter } from './writer.js';

/** How many of each are kept. More are in use at once only where encoders nest. */
const kept = 4;

const writers: ProtoWriter[] = [];
const readers: ProtoReader[] = [];

export function encodeWith<T>(type: ValueType<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = writers.pop() ?? new ProtoWriter();
  writer.reset();
  try {
    type.write(writer, value);
    return writer.finish();
  } finally {
    if (writers.length < kept) writers.push(writer);
  }
}

/** What the value holds is charged to `account`. */
export function decodeWith<T>(type: ValueType<T>, bytes: Uint8Array, account?: DecodeAccount): T {
  const reader = readers.pop() ?? new ProtoReader();
  reader.reset(bytes, decodeAllowance());
  try {
    const value = type.read(reader, undefined);
    reader.finish();
    if (account !== undefined) holdDecoded(account, reader.charged);
    return value;
  } finally {
    reader.clear();
    if (readers.length < kept) readers.push(reader);
  }
}
