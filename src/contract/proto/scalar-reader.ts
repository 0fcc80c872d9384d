/**
 * Reads scalars out of the bytes of one message. Every read is checked against the end of the innermost message, and every fault is
 * a ProtobufError that says at which byte. Strings and bytes are charged to the decode's budget; numbers are paid for by the object
 * that they stand in.
 */
import { longTextCost, shortTextCost, viewCost } from '../bytes/object-cost.js';
import { bigints, doubles, floats, HIGH, LOW, unsignedBigints, words } from '../bytes/scratch.js';
import { longestShortText, shortAscii } from '../bytes/short-text.js';
import { lenientTextOf, readable, textOf } from '../bytes/utf8.js';
import { decodeAllowance, overDecodeBudget } from '../decode-budget.js';
import type { ScalarName } from './message-type.js';
import { ProtobufError } from './protobuf-error.js';

const nothing: Uint8Array = readable(new Uint8Array(0));
/** Small numbers as bigints: making one costs an object. */
const small = Array.from({ length: 128 }, (_, number) => BigInt(number));

/** Also a string that may hold other bytes than UTF-8. */
export type ReadName = ScalarName | 'unchecked';

export abstract class ScalarReader {
  protected bytes = nothing;
  protected pos = 0;
  /** Where the innermost message ends. */
  protected end = 0;
  /** Bytes of objects that this decode may charge, and what is left of them. */
  private granted = 0;
  protected left = 0;

  reset(bytes: Uint8Array, allowance = decodeAllowance()): void {
    this.bytes = readable(bytes);
    this.pos = 0;
    this.end = bytes.length;
    this.granted = allowance;
    this.left = allowance;
  }

  /** Lets go of the bytes. */
  clear(): void {
    this.bytes = nothing;
    this.pos = 0;
    this.end = 0;
  }

  /** Bytes of objects that have been made. */
  get charged(): number {
    return this.granted - this.left;
  }

  /** To be called before an object is made. */
  charge(cost: number): void {
    this.left -= cost;
    if (this.left < 0) this.over();
  }

  string(): string {
    return this.text(true);
  }

  /** A string that may hold other bytes than UTF-8, as those of proto2 may. */
  unchecked(): string {
    return this.text(false);
  }

  /** A view: the message's bytes live as long as it does. */
  binary(): Uint8Array {
    const length = this.size();
    const start = this.pos;
    this.pos = start + length;
    this.charge(viewCost);
    const { bytes } = this;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
  }

  bool(): boolean {
    const { pos } = this;
    const byte = this.bytes[pos] as number;
    if (byte < 2 && pos < this.end) {
      this.pos = pos + 1;
      return byte === 1;
    }
    this.varint();
    return ((words[LOW] as number) | (words[HIGH] as number)) !== 0;
  }

  /** Of enums, too, which are unions of numbers. A longer number loses its upper half, as everywhere. */
  int32<T extends number | undefined = number>(): T {
    const { pos } = this;
    const byte = this.bytes[pos] as number;
    if (byte < 0x80 && pos < this.end) {
      this.pos = pos + 1;
      return byte as T;
    }
    return (this.varint32() | 0) as T;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  sint32(): number {
    const zigzag = this.int32();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  int64(): bigint {
    const { pos } = this;
    const byte = this.bytes[pos] as number;
    if (byte < 0x80 && pos < this.end) {
      this.pos = pos + 1;
      return small[byte] as bigint;
    }
    this.varint();
    return bigints[0] as bigint;
  }

  uint64(): bigint {
    const { pos } = this;
    const byte = this.bytes[pos] as number;
    if (byte < 0x80 && pos < this.end) {
      this.pos = pos + 1;
      return small[byte] as bigint;
    }
    this.varint();
    return unsignedBigints[0] as bigint;
  }

  sint64(): bigint {
    this.varint();
    const low = words[LOW] as number;
    const high = words[HIGH] as number;
    const sign = -(low & 1);
    words[LOW] = ((low >>> 1) | (high << 31)) ^ sign;
    words[HIGH] = (high >>> 1) ^ sign;
    return bigints[0] as bigint;
  }

  fixed32(): number {
    return this.word() >>> 0;
  }

  sfixed32(): number {
    return this.word();
  }

  float(): number {
    words[0] = this.word();
    return floats[0] as number;
  }

  double(): number {
    this.doubleWord();
    return doubles[0] as number;
  }

  fixed64(): bigint {
    this.doubleWord();
    return unsignedBigints[0] as bigint;
  }

  sfixed64(): bigint {
    this.doubleWord();
    return bigints[0] as bigint;
  }

  /** By the name of its type. */
  scalar(type: ReadName): string | number | bigint | boolean | Uint8Array {
    switch (type) {
      case 'string':
        return this.string();
      case 'unchecked':
        return this.unchecked();
      case 'int32':
        return this.int32<number>();
      case 'int64':
        return this.int64();
      case 'double':
        return this.double();
      case 'bool':
        return this.bool();
      case 'bytes':
        return this.binary();
      case 'uint32':
        return this.uint32();
      case 'uint64':
        return this.uint64();
      case 'sint32':
        return this.sint32();
      case 'sint64':
        return this.sint64();
      case 'float':
        return this.float();
      case 'fixed32':
        return this.fixed32();
      case 'fixed64':
        return this.fixed64();
      case 'sfixed32':
        return this.sfixed32();
      case 'sfixed64':
        return this.sfixed64();
    }
  }

  /** The length of what follows, which is all there. */
  protected size(): number {
    const { pos } = this;
    let length = this.bytes[pos] as number;
    if (length < 0x80 && pos < this.end) this.pos = pos + 1;
    else length = this.varint32() >>> 0;
    if (length > this.end - this.pos) this.short(length);
    return length;
  }

  /** The low half of a number of up to ten bytes. */
  protected varint32(): number {
    const { bytes } = this;
    let at = this.pos;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= this.end) this.short(1);
      const byte = bytes[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = at;
        return value;
      }
    }
    this.varint();
    return words[LOW] as number;
  }

  /** Puts a number of up to ten bytes into `words`. */
  protected varint(): void {
    const { bytes } = this;
    let at = this.pos;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= this.end) this.short(1);
      const byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << (shift - 32);
      else {
        low |= bits << 28;
        high = bits >>> 4;
      }
      if (byte < 0x80) {
        this.pos = at;
        words[LOW] = low;
        words[HIGH] = high;
        return;
      }
    }
    this.fault('a number is longer than ten bytes');
  }

  private word(): number {
    const { bytes, pos } = this;
    if (pos + 4 > this.end) this.short(4);
    this.pos = pos + 4;
    return (
      (bytes[pos] as number) |
      ((bytes[pos + 1] as number) << 8) |
      ((bytes[pos + 2] as number) << 16) |
      ((bytes[pos + 3] as number) << 24)
    );
  }

  private doubleWord(): void {
    const low = this.word();
    words[HIGH] = this.word();
    words[LOW] = low;
  }

  protected text(checked: boolean): string {
    const length = this.size();
    const start = this.pos;
    this.pos = start + length;
    if (length > longestShortText) return this.longText(start, length, checked);
    this.left -= shortTextCost(length);
    if (this.left < 0) this.over();
    return shortAscii(this.bytes, start, length) ?? this.decoded(start, length, checked);
  }

  private longText(start: number, length: number, checked: boolean): string {
    this.left -= longTextCost(length);
    if (this.left < 0) this.over();
    const text = this.decoded(start, length, checked);
    // One byte a character: half of what was charged is enough.
    if (text.length === length) this.left += length;
    return text;
  }

  private decoded(start: number, length: number, checked: boolean): string {
    const text = textOf(this.bytes, start, start + length);
    if (text !== undefined) return text;
    if (!checked) return lenientTextOf(this.bytes, start, start + length);
    this.pos = start;
    this.fault(`the ${length} bytes of a string are not UTF-8; send them as bytes`);
  }

  // Faults stand apart, so that what finds them is small enough to be inlined.

  protected over(): never {
    overDecodeBudget(this.granted);
  }

  protected short(count: number): never {
    this.fault(`${count} bytes are needed, but ${Math.max(this.end - this.pos, 0)} are left`);
  }

  protected fault(message: string): never {
    throw new ProtobufError(`at byte ${this.pos}: ${message}`);
  }
}
