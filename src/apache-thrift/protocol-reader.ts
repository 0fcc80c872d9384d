/**
 * Our ThriftReader on a protocol of the npm package, so that a struct of a Hawser stub can be read from within
 * code that its generator made: `Trade.read(new ApacheProtocolReader(input))`.
 */
import { isUtf8 } from 'node:buffer';
import { arrayCost, longTextCost, mapCost, setCost, viewCost } from '../contract/bytes/object-cost.js';
import { decodeAllowance, overDecodeBudget } from '../contract/decode-budget.js';
import { elementCost, emptyBytesCost, pairsCost, uuidCost } from '../contract/thrift/cost.js';
import { type ThriftLimits, thriftLimits } from '../contract/thrift/limits.js';
import { type ThriftReader, TType } from '../contract/thrift/protocol.js';
import { ProtocolFault, ThriftProtocolError } from '../contract/thrift/protocol-error.js';
import type { ApacheProtocol } from './apache-types.js';
import { type ApacheEncoding, encodingOf } from './message-bytes.js';

export class ApacheProtocolReader implements ThriftReader {
  readonly #input: ApacheProtocol;
  readonly #encoding: ApacheEncoding;
  readonly #limits: ThriftLimits;
  /** Bytes of objects that may be made. */
  readonly #granted = decodeAllowance();
  #left = this.#granted;
  #depth = 0;
  /** A field of type bool was begun, and its value not yet read. */
  #boolField = false;

  /** Throws a TypeError for a protocol that is neither TBinaryProtocol nor TCompactProtocol. */
  constructor(input: ApacheProtocol, limits: ThriftLimits = thriftLimits()) {
    this.#input = input;
    this.#encoding = encodingOf(input);
    this.#limits = limits;
  }

  /** The package has read the bytes already; what is made of them is charged as on our own wires. */
  #charge(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) overDecodeBudget(this.#granted);
  }

  structBegin(cost = 64): void {
    this.#charge(cost);
    if (++this.#depth > this.#limits.depth) {
      throw new ThriftProtocolError(
        ProtocolFault.DEPTH_LIMIT,
        `the value nests deeper than the limit of ${this.#limits.depth}; see limits.depth`,
      );
    }
    this.#input.readStructBegin();
  }

  structEnd(): void {
    this.#depth--;
    this.#input.readStructEnd();
  }

  field(): number {
    const { ftype, fid } = this.#input.readFieldBegin();
    this.#boolField = ftype === TType.BOOL;
    return ftype === TType.STOP ? 0 : (fid << 8) | ftype;
  }

  /** The package reads every bool within a compact container as false (0.24). */
  bool(): boolean {
    if (this.#encoding === 'compact' && !this.#boolField) return this.#input.readByte() === 1;
    this.#boolField = false;
    return this.#input.readBool();
  }

  i8(): number {
    return this.#input.readByte();
  }

  i16(): number {
    return this.#input.readI16();
  }

  i32(): number {
    return this.#input.readI32();
  }

  i64(): bigint {
    const { buffer, offset = 0 } = this.#input.readI64();
    return buffer.readBigInt64BE(offset);
  }

  double(): number {
    const bytes = this.#input.trans.read(8);
    return this.#encoding === 'binary' ? bytes.readDoubleBE(0) : bytes.readDoubleLE(0);
  }

  string(): string {
    const bytes = Buffer.from(this.#input.readBinary());
    if (!isUtf8(bytes)) {
      throw new ThriftProtocolError(ProtocolFault.INVALID_DATA, `the ${bytes.length} bytes of a string are not UTF-8`);
    }
    this.#charge(longTextCost(bytes.length));
    return bytes.toString('utf8');
  }

  binary(): Uint8Array {
    const bytes = Buffer.from(this.#input.readBinary());
    this.#charge(viewCost + emptyBytesCost + bytes.length);
    return new Uint8Array(bytes);
  }

  uuid(): string {
    this.#charge(uuidCost);
    const hex = this.#input.trans.read(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  list(element: TType): number {
    const { etype, size } = this.#input.readListBegin();
    const cost = arrayCost(size) + size * (elementCost[element] as number);
    return this.#elements(size, etype === element, cost, () => this.#input.skip(etype));
  }

  set(element: TType): number {
    const { etype, size } = this.#input.readSetBegin();
    const cost = arrayCost(size) + setCost(size) + size * (elementCost[element] as number);
    return this.#elements(size, etype === element, cost, () => this.#input.skip(etype));
  }

  map(key: TType, value: TType): number {
    const { ktype, vtype, size } = this.#input.readMapBegin();
    const numbers = (elementCost[key] as number) + (elementCost[value] as number);
    const cost = pairsCost(size) + mapCost(size) + size * numbers;
    return this.#elements(size, ktype === key && vtype === value, cost, () => {
      this.#input.skip(ktype);
      this.#input.skip(vtype);
    });
  }

  skip(type: number): void {
    this.#input.skip(type);
  }

  #elements(size: number, match: boolean, cost: number, skipOne: () => void): number {
    if (size < 0 || size > this.#limits.elements) {
      throw new ThriftProtocolError(
        size < 0 ? ProtocolFault.NEGATIVE_SIZE : ProtocolFault.SIZE_LIMIT,
        `a container of ${size} elements is outside 0..${this.#limits.elements}; see limits.elements`,
      );
    }
    if (match || size === 0) {
      this.#charge(cost);
      return size;
    }
    for (let i = 0; i < size; i++) skipOne();
    return -1;
  }
}
