/**
 * Writes the Binary protocol: fixed-width, big-endian.
 * Source: Apache Thrift, doc/specs/thrift-binary-protocol.md.
 */

import { bigints, doubles, HIGH, LOW, words } from '../bytes/scratch.js';
import { wrongType } from '../bytes/wrong-value.js';
import { ByteSink, notI64, notInteger } from './byte-sink.js';
import type { ThriftWriter, TType } from './protocol.js';

/** Up to this length, a loop in JavaScript beats a call into the runtime. */
const shortString = 40;

export class ThriftBinaryWriter extends ByteSink implements ThriftWriter {
  structBegin(): void {
    if (++this.depth > this.maxDepth) this.tooDeep();
  }

  structEnd(): void {
    this.depth--;
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = 0;
  }

  field(type: TType, id: number): void {
    const at = this.pos;
    if (at + 3 > this.end) this.grow(3);
    const { bytes } = this;
    bytes[at] = type;
    bytes[at + 1] = id >> 8;
    bytes[at + 2] = id;
    this.pos = at + 3;
  }

  bool(value: boolean): void {
    if (typeof value !== 'boolean') wrongType('boolean', value);
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = value ? 1 : 0;
  }

  i8(value: number): void {
    if ((value << 24) >> 24 !== value) notInteger('i8', 8, value);
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = value;
  }

  i16(value: number): void {
    if ((value << 16) >> 16 !== value) notInteger('i16', 16, value);
    const at = this.pos;
    if (at + 2 > this.end) this.grow(2);
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value;
    this.pos = at + 2;
  }

  i32(value: number): void {
    if ((value | 0) !== value) notInteger('i32', 32, value);
    this.word(value);
  }

  i64(value: bigint): void {
    if (typeof value !== 'bigint') notI64(value);
    bigints[0] = value;
    if (bigints[0] !== value) notI64(value);
    const high = words[HIGH] as number;
    const low = words[LOW] as number;
    this.word(high);
    this.word(low);
  }

  double(value: number): void {
    if (typeof value !== 'number') wrongType('number', value);
    doubles[0] = value;
    const high = words[HIGH] as number;
    const low = words[LOW] as number;
    this.word(high);
    this.word(low);
  }

  /** A lone surrogate has no UTF-8 form; it is written as U+FFFD. */
  string(value: string): void {
    if (typeof value !== 'string') wrongType('string', value);
    const { length } = value;
    if (length > shortString) {
      this.longString(value);
      return;
    }
    const start = this.pos + 4;
    // Room for any string of this length: at most 3 bytes a UTF-16 unit.
    if (start + length * 3 > this.end) this.grow(4 + length * 3);
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        const written = bytes.write(value, start, 'utf8');
        this.word(written);
        this.pos = start + written;
        return;
      }
      bytes[start + i] = unit;
    }
    bytes[start - 4] = 0;
    bytes[start - 3] = 0;
    bytes[start - 2] = 0;
    bytes[start - 1] = length;
    this.pos = start + length;
  }

  binary(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) wrongType('Uint8Array', value);
    this.word(value.length);
    this.raw(value);
  }

  uuid(value: string): void {
    if (this.pos + 16 > this.end) this.grow(16);
    this.uuidBytes(value);
  }

  list(element: TType, size: number): void {
    if (!(size >= 0 && size <= this.maxElements)) this.badSize(size);
    if (this.pos >= this.end) this.grow(1);
    this.bytes[this.pos++] = element;
    this.word(size);
  }

  set(element: TType, size: number): void {
    this.list(element, size);
  }

  map(key: TType, value: TType, size: number): void {
    if (!(size >= 0 && size <= this.maxElements)) this.badSize(size);
    if (this.pos + 2 > this.end) this.grow(2);
    this.bytes[this.pos++] = key;
    this.bytes[this.pos++] = value;
    this.word(size);
  }

  private word(value: number): void {
    const at = this.pos;
    if (at + 4 > this.end) this.grow(4);
    const { bytes } = this;
    bytes[at] = value >> 24;
    bytes[at + 1] = value >> 16;
    bytes[at + 2] = value >> 8;
    bytes[at + 3] = value;
    this.pos = at + 4;
  }

  private longString(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.word(length);
    if (this.pos + length > this.end) this.grow(length);
    this.bytes.write(value, this.pos, length, 'utf8');
    this.pos += length;
  }
}
