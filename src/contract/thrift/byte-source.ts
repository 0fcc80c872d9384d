/**
 * The frame under both readers, and what they share: text, bytes, uuids, depth and the walk over
 * fields that nobody knows. Every read is checked against the end of the frame, and every
 * fault is a ThriftProtocolError that says at which byte.
 */
import { isUtf8 } from 'node:buffer';
import { arrayCost, longTextCost, mapCost, setCost, shortTextCost, viewCost } from '../bytes/object-cost.js';
import { longestShortText, shortAscii } from '../bytes/short-text.js';
import { decodeAllowance, overDecodeBudget } from '../decode-budget.js';
import { elementCost, pairsCost, uuidCost } from './cost.js';
import { type ThriftLimits, thriftLimits } from './limits.js';
import { TType } from './protocol.js';
import { ProtocolFault, ThriftProtocolError } from './protocol-error.js';

const empty = Buffer.alloc(0);
/** What a struct costs whose reader does not say. */
export const unstated = 64;

export abstract class ByteSource {
  protected bytes: Buffer;
  protected pos: number;
  protected end: number;
  protected depth = 0;
  protected maxDepth: number;
  protected maxElements: number;
  /** Bytes that this decode may charge, and what is left of them. */
  private granted: number;
  protected left: number;

  constructor(
    frame: Uint8Array = empty,
    offset = 0,
    limits: ThriftLimits = thriftLimits(),
    allowance = decodeAllowance(),
  ) {
    this.bytes = asBuffer(frame);
    this.pos = offset;
    this.end = frame.length;
    this.maxDepth = limits.depth;
    this.maxElements = limits.elements;
    this.granted = allowance;
    this.left = allowance;
  }

  /** Where the next read begins, in bytes from the frame's start. */
  get offset(): number {
    return this.pos;
  }

  reset(frame: Uint8Array, offset: number, limits: ThriftLimits, allowance: number): void {
    this.bytes = asBuffer(frame);
    this.pos = offset;
    this.end = frame.length;
    this.depth = 0;
    this.maxDepth = limits.depth;
    this.maxElements = limits.elements;
    this.granted = allowance;
    this.left = allowance;
  }

  /** Bytes of objects that have been made. */
  get charged(): number {
    return this.granted - this.left;
  }

  /** More was charged than may be. `left` is counted down in place, before an object is made: a call for each costs too much. */
  protected over(): never {
    overDecodeBudget(this.granted);
  }

  /** Charges for a list that was announced with the numbers in it, and returns its size. */
  protected madeList(element: TType, size: number): number {
    this.left -= arrayCost(size) + size * (elementCost[element] as number);
    if (this.left < 0) this.over();
    return size;
  }

  protected madeSet(element: TType, size: number): number {
    this.left -= (isObject(element) ? arrayCost(size) : setCost(size) + 32) + size * (elementCost[element] as number);
    if (this.left < 0) this.over();
    return size;
  }

  protected madeMap(key: TType, value: TType, size: number): number {
    const numbers = (elementCost[key] as number) + (elementCost[value] as number);
    this.left -= (isObject(key) ? pairsCost(size) : mapCost(size)) + size * numbers;
    if (this.left < 0) this.over();
    return size;
  }

  /** Lets go of the frame. */
  clear(): void {
    this.bytes = empty;
    this.pos = 0;
    this.end = 0;
  }

  /** Throws unless the frame ends here. */
  finish(): void {
    if (this.pos !== this.end) {
      this.fault(`${this.end - this.pos} bytes follow the end of the value`);
    }
  }

  /** A view of `length` bytes; the frame lives as long as it does. */
  protected view(length: number): Uint8Array {
    const start = this.take(length);
    this.left -= viewCost;
    if (this.left < 0) this.over();
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + start, length);
  }

  protected text(length: number): string {
    const start = this.take(length);
    if (length > longestShortText) return this.longText(start, length);
    this.left -= shortTextCost(length);
    if (this.left < 0) this.over();
    return shortAscii(this.bytes, start, length) ?? this.decoded(start, length);
  }

  private longText(start: number, length: number): string {
    this.left -= longTextCost(length);
    if (this.left < 0) this.over();
    const text = this.decoded(start, length);
    // One byte a character: half of what was charged is enough.
    if (text.length === length) this.left += length;
    return text;
  }

  private decoded(start: number, length: number): string {
    const { bytes } = this;
    const text = bytes.toString('utf8', start, start + length);
    // The decoder replaces what is not UTF-8; only text that has the replacement needs the check.
    if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, start + length))) {
      throw new ThriftProtocolError(
        ProtocolFault.INVALID_DATA,
        `the ${length} bytes of the string at byte ${start} are not UTF-8; send them as binary`,
      );
    }
    return text;
  }

  uuid(): string {
    const start = this.take(16);
    this.left -= uuidCost;
    if (this.left < 0) this.over();
    const hex = this.bytes.toString('hex', start, start + 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** Moves past `count` bytes and returns where they began. */
  protected take(count: number): number {
    const start = this.pos;
    if (count > this.end - start) this.short(count);
    this.pos = start + count;
    return start;
  }

  /** Checks a declared size of a string or binary. */
  protected checkLength(length: number): number {
    if (length < 0) this.negative(`length of ${length}`);
    return length;
  }

  /** Checks a container's size, given the fewest bytes that one element takes. */
  protected checkSize(size: number, minimum: number): void {
    if (size < 0) this.negative(`container's size of ${size}`);
    if (size > this.maxElements) {
      throw new ThriftProtocolError(
        ProtocolFault.SIZE_LIMIT,
        `a container of ${size} elements at byte ${this.pos} is over the limit of ${this.maxElements}; see limits.elements`,
      );
    }
    if (size * minimum > this.end - this.pos) {
      this.fault(
        `a container of ${size} elements needs at least ${size * minimum} bytes, but ${this.end - this.pos} are left`,
        true,
      );
    }
  }

  protected enter(): void {
    if (++this.depth > this.maxDepth) this.tooDeep();
  }

  // Faults stand apart, so that what finds them is small enough to be inlined.

  private tooDeep(): never {
    throw new ThriftProtocolError(
      ProtocolFault.DEPTH_LIMIT,
      `the value at byte ${this.pos} nests deeper than the limit of ${this.maxDepth}; see limits.depth`,
    );
  }

  private negative(what: string): never {
    throw new ThriftProtocolError(ProtocolFault.NEGATIVE_SIZE, `a ${what} at byte ${this.pos} is negative`);
  }

  protected short(count: number): never {
    this.fault(`${count} bytes are needed, but ${this.end - this.pos} are left`, true);
  }

  protected unknownType(type: number): never {
    this.fault(`there is no type ${type} in this protocol`);
  }

  protected fault(message: string, truncated = false): never {
    throw new ThriftProtocolError(ProtocolFault.INVALID_DATA, `at byte ${this.pos}: ${message}`, truncated);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether values of a wire type are told apart by identity: containers of them are arrays. Binary, too, but it travels as text. */
function isObject(type: TType): boolean {
  return type === TType.STRUCT || type === TType.LIST || type === TType.MAP || type === TType.SET;
}
