/**
 * Writers of protobuf messages, kept between messages. A new one for each message costs more than the message: its buffer, which
 * starts small and is cleared, the larger ones that take its place, and the copy of what was written, each with memory of its own.
 */
import { Buffer } from 'node:buffer';
import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** How many are kept. More are in use at once only where encoders nest. */
const kept = 4;
/** A writer that wrote a larger message is not kept: its buffer would stay as large. */
const mostKept = 64 * 1024;

/** What this library keeps to itself: there is no other way to its buffer than a copy. */
interface Written {
  readonly buffer?: unknown;
  pos?: unknown;
  stackPos?: unknown;
}

/** Characters of a text that is written by hand though the library would not: an id with room to spare. */
const byHand = { least: 33, most: 64 } as const;

class KeptWriter extends BinaryWriter {
  override string(value: string): this {
    const own = this as unknown as Written;
    const { buffer, pos } = own;
    const length = typeof value === 'string' ? value.length : 0;
    const fits = length >= byHand.least && length <= byHand.most && buffer instanceof Uint8Array;
    if (!fits || typeof pos !== 'number' || pos + 1 + length > buffer.byteLength) return super.string(value);
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return super.string(value);
      buffer[pos + 1 + i] = code;
    }
    buffer[pos] = length;
    own.pos = pos + 1 + length;
    return this;
  }

  /** What was written, in memory that short messages share. The writer is then empty. */
  override finish(): Uint8Array<ArrayBuffer> {
    const own = this as unknown as Written;
    const { buffer, pos, stackPos } = own;
    if (!(buffer instanceof Uint8Array && typeof pos === 'number' && Array.isArray(stackPos))) return super.finish();
    const bytes = Buffer.allocUnsafe(pos);
    bytes.set(pos === buffer.byteLength ? buffer : buffer.subarray(0, pos));
    own.pos = 0;
    if (stackPos.length > 0) own.stackPos = [];
    return bytes;
  }
}

const writers: BinaryWriter[] = [];

/** The bytes of a message, in memory that may be shared with others: what keeps them for long copies them. */
export function written<T>(message: { encode(value: T, writer: BinaryWriter): BinaryWriter }, value: T): Uint8Array {
  const writer = writers.pop() ?? new KeptWriter();
  // One that failed halfway is not kept.
  const bytes = message.encode(value, writer).finish();
  if (writers.length < kept && bytes.byteLength <= mostKept) writers.push(writer);
  return bytes;
}
