/**
 * Reads the Compact protocol out of one complete frame.
 * Source: Apache Thrift, doc/specs/thrift-compact-protocol.md.
 */

import { bigints, doubles, HIGH, LOW, words } from '../bytes/scratch.js';
import { ByteSource, unstated } from './byte-source.js';
import { wireTypes } from './compact-types.js';
import type { ThriftLimits } from './limits.js';
import type { ThriftReader, TType } from './protocol.js';

/** The fewest bytes that a value of each TType takes; 0 where there is no such type. */
const minimum = new Uint8Array([0, 0, 1, 1, 8, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 16]);

export class ThriftCompactReader extends ByteSource implements ThriftReader {
  private lastId = 0;
  private readonly lastIds: number[] = [];
  /** A bool field's value, read with its header: 1 or 2; 0 when there is none. */
  private boolField = 0;

  override reset(frame: Uint8Array, offset: number, limits: ThriftLimits, allowance: number): void {
    super.reset(frame, offset, limits, allowance);
    this.lastId = 0;
    this.boolField = 0;
  }

  structBegin(cost = unstated): void {
    this.enter();
    this.left -= cost;
    if (this.left < 0) this.over();
    this.lastIds[this.depth] = this.lastId;
    this.lastId = 0;
  }

  structEnd(): void {
    this.lastId = this.lastIds[this.depth--] as number;
  }

  field(): number {
    const header = this.byte();
    if (header === 0) return 0;
    const compactType = header & 0x0f;
    const type = wireTypes[compactType] as number;
    if (type === 0) this.unknownType(compactType);
    const delta = header >> 4;
    let id: number;
    if (delta === 0) {
      id = this.i16();
    } else {
      id = this.lastId + delta;
      if (id > 0x7fff) this.fault(`field id ${id} is over 32767`);
    }
    this.lastId = id;
    this.boolField = type === 2 ? compactType : 0;
    return (id << 8) | type;
  }

  bool(): boolean {
    const field = this.boolField;
    if (field !== 0) {
      this.boolField = 0;
      return field === 1;
    }
    const byte = this.byte();
    if (byte > 2) this.fault(`${byte} is not a bool; it must be 1 (true) or 2 (false), or 0 as old writers have it`);
    return byte === 1;
  }

  i8(): number {
    return (this.byte() << 24) >> 24;
  }

  i16(): number {
    const value = this.i32();
    if ((value << 16) >> 16 !== value) this.fault(`${value} is outside i16, -32768..32767`);
    return value;
  }

  i32(): number {
    const value = this.varint();
    return (value >>> 1) ^ -(value & 1);
  }

  i64(): bigint {
    let low = 0;
    let high = 0;
    let shift = 0;
    let byte: number;
    // The first four bytes are the low 28 bits, the fifth lies across both halves.
    do {
      byte = this.byte();
      low |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte > 0x7f && shift < 28);
    if (byte > 0x7f) {
      byte = this.byte();
      low |= byte << 28;
      high = (byte & 0x7f) >> 4;
      shift = 3;
      while (byte > 0x7f) {
        byte = this.byte();
        if (shift === 31 && byte > 1) this.fault('a varint of 64 bits is longer than 10 bytes or over 64 bits');
        high |= (byte & 0x7f) << shift;
        shift += 7;
      }
    }
    const sign = -(low & 1);
    words[LOW] = ((low >>> 1) | (high << 31)) ^ sign;
    words[HIGH] = (high >>> 1) ^ sign;
    return bigints[0] as bigint;
  }

  double(): number {
    const at = this.take(8);
    const { bytes } = this;
    words[LOW] =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    words[HIGH] =
      (bytes[at + 4] as number) |
      ((bytes[at + 5] as number) << 8) |
      ((bytes[at + 6] as number) << 16) |
      ((bytes[at + 7] as number) << 24);
    return doubles[0] as number;
  }

  string(): string {
    return this.text(this.checkLength(this.varint()));
  }

  binary(): Uint8Array {
    return this.view(this.checkLength(this.varint()));
  }

  list(element: TType): number {
    const header = this.byte();
    const size = header < 0xf0 ? header >> 4 : this.varint();
    if (size === 0) return this.madeList(element, 0);
    const type = this.elementType(header & 0x0f);
    this.checkSize(size, minimum[type] as number);
    if (type === element) return this.madeList(element, size);
    this.skipElements(type, size);
    return -1;
  }

  set(element: TType): number {
    const header = this.byte();
    const size = header < 0xf0 ? header >> 4 : this.varint();
    if (size === 0) return this.madeSet(element, 0);
    const type = this.elementType(header & 0x0f);
    this.checkSize(size, minimum[type] as number);
    if (type === element) return this.madeSet(element, size);
    this.skipElements(type, size);
    return -1;
  }

  map(key: TType, value: TType): number {
    const size = this.varint();
    if (size === 0) return this.madeMap(key, value, 0);
    const types = this.byte();
    const keyType = this.elementType(types >> 4);
    const valueType = this.elementType(types & 0x0f);
    this.checkSize(size, (minimum[keyType] as number) + (minimum[valueType] as number));
    if (keyType === key && valueType === value) return this.madeMap(key, value, size);
    this.skipEntries(keyType, valueType, size);
    return -1;
  }

  skip(type: number): void {
    switch (type) {
      case 2:
        this.bool();
        break;
      case 3:
        this.take(1);
        break;
      case 4:
        this.take(8);
        break;
      case 6:
        this.i16();
        break;
      case 8:
        this.varint();
        break;
      case 10:
        this.i64();
        break;
      case 11:
        this.take(this.checkLength(this.varint()));
        break;
      case 12:
        this.structBegin(0);
        for (let field = this.field(); field !== 0; field = this.field()) this.skip(field & 0xff);
        this.structEnd();
        break;
      case 13: {
        const size = this.varint();
        if (size === 0) break;
        const types = this.byte();
        const key = this.elementType(types >> 4);
        const value = this.elementType(types & 0x0f);
        this.checkSize(size, (minimum[key] as number) + (minimum[value] as number));
        this.skipEntries(key, value, size);
        break;
      }
      case 14:
      case 15: {
        const header = this.byte();
        const size = header < 0xf0 ? header >> 4 : this.varint();
        if (size === 0) break;
        const element = this.elementType(header & 0x0f);
        this.checkSize(size, minimum[element] as number);
        this.skipElements(element, size);
        break;
      }
      case 16:
        this.take(16);
        break;
      default:
        this.unknownType(type);
    }
  }

  private elementType(compact: number): number {
    const type = wireTypes[compact] as number;
    if (type === 0) this.unknownType(compact);
    return type;
  }

  private skipElements(type: number, size: number): void {
    this.enter();
    for (let i = 0; i < size; i++) this.skip(type);
    this.depth--;
  }

  private skipEntries(key: number, value: number, size: number): void {
    this.enter();
    for (let i = 0; i < size; i++) {
      this.skip(key);
      this.skip(value);
    }
    this.depth--;
  }

  private byte(): number {
    if (this.pos >= this.end) this.short(1);
    return this.bytes[this.pos++] as number;
  }

  /** Up to 32 bits; as a signed number, so that a size over 2^31 reads as negative. */
  private varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    byte = this.byte();
    if (byte > 0x0f) this.fault('a varint of 32 bits is longer than 5 bytes or over 32 bits');
    return value | (byte << 28);
  }
}
