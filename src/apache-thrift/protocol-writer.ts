/**
 * Our ThriftWriter on a protocol of the npm package, so that a struct of a Hawser stub can be written from
 * within code that its generator made: `Trade.write(new ApacheProtocolWriter(output), trade)`.
 */
import { wrongType } from '../contract/bytes/wrong-value.js';
import { notI64, notInteger } from '../contract/thrift/byte-sink.js';
import type { ThriftWriter, TType } from '../contract/thrift/protocol.js';
import type { ApacheProtocol } from './apache-types.js';
import { type ApacheEncoding, encodingOf } from './message-bytes.js';

export class ApacheProtocolWriter implements ThriftWriter {
  readonly #output: ApacheProtocol;
  readonly #encoding: ApacheEncoding;

  /** Throws a TypeError for a protocol that is neither TBinaryProtocol nor TCompactProtocol. */
  constructor(output: ApacheProtocol) {
    this.#output = output;
    this.#encoding = encodingOf(output);
  }

  structBegin(): void {
    this.#output.writeStructBegin('');
  }

  structEnd(): void {
    this.#output.writeFieldStop();
    this.#output.writeStructEnd();
  }

  field(type: TType, id: number): void {
    this.#output.writeFieldBegin('', type, id);
  }

  bool(value: boolean): void {
    if (typeof value !== 'boolean') wrongType('boolean', value);
    this.#output.writeBool(value);
  }

  i8(value: number): void {
    if ((value << 24) >> 24 !== value) notInteger('i8', 8, value);
    this.#output.writeByte(value);
  }

  i16(value: number): void {
    if ((value << 16) >> 16 !== value) notInteger('i16', 16, value);
    this.#output.writeI16(value);
  }

  i32(value: number): void {
    if ((value | 0) !== value) notInteger('i32', 32, value);
    this.#output.writeI32(value);
  }

  i64(value: bigint): void {
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) notI64(value);
    if (this.#encoding === 'compact') {
      this.#output.trans.write(varint64(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))));
      return;
    }
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    this.#output.trans.write(bytes);
  }

  /** The package would lose the sign of -0. */
  double(value: number): void {
    if (typeof value !== 'number') wrongType('number', value);
    const bytes = Buffer.alloc(8);
    if (this.#encoding === 'binary') bytes.writeDoubleBE(value);
    else bytes.writeDoubleLE(value);
    this.#output.trans.write(bytes);
  }

  string(value: string): void {
    if (typeof value !== 'string') wrongType('string', value);
    this.#output.writeString(value);
  }

  binary(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) wrongType('Uint8Array', value);
    this.#output.writeBinary(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }

  uuid(value: string): void {
    const bytes = Buffer.from(String(value).replaceAll('-', ''), 'hex');
    if (bytes.length !== 16) wrongType('uuid', value);
    this.#output.trans.write(bytes);
  }

  list(element: TType, size: number): void {
    this.#output.writeListBegin(element, size);
  }

  set(element: TType, size: number): void {
    this.#output.writeSetBegin(element, size);
  }

  map(key: TType, value: TType, size: number): void {
    this.#output.writeMapBegin(key, value, size);
  }
}

function varint64(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
