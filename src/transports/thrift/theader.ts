/**
 * The THeader envelope: key-values and transforms around an ordinary message. Keys and values
 * belong to one frame and are never kept for the next.
 * Source: Apache Thrift, doc/specs/HeaderFormat.md.
 */
import { deflateSync } from 'node:zlib';
import { timeoutHeader } from '../../call/deadline.js';
import { HeaderMap } from '../../call/headers.js';
import { ApplicationFault } from '../../contract/thrift/application-exception.js';
import { inflateLarge, inflateSmall, isTooLarge } from './inflation.js';
import type { ConnectionLimits } from './limits.js';
import type { ThriftProtocol } from './sniff.js';
import { FrameRefused, WireError } from './wire-error.js';

const magic = 0x0fff;
const fixedBytes = 10;
const zlibTransform = 1;
const keyValues = 1;
/** Each layer may inflate a payload to the limit; no peer has a use for more than one. */
const maxTransforms = 1;
/** Bytes of memory of an empty list of headers, and of one header without its text: two strings or a view, its places and its share of an index. */
const mapCost = 200;
const headerCost = 200;
/** What the format's 16 bits can say, in words of 4 bytes. */
const formatMaxHeaderBytes = 0xffff * 4;

const protocolIds: Readonly<Record<ThriftProtocol, number>> = { binary: 0, compact: 2 };

export interface HeaderFrame {
  readonly protocol: ThriftProtocol;
  readonly sequenceId: number;
  /** Whether the payload came compressed: an answer is then, too. */
  readonly zlib: boolean;
  readonly headers: HeaderMap | undefined;
  /** One message. A view into the frame where it was not compressed. */
  readonly payload: Buffer;
  /** Set where the payload is still to be inflated, by `inflatePayload`: it is too large to be done at once. */
  readonly compressed: boolean;
}

export interface HeaderOptions {
  readonly limits: ConnectionLimits;
  /** Whether compressed payloads are taken. */
  readonly zlib: boolean;
}

/**
 * Opens a frame that begins with THeader's magic. Names come out in lower case; keys or values that no header of
 * ours could have are left out. Throws a FrameRefused where the peer can be told what is wrong, else a WireError.
 */
export function decodeHeaderFrame(frame: Buffer, { limits, zlib }: HeaderOptions): HeaderFrame {
  if (frame.length < fixedBytes) {
    throw new WireError(`a THeader frame has ${frame.length} bytes; its fixed part alone has ${fixedBytes}`);
  }
  const sequenceId = frame.readInt32BE(4);
  const size = frame.readUInt16BE(8) * 4;
  const end = fixedBytes + size;
  const refuse = (type: ApplicationFault, message: string, cause?: unknown): never => {
    throw new FrameRefused(type, sequenceId, message, { cause });
  };
  if (end > frame.length) {
    refuse(
      ApplicationFault.PROTOCOL_ERROR,
      `the THeader block is announced with ${size} bytes, and the frame has ${frame.length - fixedBytes} left`,
    );
  }
  if (size > limits.maxHeaderBytes) {
    refuse(
      ApplicationFault.PROTOCOL_ERROR,
      `the THeader block has ${size} bytes; the limit is ${limits.maxHeaderBytes} (maxHeaderBytes)`,
    );
  }
  const block = new HeaderBlock(frame, fixedBytes, end, refuse);
  const protocol = protocolOf(block.varint(), refuse);
  const transforms = readTransforms(block, zlib, refuse);
  const headers = readHeaders(block, limits, refuse);
  const payload = frame.subarray(end);
  if (transforms === 0) return { protocol, sequenceId, zlib: false, headers, payload, compressed: false };
  let small: Buffer | undefined;
  try {
    small = inflateSmall(payload, limits.maxFrameBytes);
  } catch (error) {
    throw notInflated(error, sequenceId, limits.maxFrameBytes);
  }
  return { protocol, sequenceId, zlib: true, headers, payload: small ?? payload, compressed: small === undefined };
}

/** `done` gets the payload's bytes, or a FrameRefused. */
export function inflatePayload(
  { payload, sequenceId }: Pick<HeaderFrame, 'payload' | 'sequenceId'>,
  { maxFrameBytes }: ConnectionLimits,
  done: (bytes: Buffer | FrameRefused) => void,
): void {
  inflateLarge(payload, maxFrameBytes, (error, bytes) => {
    done(error === null ? bytes : notInflated(error, sequenceId, maxFrameBytes));
  });
}

type Refuse = (type: ApplicationFault, message: string, cause?: unknown) => never;

function protocolOf(id: number, refuse: Refuse): ThriftProtocol {
  if (id === protocolIds.binary) return 'binary';
  if (id === protocolIds.compact) return 'compact';
  return refuse(
    ApplicationFault.INVALID_PROTOCOL,
    `THeader protocol id ${id} is not spoken here; use 0 (binary) or 2 (compact)`,
  );
}

/** How often the payload was compressed: zlib is the only transform there is, so the order does not matter. */
function readTransforms(block: HeaderBlock, zlib: boolean, refuse: Refuse): number {
  const count = block.varint();
  if (count > maxTransforms) {
    refuse(
      ApplicationFault.INVALID_TRANSFORM,
      `the frame announces ${count} transforms; at most ${maxTransforms} is undone`,
    );
  }
  for (let i = 0; i < count; i++) {
    const id = block.varint();
    if (id !== zlibTransform) {
      refuse(ApplicationFault.INVALID_TRANSFORM, `transform ${id} is not known here; only 1 (zlib) is`);
    }
    if (!zlib) {
      refuse(
        ApplicationFault.INVALID_TRANSFORM,
        'the payload is compressed with zlib, and this end does not take that; send it plain, or set `zlib: true` here',
      );
    }
  }
  return count;
}

function readHeaders(block: HeaderBlock, limits: ConnectionLimits, refuse: Refuse): HeaderMap | undefined {
  let headers: HeaderMap | undefined;
  let total = 0;
  let cost = 0;
  // Padding reads as info id 0, which ends the list, as does an id that is not known.
  while (block.left > 0 && block.varint() === keyValues) {
    const count = block.varint();
    total += count;
    if (total > limits.maxHeaders) {
      refuse(
        ApplicationFault.PROTOCOL_ERROR,
        `the frame carries ${total} headers; the limit is ${limits.maxHeaders} (maxHeaders)`,
      );
    }
    for (let i = 0; i < count; i++) {
      const name = block.bytes().toString('latin1').toLowerCase();
      const value = block.bytes();
      headers ??= new HeaderMap();
      cost += headerCost + name.length + value.length;
      try {
        headers.append(name, name.endsWith('-bin') ? value : value.toString('latin1'));
      } catch {
        // THeader allows any bytes; a call's headers are what every wire can carry. A deadline that is
        // none must be refused all the same, not be left out: as text it is no less malformed.
        if (name === timeoutHeader)
          headers.append(name, JSON.stringify(value.toString('latin1')).replace(/[^ -~]/g, '?'));
      }
    }
  }
  if (headers !== undefined) headers.cost = mapCost + cost;
  return headers;
}

function notInflated(error: unknown, sequenceId: number, limit: number): FrameRefused {
  const sentence = isTooLarge(error)
    ? `the payload has more than ${limit} bytes once decompressed (maxFrameBytes)`
    : 'the payload is not valid zlib data';
  return new FrameRefused(ApplicationFault.INVALID_TRANSFORM, sequenceId, sentence, { cause: error });
}

/** Reads within the header block and never beyond it. */
class HeaderBlock {
  #at: number;

  constructor(
    private readonly frame: Buffer,
    start: number,
    private readonly end: number,
    private readonly refuse: Refuse,
  ) {
    this.#at = start;
  }

  get left(): number {
    return this.end - this.#at;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.end) this.#overrun();
      const byte = this.frame[this.#at++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return this.refuse(ApplicationFault.PROTOCOL_ERROR, 'the THeader block holds a number of more than 5 bytes');
  }

  bytes(): Buffer {
    const length = this.varint();
    if (length > this.left) this.#overrun();
    const start = this.#at;
    this.#at += length;
    return this.frame.subarray(start, this.#at);
  }

  #overrun(): never {
    return this.refuse(ApplicationFault.PROTOCOL_ERROR, 'the THeader block ends in the middle of what it announces');
  }
}

export interface HeaderEnvelope {
  readonly protocol: ThriftProtocol;
  readonly sequenceId: number;
  readonly zlib: boolean;
  readonly headers: HeaderMap | undefined;
}

/**
 * A frame, its length field included, around one message. A header with several values is written several times.
 * `payload`: the message as it travels, deflated with `zlib`. Throws a RangeError for a header block, or a frame, over its limit.
 */
export function encodeHeaderFrame(
  { protocol, sequenceId, zlib, headers }: HeaderEnvelope,
  message: Uint8Array,
  limits: ConnectionLimits,
  payload: Uint8Array = zlib ? deflateSync(message) : message,
): Buffer {
  const pairs = headers === undefined || headers.size === 0 ? undefined : new PairList(headers, limits.maxHeaders);
  // Protocol id, transform count, the transform; then the info block.
  const used = (zlib ? 3 : 2) + (pairs === undefined ? 0 : 1 + pairs.bytes);
  const size = (used + 3) & ~3;
  const most = Math.min(limits.maxHeaderBytes, formatMaxHeaderBytes);
  if (size > most) {
    throw new RangeError(`the headers take ${size} bytes as a THeader block; the limit is ${most} (maxHeaderBytes)`);
  }
  const length = fixedBytes + size + payload.length;
  if (length > limits.maxFrameBytes) {
    throw new RangeError(`the frame has ${length} bytes; the limit is ${limits.maxFrameBytes} (maxFrameBytes)`);
  }
  const frame = Buffer.allocUnsafe(4 + length);
  frame.writeInt32BE(length, 0);
  frame.writeUInt32BE(magic * 0x10000, 4);
  frame.writeInt32BE(sequenceId, 8);
  frame.writeUInt16BE(size / 4, 12);
  let at = 14;
  frame[at++] = protocolIds[protocol];
  frame[at++] = zlib ? 1 : 0;
  if (zlib) frame[at++] = zlibTransform;
  if (pairs !== undefined) {
    frame[at++] = keyValues;
    at = pairs.write(frame, at);
  }
  frame.fill(0, at, 14 + size);
  frame.set(payload, 14 + size);
  return frame;
}

/** A call's headers on their way into a header block. Names and text are ASCII: a character is a byte. */
class PairList {
  readonly bytes: number;
  readonly #count: number;

  constructor(
    private readonly headers: HeaderMap,
    maxHeaders: number,
  ) {
    let bytes = 0;
    let count = 0;
    for (const [name, value] of headers) {
      bytes += varintLength(name.length) + name.length + varintLength(value.length) + value.length;
      count++;
    }
    if (count > maxHeaders) {
      throw new RangeError(`the call has ${count} headers; the limit is ${maxHeaders} (maxHeaders)`);
    }
    this.#count = count;
    this.bytes = varintLength(count) + bytes;
  }

  write(frame: Buffer, start: number): number {
    let at = writeVarint(frame, start, this.#count);
    for (const [name, value] of this.headers) {
      at = writeVarint(frame, at, name.length);
      at += frame.write(name, at, 'latin1');
      at = writeVarint(frame, at, value.length);
      if (typeof value === 'string') at += frame.write(value, at, 'latin1');
      else {
        frame.set(value, at);
        at += value.length;
      }
    }
    return at;
  }
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) length++;
  return length;
}

function writeVarint(frame: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    frame[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  frame[at++] = rest;
  return at;
}
