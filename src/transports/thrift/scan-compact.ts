/** The end of a compact message without a frame. Source: Apache Thrift, doc/specs/thrift-compact-protocol.md. */
import { ScanStack } from './scan-stack.js';
import { WireError } from './wire-error.js';

/** Wire types as numbered by the Compact protocol. */
const Compact = {
  STOP: 0,
  TRUE: 1,
  FALSE: 2,
  I8: 3,
  I16: 4,
  I32: 5,
  I64: 6,
  DOUBLE: 7,
  STRING: 8,
  LIST: 9,
  SET: 10,
  MAP: 11,
  STRUCT: 12,
  UUID: 13,
} as const;

/** Bytes of a value of fixed size within a container, by wire type; 0 for the others. */
const fixed = new Uint8Array(16);
fixed[Compact.TRUE] = 1;
fixed[Compact.FALSE] = 1;
fixed[Compact.I8] = 1;
fixed[Compact.DOUBLE] = 8;
fixed[Compact.UUID] = 16;

export class CompactScanner extends ScanStack {
  /** What `#varint` read, and where it ended. */
  #number = 0;
  #after = 0;

  protected messageHeader(bytes: Buffer): boolean {
    if (bytes.length < 2) return false;
    if (bytes[0] !== 0x82 || ((bytes[1] as number) & 0x1f) !== 1) {
      throw new WireError(
        `an unframed message begins with 0x${bytes.toString('hex', 0, 2)}, not with compact's 0x82, version 1`,
      );
    }
    if (!this.#varint(bytes, 2, 5)) return false;
    if (!this.#varint(bytes, this.#after, 5)) return false;
    this.nameLength(this.#number);
    this.position = this.#after + this.#number;
    return true;
  }

  protected field(bytes: Buffer): boolean {
    const header = bytes[this.position] as number;
    if (header === Compact.STOP) {
      this.position += 1;
      this.close();
      return true;
    }
    const type = header & 0x0f;
    if (header >>> 4 === 0) {
      if (!this.#varint(bytes, this.position + 1, 5)) return false;
      this.position = this.#after;
    } else this.position += 1;
    // The header of a bool's field is its value.
    if (type !== Compact.TRUE && type !== Compact.FALSE) this.pending = type;
    return true;
  }

  protected value(bytes: Buffer): boolean {
    const type = this.pending;
    const at = this.position;
    const size = fixed[type] ?? 0;
    if (size > 0) this.skip(1, size);
    else {
      switch (type) {
        case Compact.STRUCT:
          this.openStruct();
          break;
        case Compact.I16:
        case Compact.I32:
        case Compact.I64:
          if (!this.#varint(bytes, at, 10)) return false;
          this.position = this.#after;
          break;
        case Compact.STRING:
          if (!this.#varint(bytes, at, 5)) return false;
          this.position = this.#after;
          this.skip(this.#number, 1);
          break;
        case Compact.LIST:
        case Compact.SET:
          if (!this.#list(bytes, at)) return false;
          break;
        case Compact.MAP:
          if (!this.#map(bytes, at)) return false;
          break;
        default:
          this.badType(type);
      }
    }
    this.pending = -1;
    return true;
  }

  #list(bytes: Buffer, at: number): boolean {
    const header = bytes[at] as number;
    let count = header >>> 4;
    let after = at + 1;
    if (count === 15) {
      if (!this.#varint(bytes, after, 5)) return false;
      count = this.#number;
      after = this.#after;
    }
    this.position = after;
    if (count === 0) return true;
    const element = header & 0x0f;
    this.#known(element);
    const size = fixed[element] as number;
    if (size > 0) this.skip(count, size);
    else this.openList(element, count, 1);
    return true;
  }

  /** An empty map is a single 0: it carries no types. */
  #map(bytes: Buffer, at: number): boolean {
    if (!this.#varint(bytes, at, 5)) return false;
    const count = this.#number;
    const after = this.#after;
    if (count === 0) {
      this.position = after;
      return true;
    }
    if (bytes.length <= after) return false;
    const types = bytes[after] as number;
    const key = types >>> 4;
    const value = types & 0x0f;
    this.#known(key);
    this.#known(value);
    this.position = after + 1;
    if (fixed[key] !== 0 && fixed[value] !== 0) this.skip(count, (fixed[key] as number) + (fixed[value] as number));
    else this.openMap(key, value, count, 2);
    return true;
  }

  #known(type: number): void {
    if (type === Compact.STOP || type > Compact.UUID) this.badType(type);
  }

  /** False while its last byte has not arrived. Of ten bytes only the length matters. */
  #varint(bytes: Buffer, at: number, most: number): boolean {
    let value = 0;
    for (let i = 0; i < most; i++) {
      const byte = bytes[at + i];
      if (byte === undefined) return false;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        this.#number = value;
        this.#after = at + i + 1;
        return true;
      }
    }
    throw new WireError(`an unframed message holds a number of more than ${most} bytes`);
  }
}
