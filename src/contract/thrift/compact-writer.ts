/**
 * Writes the Compact protocol: varints, zig-zag, field ids as deltas, a bool field's value
 * in its header. Doubles are little-endian, as in Apache Thrift (fbthrift's are not).
 * Source: Apache Thrift, doc/specs/thrift-compact-protocol.md.
 */

import { bigints, doubles, HIGH, LOW, words } from '../bytes/scratch.js';
import { wrongType } from '../bytes/wrong-value.js';
import { ByteSink, notI64, notInteger } from './byte-sink.js';
import { compactTypes } from './compact-types.js';
import type { ThriftLimits } from './limits.js';
import type { ThriftWriter, TType } from './protocol.js';

/** Up to this length, a string's size is one byte whatever its characters are. */
const shortString = 42;
/** No field id: `boolId` when no bool field's header waits for its value. */
const none = 0x1_0000;

export class ThriftCompactWriter extends ByteSink implements ThriftWriter {
  private lastId = 0;
  private readonly lastIds: number[] = [];
  private boolId = none;

  override reset(limits: ThriftLimits): void {
    super.reset(limits);
    this.lastId = 0;
    this.boolId = none;
  }

  structBegin(): void {
    if (this.depth >= this.maxDepth) this.tooDeep();
    this.lastIds[this.depth++] = this.lastId;
    this.lastId = 0;
  }

  structEnd(): void {
    this.lastId = this.lastIds[--this.depth] as number;
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = 0;
  }

  field(type: TType, id: number): void {
    if (type === 2) this.boolId = id;
    else this.header(compactTypes[type] as number, id);
  }

  bool(value: boolean): void {
    if (typeof value !== 'boolean') wrongType('boolean', value);
    if (this.boolId !== none) {
      const id = this.boolId;
      this.boolId = none;
      this.header(value ? 1 : 2, id);
      return;
    }
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = value ? 1 : 2;
  }

  i8(value: number): void {
    if ((value << 24) >> 24 !== value) notInteger('i8', 8, value);
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = value;
  }

  i16(value: number): void {
    if ((value << 16) >> 16 !== value) notInteger('i16', 16, value);
    this.varint((value << 1) ^ (value >> 31));
  }

  i32(value: number): void {
    if ((value | 0) !== value) notInteger('i32', 32, value);
    this.varint((value << 1) ^ (value >> 31));
  }

  i64(value: bigint): void {
    if (typeof value !== 'bigint') notI64(value);
    bigints[0] = value;
    if (bigints[0] !== value) notI64(value);
    const high = words[HIGH] as number;
    const low = words[LOW] as number;
    const sign = high >> 31;
    this.varint64((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
  }

  double(value: number): void {
    if (typeof value !== 'number') wrongType('number', value);
    doubles[0] = value;
    const low = words[LOW] as number;
    const high = words[HIGH] as number;
    const at = this.pos;
    if (at + 8 > this.end) this.grow(8);
    const { bytes } = this;
    bytes[at] = low;
    bytes[at + 1] = low >> 8;
    bytes[at + 2] = low >> 16;
    bytes[at + 3] = low >> 24;
    bytes[at + 4] = high;
    bytes[at + 5] = high >> 8;
    bytes[at + 6] = high >> 16;
    bytes[at + 7] = high >> 24;
    this.pos = at + 8;
  }

  /** A lone surrogate has no UTF-8 form; it is written as U+FFFD. */
  string(value: string): void {
    if (typeof value !== 'string') wrongType('string', value);
    const { length } = value;
    if (length > shortString) {
      this.longString(value);
      return;
    }
    const start = this.pos + 1;
    if (start + length * 3 > this.end) this.grow(1 + length * 3);
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        const written = bytes.write(value, start, 'utf8');
        bytes[start - 1] = written;
        this.pos = start + written;
        return;
      }
      bytes[start + i] = unit;
    }
    bytes[start - 1] = length;
    this.pos = start + length;
  }

  binary(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) wrongType('Uint8Array', value);
    this.varint(value.length);
    this.raw(value);
  }

  uuid(value: string): void {
    if (this.pos + 16 > this.end) this.grow(16);
    this.uuidBytes(value);
  }

  list(element: TType, size: number): void {
    if (!(size >= 0 && size <= this.maxElements)) this.badSize(size);
    if (this.pos >= this.end) this.grow(1);
    const type = compactTypes[element] as number;
    if (size < 15) {
      this.bytes[this.pos++] = (size << 4) | type;
    } else {
      this.bytes[this.pos++] = 0xf0 | type;
      this.varint(size);
    }
  }

  set(element: TType, size: number): void {
    this.list(element, size);
  }

  map(key: TType, value: TType, size: number): void {
    if (!(size >= 0 && size <= this.maxElements)) this.badSize(size);
    this.varint(size);
    if (size === 0) return;
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = ((compactTypes[key] as number) << 4) | (compactTypes[value] as number);
  }

  private header(type: number, id: number): void {
    const delta = id - this.lastId;
    this.lastId = id;
    if (this.pos >= this.end) this.grow(1);
    if (delta > 0 && delta < 16) {
      this.bytes[this.pos++] = (delta << 4) | type;
    } else {
      this.bytes[this.pos++] = type;
      this.varint((id << 1) ^ (id >> 31));
    }
  }

  private varint(value: number): void {
    if (this.pos + 5 > this.end) this.grow(5);
    const { bytes } = this;
    let at = this.pos;
    let rest = value;
    while (rest >>> 0 > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.pos = at;
  }

  private varint64(low: number, high: number): void {
    if (high === 0) {
      this.varint(low);
      return;
    }
    if (this.pos + 10 > this.end) this.grow(10);
    const { bytes } = this;
    let at = this.pos;
    let lo = low;
    let hi = high;
    while (hi !== 0) {
      bytes[at++] = (lo & 0x7f) | 0x80;
      lo = (lo >>> 7) | (hi << 25);
      hi >>>= 7;
    }
    this.pos = at;
    this.varint(lo);
  }

  private longString(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.varint(length);
    if (this.pos + length > this.end) this.grow(length);
    this.bytes.write(value, this.pos, length, 'utf8');
    this.pos += length;
  }
}
