/**
 * The message around the args or the result of a call: name, type and sequence number. A name
 * is bounded, so that the header of a frame can be read before anything is known of its sender.
 */
import { isUtf8 } from 'node:buffer';
import { longestShortText, shortAscii } from '../bytes/short-text.js';
import { shown } from '../bytes/wrong-value.js';
import type { Encoding } from '../codec.js';
import { maxNameBytes } from './limits.js';
import { ProtocolFault, ThriftProtocolError } from './protocol-error.js';

export interface MessageHeader {
  /** As on the wire: `Service:method` where services are multiplexed. */
  readonly name: string;
  /** A TMessageType, or a number that is none: the receiver answers that with INVALID_MESSAGE_TYPE. */
  readonly type: number;
  /** A signed 32-bit number. */
  readonly seqid: number;
  /** Where the args or result struct begins. */
  readonly bodyOffset: number;
}

const version = 0x80_01;
const compactProtocol = 0x82;
const compactVersion = 1;

/**
 * The header and `body` as one message, behind `before` bytes that are left for the caller to write. Throws a RangeError for a
 * name over 256 bytes.
 */
export function writeMessage(
  encoding: Encoding,
  name: string,
  type: number,
  seqid: number,
  body: Uint8Array,
  before = 0,
): Buffer {
  const nameBytes = Buffer.byteLength(name, 'utf8');
  if (nameBytes > maxNameBytes) {
    throw new RangeError(
      `the method name ${shown(name)} takes ${nameBytes} bytes; at most ${maxNameBytes} are sent, "Service:" included`,
    );
  }
  if ((seqid | 0) !== seqid) {
    throw new RangeError(`the sequence number ${seqid} is not an integer from -2147483648 to 2147483647`);
  }
  if (encoding === 'binary') {
    const message = Buffer.allocUnsafe(before + 12 + nameBytes + body.length);
    message.writeUInt32BE(version * 0x1_0000 + type, before);
    message.writeInt32BE(nameBytes, before + 4);
    putName(message, before + 8, name, nameBytes);
    message.writeInt32BE(seqid, before + 8 + nameBytes);
    message.set(body, before + 12 + nameBytes);
    return message;
  }
  const seqidBytes = varintLength(seqid);
  const start = before + 2 + seqidBytes + varintLength(nameBytes);
  const message = Buffer.allocUnsafe(start + nameBytes + body.length);
  message[before] = compactProtocol;
  message[before + 1] = (type << 5) | compactVersion;
  putVarint(message, before + 2, seqid);
  putVarint(message, before + 2 + seqidBytes, nameBytes);
  putName(message, start, name, nameBytes);
  message.set(body, start + nameBytes);
  return message;
}

/**
 * Throws a ThriftProtocolError for a header that is not of this encoding, is cut short, or has a
 * name that is over 256 bytes or not UTF-8. Binary's old header without a version is read too.
 */
export function readMessageHeader(frame: Uint8Array, encoding: Encoding): MessageHeader {
  const bytes = Buffer.isBuffer(frame) ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  return encoding === 'binary' ? readBinaryHeader(bytes) : readCompactHeader(bytes);
}

function readBinaryHeader(frame: Buffer): MessageHeader {
  need(frame, 0, 4);
  const first = frame.readInt32BE(0);
  if (first < 0) {
    const found = first >>> 16;
    if (found !== version) {
      throw new ThriftProtocolError(
        ProtocolFault.BAD_VERSION,
        `the message has version 0x${found.toString(16)} of the binary protocol; only 0x${version.toString(16)} is known`,
      );
    }
    need(frame, 4, 4);
    const length = checkName(frame.readInt32BE(4));
    need(frame, 8, length + 4);
    return {
      name: nameAt(frame, 8, length),
      type: first & 0xff,
      seqid: frame.readInt32BE(8 + length),
      bodyOffset: 12 + length,
    };
  }
  const length = checkName(first);
  need(frame, 4, length + 5);
  return {
    name: nameAt(frame, 4, length),
    type: frame[4 + length] as number,
    seqid: frame.readInt32BE(5 + length),
    bodyOffset: 9 + length,
  };
}

function readCompactHeader(frame: Buffer): MessageHeader {
  need(frame, 0, 2);
  const id = frame[0] as number;
  const second = frame[1] as number;
  if (id !== compactProtocol) {
    throw new ThriftProtocolError(
      ProtocolFault.BAD_VERSION,
      `the message begins with byte 0x${id.toString(16)}; the compact protocol begins with 0x82`,
    );
  }
  if ((second & 0x1f) !== compactVersion) {
    throw new ThriftProtocolError(
      ProtocolFault.BAD_VERSION,
      `the message has version ${second & 0x1f} of the compact protocol; only version ${compactVersion} is known`,
    );
  }
  const seqidAt = 2;
  const seqid = varintAt(frame, seqidAt);
  const lengthAt = seqidAt + varintSpan(frame, seqidAt);
  const length = checkName(varintAt(frame, lengthAt));
  const nameStart = lengthAt + varintSpan(frame, lengthAt);
  need(frame, nameStart, length);
  return { name: nameAt(frame, nameStart, length), type: second >> 5, seqid, bodyOffset: nameStart + length };
}

function need(frame: Buffer, at: number, count: number): void {
  if (frame.length - at < count) {
    throw new ThriftProtocolError(
      ProtocolFault.INVALID_DATA,
      `the message ends within its header: ${count} bytes are needed at byte ${at}, but ${Math.max(0, frame.length - at)} are left`,
    );
  }
}

function checkName(length: number): number {
  if (length < 0) {
    throw new ThriftProtocolError(ProtocolFault.NEGATIVE_SIZE, `the method name's length of ${length} is negative`);
  }
  if (length > maxNameBytes) {
    throw new ThriftProtocolError(
      ProtocolFault.SIZE_LIMIT,
      `the method name's length of ${length} bytes is over the limit of ${maxNameBytes}`,
    );
  }
  return length;
}

/** A name of ASCII, as they nearly all are, is written faster by hand than by the runtime. */
function putName(message: Buffer, at: number, name: string, bytes: number): void {
  if (bytes > longestShortText || bytes !== name.length) {
    message.write(name, at, bytes, 'utf8');
    return;
  }
  for (let i = 0; i < bytes; i++) message[at + i] = name.charCodeAt(i);
}

function nameAt(frame: Buffer, at: number, length: number): string {
  if (length <= longestShortText) {
    const ascii = shortAscii(frame, at, length);
    if (ascii !== undefined) return ascii;
  }
  const name = frame.toString('utf8', at, at + length);
  if (name.includes('\ufffd') && !isUtf8(frame.subarray(at, at + length))) {
    throw new ThriftProtocolError(ProtocolFault.INVALID_DATA, `the ${length} bytes of the method name are not UTF-8`);
  }
  return name;
}

function varintSpan(frame: Buffer, at: number): number {
  let span = 1;
  while ((frame[at + span - 1] as number) > 0x7f) span++;
  return span;
}

function varintAt(frame: Buffer, at: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    need(frame, at + i, 1);
    const byte = frame[at + i] as number;
    if (i === 4 && byte > 0x0f) break;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value;
  }
  throw new ThriftProtocolError(
    ProtocolFault.INVALID_DATA,
    `the varint at byte ${at} of the message is longer than 5 bytes or over 32 bits`,
  );
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest !== 0; rest >>>= 7) length++;
  return length;
}

function putVarint(bytes: Buffer, at: number, value: number): void {
  let rest = value >>> 0;
  let to = at;
  while (rest > 0x7f) {
    bytes[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[to] = rest;
}
