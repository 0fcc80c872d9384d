/**
 * What the length scanners share: where they are in an unframed message. The stack stands for
 * the structs and containers that are open, so nothing recurses, and the state survives between
 * chunks, so nothing is read twice.
 */
import { maxNameBytes, thriftLimits } from '../../contract/thrift/limits.js';
import { MessageTooLong, WireError } from './wire-error.js';

/** Finds the end of one message in bytes that are still arriving. */
export interface MessageScanner {
  /**
   * The length of the message that begins at `bytes[0]`, or -1 while its end has not arrived. Call it again with
   * the same bytes and more behind them. Throws a WireError when no message can look like this.
   */
  scan(bytes: Buffer): number;
}

export abstract class ScanStack implements MessageScanner {
  /** Where to go on, from the start of the message; may lie beyond what has arrived. */
  protected position = 0;
  /** The wire type of the value that stands at `position`, or -1. */
  protected pending = -1;
  #begun = false;
  #depth = 0;
  readonly #maxDepth: number;
  /** Values left in each open container; -1 for a struct. */
  readonly #left: Int32Array;
  /** Their wire types: elements', or keys' and values' in turn. */
  readonly #first: Uint8Array;
  readonly #second: Uint8Array;

  constructor(protected readonly maxBytes: number) {
    this.#maxDepth = thriftLimits().depth;
    this.#left = new Int32Array(this.#maxDepth + 1);
    this.#first = new Uint8Array(this.#maxDepth + 1);
    this.#second = new Uint8Array(this.#maxDepth + 1);
  }

  scan(bytes: Buffer): number {
    if (!this.#begun) {
      if (!this.messageHeader(bytes)) return -1;
      this.#begun = true;
      this.openStruct();
    }
    for (;;) {
      if (this.position > this.maxBytes) {
        throw new MessageTooLong(
          `an unframed message is longer than the limit of ${this.maxBytes} bytes (maxFrameBytes)`,
          bytes,
          false,
        );
      }
      if (this.pending >= 0) {
        if (this.position >= bytes.length || !this.value(bytes)) return -1;
        continue;
      }
      const top = this.#depth;
      if (top === 0) return this.position <= bytes.length ? this.position : -1;
      const left = this.#left[top] as number;
      if (left < 0) {
        if (this.position >= bytes.length || !this.field(bytes)) return -1;
      } else if (left === 0) this.close();
      else {
        this.#left[top] = left - 1;
        this.pending = ((left & 1) === 0 ? this.#first[top] : this.#second[top]) as number;
      }
    }
  }

  /** These three answer false, having changed nothing, when not enough has arrived. */
  protected abstract messageHeader(bytes: Buffer): boolean;
  protected abstract field(bytes: Buffer): boolean;
  protected abstract value(bytes: Buffer): boolean;

  protected openStruct(): void {
    this.#open(-1, 0, 0);
  }

  /** `count` elements of at least `least` bytes each. */
  protected openList(element: number, count: number, least: number): void {
    this.#fits(count, least);
    this.#open(count, element, element);
  }

  protected openMap(key: number, value: number, count: number, least: number): void {
    this.#fits(count, least);
    this.#open(count * 2, key, value);
  }

  protected close(): void {
    this.#depth--;
  }

  /** Goes past `count` values of `size` bytes each. */
  protected skip(count: number, size: number): void {
    this.#fits(count, size);
    this.position += count * size;
  }

  protected nameLength(length: number): void {
    if (length < 0 || length > maxNameBytes) {
      throw new WireError(`a message's name is announced with ${length} bytes; it may have 0 to ${maxNameBytes}`);
    }
  }

  protected badType(type: number): never {
    throw new WireError(`an unframed message holds a value of the unknown wire type ${type}`);
  }

  #open(left: number, first: number, second: number): void {
    if (this.#depth >= this.#maxDepth) {
      throw new WireError(`an unframed message is nested deeper than the limit of ${this.#maxDepth}`);
    }
    this.#depth++;
    this.#left[this.#depth] = left;
    this.#first[this.#depth] = first;
    this.#second[this.#depth] = second;
  }

  /** At least a byte an element, so a count that passes here fits the arrays above. */
  #fits(count: number, size: number): void {
    if (count < 0 || count * size > this.maxBytes - this.position) {
      throw new WireError(
        `an unframed message announces ${count} values of ${size} bytes or more; the limit of a message is ${this.maxBytes} bytes (maxFrameBytes)`,
      );
    }
  }
}
