/**
 * Writes fields of scalar types. Each method takes the tag and the value of a field, and writes nothing for one that is absent
 * (undefined or null) or, unless `present` is true, zero. A tag of 0 writes a value without a tag, as packed lists hold them.
 *
 * A value of another type than the field's throws a TypeError or RangeError that does not say where it stands: `explain` finds that
 * out afterwards, so that writing carries no paths.
 */
import { bigints, doubles, floats, HIGH, LOW, unsignedBigints, words } from '../bytes/scratch.js';
import { Sink } from '../bytes/sink.js';
import { isWellFormed, writeText } from '../bytes/utf8.js';
import { shown, wrongType } from '../bytes/wrong-value.js';
import type { ScalarName } from './message-type.js';
import { varintSize } from './wire-types.js';
import { notNumber } from './wrong-value.js';

/** Up to this length, a loop in JavaScript beats a call into the runtime; its bytes take a length of one byte. */
const shortText = 40;

export type Maybe<T> = T | null | undefined;

export abstract class ScalarWriter extends Sink {
  string(tag: number, value: Maybe<string>, present?: boolean): void {
    if (typeof value !== 'string') {
      absent('string', value);
      return;
    }
    const { length } = value;
    if (length === 0 && present !== true) return;
    if (length > shortText) {
      this.longText(tag, value);
      return;
    }
    // At most 3 bytes for each UTF-16 unit.
    if (this.pos + 6 + length * 3 > this.end) this.grow(6 + length * 3);
    this.tag(tag);
    const { bytes } = this;
    const start = this.pos + 1;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        bytes[start - 1] = this.wideText(value, start);
        return;
      }
      bytes[start + i] = unit;
    }
    bytes[start - 1] = length;
    this.pos = start + length;
  }

  binary(tag: number, value: Maybe<Uint8Array>, present?: boolean): void {
    if (!(value instanceof Uint8Array)) {
      absent('Uint8Array', value);
      return;
    }
    if (value.length === 0 && present !== true) return;
    if (this.pos + 10 > this.end) this.grow(10);
    this.tag(tag);
    this.varint(value.length);
    this.raw(value);
  }

  bool(tag: number, value: Maybe<boolean>, present?: boolean): void {
    if (typeof value !== 'boolean') {
      absent('boolean', value);
      return;
    }
    if (!value && present !== true) return;
    if (this.pos + 6 > this.end) this.grow(6);
    this.tag(tag);
    this.bytes[this.pos++] = value ? 1 : 0;
  }

  /** Of enums, too. */
  int32(tag: number, value: Maybe<number>, present?: boolean): void {
    if (((value as number) | 0) !== value) {
      absent('int32', value);
      return;
    }
    if (value === 0 && present !== true) return;
    if (this.pos + 15 > this.end) this.grow(15);
    this.tag(tag);
    if (value >= 0) this.varint(value);
    else this.varint64(value, -1);
  }

  uint32(tag: number, value: Maybe<number>, present?: boolean): void {
    if ((value as number) >>> 0 !== value) {
      absent('uint32', value);
      return;
    }
    if (value === 0 && present !== true) return;
    if (this.pos + 10 > this.end) this.grow(10);
    this.tag(tag);
    this.varint(value);
  }

  sint32(tag: number, value: Maybe<number>, present?: boolean): void {
    if (((value as number) | 0) !== value) {
      absent('int32', value);
      return;
    }
    if (value === 0 && present !== true) return;
    if (this.pos + 10 > this.end) this.grow(10);
    this.tag(tag);
    this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  fixed32(tag: number, value: Maybe<number>, present?: boolean): void {
    if ((value as number) >>> 0 !== value) {
      absent('uint32', value);
      return;
    }
    if (value === 0 && present !== true) return;
    if (this.pos + 9 > this.end) this.grow(9);
    this.tag(tag);
    this.word(value);
  }

  sfixed32(tag: number, value: Maybe<number>, present?: boolean): void {
    if (((value as number) | 0) !== value) {
      absent('int32', value);
      return;
    }
    if (value === 0 && present !== true) return;
    if (this.pos + 9 > this.end) this.grow(9);
    this.tag(tag);
    this.word(value);
  }

  float(tag: number, value: Maybe<number>, present?: boolean): void {
    if (typeof value !== 'number') {
      absent('number', value);
      return;
    }
    // -0 is not the default.
    if (value === 0 && present !== true && Object.is(value, 0)) return;
    floats[0] = value;
    if (!Number.isFinite(floats[0]) && Number.isFinite(value)) notNumber('float', value);
    const word = words[0] as number;
    if (this.pos + 9 > this.end) this.grow(9);
    this.tag(tag);
    this.word(word);
  }

  double(tag: number, value: Maybe<number>, present?: boolean): void {
    if (typeof value !== 'number') {
      absent('number', value);
      return;
    }
    if (value === 0 && present !== true && Object.is(value, 0)) return;
    if (this.pos + 13 > this.end) this.grow(13);
    this.tag(tag);
    doubles[0] = value;
    this.word(words[LOW] as number);
    this.word(words[HIGH] as number);
  }

  int64(tag: number, value: Maybe<bigint>, present?: boolean): void {
    if (!signed(value)) return;
    const low = words[LOW] as number;
    const high = words[HIGH] as number;
    if ((low | high) === 0 && present !== true) return;
    if (this.pos + 15 > this.end) this.grow(15);
    this.tag(tag);
    if (high === 0) this.varint(low >>> 0);
    else this.varint64(low, high);
  }

  uint64(tag: number, value: Maybe<bigint>, present?: boolean): void {
    if (!unsigned(value)) return;
    const low = words[LOW] as number;
    const high = words[HIGH] as number;
    if ((low | high) === 0 && present !== true) return;
    if (this.pos + 15 > this.end) this.grow(15);
    this.tag(tag);
    if (high === 0) this.varint(low >>> 0);
    else this.varint64(low, high);
  }

  sint64(tag: number, value: Maybe<bigint>, present?: boolean): void {
    if (!signed(value)) return;
    const low = words[LOW] as number;
    const high = words[HIGH] as number;
    if ((low | high) === 0 && present !== true) return;
    const sign = high >> 31;
    if (this.pos + 15 > this.end) this.grow(15);
    this.tag(tag);
    this.varint64((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
  }

  fixed64(tag: number, value: Maybe<bigint>, present?: boolean): void {
    if (unsigned(value)) this.words(tag, present);
  }

  sfixed64(tag: number, value: Maybe<bigint>, present?: boolean): void {
    if (signed(value)) this.words(tag, present);
  }

  /** By the name of its type. */
  scalar(type: ScalarName, tag: number, value: unknown, present = true): void {
    switch (type) {
      case 'string':
        this.string(tag, value as string, present);
        break;
      case 'int32':
        this.int32(tag, value as number, present);
        break;
      case 'int64':
        this.int64(tag, value as bigint, present);
        break;
      case 'double':
        this.double(tag, value as number, present);
        break;
      case 'bool':
        this.bool(tag, value as boolean, present);
        break;
      case 'bytes':
        this.binary(tag, value as Uint8Array, present);
        break;
      case 'uint32':
        this.uint32(tag, value as number, present);
        break;
      case 'uint64':
        this.uint64(tag, value as bigint, present);
        break;
      case 'sint32':
        this.sint32(tag, value as number, present);
        break;
      case 'sint64':
        this.sint64(tag, value as bigint, present);
        break;
      case 'float':
        this.float(tag, value as number, present);
        break;
      case 'fixed32':
        this.fixed32(tag, value as number, present);
        break;
      case 'fixed64':
        this.fixed64(tag, value as bigint, present);
        break;
      case 'sfixed32':
        this.sfixed32(tag, value as number, present);
        break;
      case 'sfixed64':
        this.sfixed64(tag, value as bigint, present);
        break;
    }
  }

  /** Room must be there, here and in what follows. */
  protected tag(tag: number): void {
    if (tag >= 0x80) this.varint(tag);
    else if (tag !== 0) this.bytes[this.pos++] = tag;
  }

  protected varint(value: number): void {
    const { bytes } = this;
    let at = this.pos;
    let rest = value;
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at] = rest;
    this.pos = at + 1;
  }

  private varint64(low: number, high: number): void {
    const { bytes } = this;
    let at = this.pos;
    let lower = low;
    let higher = high;
    while (higher !== 0 || lower >>> 0 > 0x7f) {
      bytes[at++] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (higher << 25)) >>> 0;
      higher >>>= 7;
    }
    bytes[at] = lower;
    this.pos = at + 1;
  }

  private word(value: number): void {
    const { bytes, pos } = this;
    bytes[pos] = value;
    bytes[pos + 1] = value >> 8;
    bytes[pos + 2] = value >> 16;
    bytes[pos + 3] = value >> 24;
    this.pos = pos + 4;
  }

  /** Of the number that is in `words`. */
  private words(tag: number, present?: boolean): void {
    const low = words[LOW] as number;
    const high = words[HIGH] as number;
    if ((low | high) === 0 && present !== true) return;
    if (this.pos + 13 > this.end) this.grow(13);
    this.tag(tag);
    this.word(low);
    this.word(high);
  }

  /** The text at `start`; returns its length. */
  private wideText(value: string, start: number): number {
    if (!isWellFormed(value)) notUnicode(value);
    const length = writeText(this.bytes, value, start);
    this.pos = start + length;
    return length;
  }

  private longText(tag: number, value: string): void {
    const { length } = value;
    if (this.pos + 10 + length * 3 > this.end) this.grow(10 + length * 3);
    this.tag(tag);
    const start = this.pos;
    // Most text is ASCII: its length is guessed by that, and the text moved where the guess was wrong.
    const guessed = varintSize(length);
    const written = writeText(this.bytes, value, start + guessed);
    if (written !== length && !isWellFormed(value)) notUnicode(value);
    const size = varintSize(written);
    if (size !== guessed) this.bytes.copyWithin(start + size, start + guessed, start + guessed + written);
    this.varint(written);
    this.pos = start + size + written;
  }
}

// What is seldom stands apart, so that what is frequent is small enough to be inlined.

/** Of a value that does not fit: nothing to write when it is absent. */
export function absent(
  wanted: 'string' | 'boolean' | 'number' | 'Uint8Array' | 'array' | IntegerName,
  value: unknown,
): void {
  if (value === undefined || value === null) return;
  if (wanted.includes('int')) notNumber(wanted as IntegerName, value);
  wrongType(wanted, value);
}

type IntegerName = 'int32' | 'uint32' | 'int64' | 'uint64';

/** Puts a number into `words`; false when it is absent. */
function signed(value: Maybe<bigint>): boolean {
  if (typeof value !== 'bigint') {
    absent('int64', value);
    return false;
  }
  bigints[0] = value;
  if (bigints[0] !== value) notNumber('int64', value);
  return true;
}

function unsigned(value: Maybe<bigint>): boolean {
  if (typeof value !== 'bigint') {
    absent('uint64', value);
    return false;
  }
  unsignedBigints[0] = value;
  if (unsignedBigints[0] !== value) notNumber('uint64', value);
  return true;
}

function notUnicode(value: string): never {
  throw new TypeError(`${shown(value)} holds half of a surrogate pair, which UTF-8 has no form for`);
}
