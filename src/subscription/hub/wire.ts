/**
 * The bytes of what the hub sends most, written by hand: an update is encoded once and kept on the update, and a batch is
 * a head before the bytes of its updates. Everything else goes through the generated code, `item`.
 */
import { ServerFrame, type ServerItem } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { LogUpdate } from '../topic-store.js';

/** A frame of one item. Frames that are joined are one frame. */
export function item(one: NonNullable<ServerItem['item']>): Uint8Array {
  return ServerFrame.encode({ items: [{ item: one }] });
}

const frameItem = 0x0a; // ServerFrame.items
const batchItem = 0x0a; // ServerItem.batch
const chunkItem = 0x32; // ServerItem.snapshot_chunk
const updateField = 0x22; // Batch.updates and SnapshotChunk.entries

/** Batch{ ref, from, to, updates, generation, ahead_generation } as a frame. */
export function batchFrame(
  ref: number,
  from: number,
  to: number,
  updates: readonly LogUpdate[],
  generation?: Uint8Array | undefined,
  ahead?: Uint8Array | undefined,
  partial = false,
): Buffer {
  let size = (partial ? 5 : 3) + varintSize(ref) + varintSize(from) + varintSize(to);
  if (generation !== undefined) size += 2 + generation.byteLength;
  if (ahead !== undefined) size += 2 + ahead.byteLength;
  for (const update of updates) size += (update.wire ?? encodeUpdate(update)).length;
  const frame = openFrame(batchItem, size);
  let at = frame.length - size;
  at = writeVarint(frame, ref, writeByte(frame, 0x08, at));
  at = writeVarint(frame, from, writeByte(frame, 0x10, at));
  at = writeVarint(frame, to, writeByte(frame, 0x18, at));
  at = writeUpdates(frame, updates, at);
  if (generation !== undefined) at = writeShort(frame, 0x2a, generation, at);
  if (ahead !== undefined) at = writeShort(frame, 0x32, ahead, at);
  if (partial) writeByte(frame, 1, writeByte(frame, 0x38, at));
  return frame;
}

/** SnapshotChunk{ sub, n, entries } as a frame. */
export function chunkFrame(sub: number, n: number, entries: readonly LogUpdate[]): Buffer {
  let size = 2 + varintSize(sub) + varintSize(n);
  for (const update of entries) size += (update.wire ?? encodeUpdate(update)).length;
  const frame = openFrame(chunkItem, size);
  let at = frame.length - size;
  at = writeVarint(frame, sub, writeByte(frame, 0x08, at));
  at = writeVarint(frame, n, writeByte(frame, 0x10, at));
  writeUpdates(frame, entries, at);
  return frame;
}

function openFrame(itemField: number, size: number): Buffer {
  const inner = 1 + varintSize(size) + size;
  const frame = Buffer.allocUnsafe(1 + varintSize(inner) + inner);
  let at = writeVarint(frame, inner, writeByte(frame, frameItem, 0));
  at = writeVarint(frame, size, writeByte(frame, itemField, at));
  return frame;
}

function writeUpdates(frame: Buffer, updates: readonly LogUpdate[], start: number): number {
  let at = start;
  for (const update of updates) {
    const wire = update.wire as Uint8Array;
    frame.set(wire, at);
    at += wire.length;
  }
  return at;
}

/** An Update with its field number and length before it; kept on the update. */
function encodeUpdate(update: LogUpdate): Uint8Array {
  const { seq, key, value, time, expires, merged, groupTo } = update;
  const keySize = key === '' ? 0 : Buffer.byteLength(key);
  const valueSize = value?.byteLength ?? 0;
  let size = 1 + varintSize(seq);
  if (keySize > 0) size += 1 + varintSize(keySize) + keySize;
  if (valueSize > 0) size += 1 + varintSize(valueSize) + valueSize;
  if (value === undefined) size += 2;
  if (merged > 1) size += 1 + varintSize(merged);
  if (time > 0) size += 1 + varintSize(time);
  if (expires > 0) size += 1 + varintSize(expires);
  if (groupTo !== undefined) size += 1 + varintSize(groupTo);
  const wire = Buffer.allocUnsafeSlow(1 + varintSize(size) + size);
  let at = writeVarint(wire, size, writeByte(wire, updateField, 0));
  at = writeVarint(wire, seq, writeByte(wire, 0x08, at));
  if (keySize > 0) {
    at = writeVarint(wire, keySize, writeByte(wire, 0x12, at));
    at += wire.write(key, at);
  }
  if (value !== undefined && valueSize > 0) {
    at = writeVarint(wire, valueSize, writeByte(wire, 0x1a, at));
    wire.set(value, at);
    at += valueSize;
  }
  if (value === undefined) at = writeByte(wire, 1, writeByte(wire, 0x20, at));
  if (merged > 1) at = writeVarint(wire, merged, writeByte(wire, 0x40, at));
  if (time > 0) at = writeVarint(wire, time, writeByte(wire, 0x48, at));
  if (expires > 0) at = writeVarint(wire, expires, writeByte(wire, 0x50, at));
  if (groupTo !== undefined) writeVarint(wire, groupTo, writeByte(wire, 0x58, at));
  update.wire = wire;
  return wire;
}

/** Less than 128 bytes. */
function writeShort(into: Uint8Array, tag: number, bytes: Uint8Array, at: number): number {
  const start = writeByte(into, bytes.byteLength, writeByte(into, tag, at));
  into.set(bytes, start);
  return start + bytes.byteLength;
}

function writeByte(into: Uint8Array, byte: number, at: number): number {
  into[at] = byte;
  return at + 1;
}

/** Whole numbers up to 2^53-1. */
function writeVarint(into: Uint8Array, value: number, at: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x8000_0000) {
    into[next++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    into[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[next++] = rest;
  return next;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Bytes of the values, which is what credit and rates count. */
export function valueBytes(updates: readonly LogUpdate[]): number {
  let bytes = 0;
  for (const { value } of updates) bytes += value?.byteLength ?? 0;
  return bytes;
}
