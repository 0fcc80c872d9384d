/**
 * The growing buffer under both writers. It is kept from one message to the next; `finish`
 * hands out exactly the bytes written: a copy of a short message, the buffer itself of a long one.
 */
import { type ThriftLimits, thriftLimits } from './limits.js';

const initialBytes = 1024;
/** From this size on, handing over the buffer is cheaper than copying out of it. */
const handOverBytes = 32 * 1024;

export abstract class ByteSink {
  protected bytes: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  protected end: number = initialBytes;
  protected pos = 0;
  protected depth = 0;
  protected maxDepth: number;
  protected maxElements: number;

  constructor(limits: ThriftLimits = thriftLimits()) {
    this.maxDepth = limits.depth;
    this.maxElements = limits.elements;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.pos;
  }

  /** Forgets what was written; also the room that a message took which was never finished. */
  reset(limits: ThriftLimits): void {
    if (this.end > 2 * handOverBytes) this.renew();
    this.pos = 0;
    this.depth = 0;
    this.maxDepth = limits.depth;
    this.maxElements = limits.elements;
  }

  /** The bytes written, which the writer will not touch again. The writer is then empty. */
  finish(): Buffer {
    const { pos, bytes } = this;
    this.pos = 0;
    if (pos >= handOverBytes) {
      // It grows by doubling, so at most half of it is slack.
      this.renew();
      return bytes.subarray(0, pos);
    }
    const copy = Buffer.allocUnsafe(pos);
    copy.set(pos === bytes.length ? bytes : bytes.subarray(0, pos));
    return copy;
  }

  /** Bytes that are already encoded. */
  raw(value: Uint8Array): void {
    const { length } = value;
    if (this.pos + length > this.end) this.grow(length);
    this.bytes.set(value, this.pos);
    this.pos += length;
  }

  private renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.end = initialBytes;
  }

  /** Makes room for `more` bytes after `pos`. */
  protected grow(more: number): void {
    let size = this.end * 2;
    while (size < this.pos + more) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(this.bytes.subarray(0, this.pos));
    this.bytes = larger;
    this.end = size;
  }

  /** The 16 bytes of a uuid in its text form. Room must be there. */
  protected uuidBytes(value: string): void {
    if (typeof value !== 'string' || !uuidForm.test(value)) {
      throw new TypeError(`${shown(value)} is not a uuid; write it as 00112233-4455-6677-8899-aabbccddeeff`);
    }
    this.bytes.write(value.replaceAll('-', ''), this.pos, 16, 'hex');
    this.pos += 16;
  }

  protected tooDeep(): never {
    throw new RangeError(
      `the value nests structs more than ${this.maxDepth} deep; readers refuse that (a value that contains itself never ends)`,
    );
  }

  /** An array handed in for a Set has no `size`; the like must not become a wrong count on the wire. */
  protected badSize(size: unknown): never {
    if (typeof size !== 'number') {
      throw new TypeError(
        'the value is not the container that is wanted: a list is an array, a set a Set, a map a Map',
      );
    }
    throw new RangeError(
      `a container of ${size} elements is outside 0..${this.maxElements}; split it, or raise limits.elements on both sides`,
    );
  }
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A value in a message to a person. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return 'a Uint8Array';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

/** Throws for an integer that is not one, or outside its type's range. */
export function notInteger(type: string, bits: 8 | 16 | 32, value: unknown): never {
  const half = 2 ** (bits - 1);
  const message = `${shown(value)} is not an ${type}; it must be an integer from ${-half} to ${half - 1}`;
  throw typeof value === 'number' ? new RangeError(message) : new TypeError(message);
}

export function notI64(value: unknown): never {
  const message = `${shown(value)} is not an i64; it must be a bigint from -9223372036854775808n to 9223372036854775807n`;
  throw typeof value === 'bigint' ? new RangeError(message) : new TypeError(message);
}

/** Throws for a value of another JavaScript type than `wanted`. */
export function wrongType(wanted: string, value: unknown): never {
  throw new TypeError(`${shown(value)} is not a ${wanted}`);
}
