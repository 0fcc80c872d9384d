/**
 * Reads the Binary protocol out of one complete frame.
 * Source: Apache Thrift, doc/specs/thrift-binary-protocol.md.
 */

import { bigints, doubles, HIGH, LOW, words } from '../bytes/scratch.js';
import { ByteSource, unstated } from './byte-source.js';
import type { ThriftReader, TType } from './protocol.js';

/** The fewest bytes that a value of each type takes; 0 where there is no such type. */
const minimum = new Uint8Array(256);
minimum.set([0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 4, 1, 6, 5, 5, 16]);
/** What a value of each type takes, where that is always the same. */
const fixed = new Uint8Array([0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 0, 0, 0, 0, 0, 16]);

export class ThriftBinaryReader extends ByteSource implements ThriftReader {
  structBegin(cost = unstated): void {
    this.enter();
    this.left -= cost;
    if (this.left < 0) this.over();
  }

  structEnd(): void {
    this.depth--;
  }

  field(): number {
    const at = this.pos;
    if (at >= this.end) this.short(1);
    const { bytes } = this;
    const type = bytes[at] as number;
    if (type === 0) {
      this.pos = at + 1;
      return 0;
    }
    if (minimum[type] === 0) this.unknownType(type);
    if (at + 3 > this.end) this.short(3);
    this.pos = at + 3;
    return ((((bytes[at + 1] as number) << 24) | ((bytes[at + 2] as number) << 16)) >> 8) | type;
  }

  bool(): boolean {
    const byte = this.bytes[this.take(1)] as number;
    // Libraries disagree on what a third value means, so none is guessed.
    if (byte > 1) this.fault(`${byte} is not a bool; it must be 0 or 1`);
    return byte === 1;
  }

  i8(): number {
    return ((this.bytes[this.take(1)] as number) << 24) >> 24;
  }

  i16(): number {
    const at = this.take(2);
    const { bytes } = this;
    return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number);
  }

  i32(): number {
    const at = this.pos;
    if (at + 4 > this.end) this.short(4);
    this.pos = at + 4;
    const { bytes } = this;
    return (
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    );
  }

  i64(): bigint {
    words[HIGH] = this.i32();
    words[LOW] = this.i32();
    return bigints[0] as bigint;
  }

  double(): number {
    words[HIGH] = this.i32();
    words[LOW] = this.i32();
    return doubles[0] as number;
  }

  string(): string {
    return this.text(this.checkLength(this.i32()));
  }

  binary(): Uint8Array {
    return this.view(this.checkLength(this.i32()));
  }

  list(element: TType): number {
    const type = this.bytes[this.take(1)] as number;
    const size = this.i32();
    if (size === 0) return this.madeList(element, 0);
    this.checkElements(type, size);
    if (type === element) return this.madeList(element, size);
    this.skipElements(type, size);
    return -1;
  }

  set(element: TType): number {
    const type = this.bytes[this.take(1)] as number;
    const size = this.i32();
    if (size === 0) return this.madeSet(element, 0);
    this.checkElements(type, size);
    if (type === element) return this.madeSet(element, size);
    this.skipElements(type, size);
    return -1;
  }

  map(key: TType, value: TType): number {
    const at = this.take(2);
    const keyType = this.bytes[at] as number;
    const valueType = this.bytes[at + 1] as number;
    const size = this.i32();
    if (size === 0) return this.madeMap(key, value, 0);
    this.checkEntries(keyType, valueType, size);
    if (keyType === key && valueType === value) return this.madeMap(key, value, size);
    this.skipEntries(keyType, valueType, size);
    return -1;
  }

  skip(type: number): void {
    const width = fixed[type];
    if (width !== undefined && width !== 0) {
      this.take(width);
      return;
    }
    switch (type) {
      case 11:
        this.take(this.checkLength(this.i32()));
        break;
      case 12:
        this.structBegin(0);
        for (let field = this.field(); field !== 0; field = this.field()) this.skip(field & 0xff);
        this.structEnd();
        break;
      case 13: {
        const at = this.take(2);
        const key = this.bytes[at] as number;
        const value = this.bytes[at + 1] as number;
        const size = this.i32();
        if (size === 0) break;
        this.checkEntries(key, value, size);
        this.skipEntries(key, value, size);
        break;
      }
      case 14:
      case 15: {
        const element = this.bytes[this.take(1)] as number;
        const size = this.i32();
        if (size === 0) break;
        this.checkElements(element, size);
        this.skipElements(element, size);
        break;
      }
      default:
        this.unknownType(type);
    }
  }

  private checkElements(type: number, size: number): void {
    const least = minimum[type] as number;
    if (least === 0) this.unknownType(type);
    this.checkSize(size, least);
  }

  private checkEntries(key: number, value: number, size: number): void {
    const leastKey = minimum[key] as number;
    const leastValue = minimum[value] as number;
    if (leastKey === 0) this.unknownType(key);
    if (leastValue === 0) this.unknownType(value);
    this.checkSize(size, leastKey + leastValue);
  }

  private skipElements(type: number, size: number): void {
    const width = fixed[type] as number;
    if (width !== 0) {
      this.take(width * size);
      return;
    }
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
}
