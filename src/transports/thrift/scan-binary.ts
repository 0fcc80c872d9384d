/** The end of a strict binary message without a frame. Source: Apache Thrift, doc/specs/thrift-binary-protocol.md. */
import { TType } from '../../contract/thrift/protocol.js';
import { ScanStack } from './scan-stack.js';
import { WireError } from './wire-error.js';

/** Bytes of a value of fixed size, by wire type; 0 for the others. */
const fixed = new Uint8Array(17);
fixed[TType.BOOL] = 1;
fixed[TType.I8] = 1;
fixed[TType.I16] = 2;
fixed[TType.I32] = 4;
fixed[TType.I64] = 8;
fixed[TType.DOUBLE] = 8;
fixed[TType.UUID] = 16;

/** The least bytes of any value, by wire type; 0 for what is no type. */
const least = Uint8Array.from(fixed);
least[TType.STRING] = 4;
least[TType.STRUCT] = 1;
least[TType.MAP] = 6;
least[TType.SET] = 5;
least[TType.LIST] = 5;

export class BinaryScanner extends ScanStack {
  protected messageHeader(bytes: Buffer): boolean {
    if (bytes.length < 8) return false;
    if (bytes.readUInt16BE(0) !== 0x8001) {
      throw new WireError(
        `an unframed message begins with 0x${bytes.toString('hex', 0, 4)}, not with strict binary's 0x8001`,
      );
    }
    const name = bytes.readInt32BE(4);
    this.nameLength(name);
    this.position = 8 + name + 4;
    return true;
  }

  protected field(bytes: Buffer): boolean {
    const type = bytes[this.position] as number;
    if (type === TType.STOP) {
      this.position += 1;
      this.close();
    } else {
      // The id's two bytes may still be under way: nothing depends on them.
      this.position += 3;
      this.pending = type;
    }
    return true;
  }

  protected value(bytes: Buffer): boolean {
    const type = this.pending;
    const at = this.position;
    const size = fixed[type] ?? 0;
    if (size > 0) this.skip(1, size);
    else if (type === TType.STRUCT) this.openStruct();
    else if (type === TType.STRING) {
      if (bytes.length < at + 4) return false;
      this.position += 4;
      this.skip(bytes.readInt32BE(at), 1);
    } else if (type === TType.LIST || type === TType.SET) {
      if (bytes.length < at + 5) return false;
      this.position += 5;
      this.#list(bytes[at] as number, bytes.readInt32BE(at + 1));
    } else if (type === TType.MAP) {
      if (bytes.length < at + 6) return false;
      this.position += 6;
      this.#map(bytes[at] as number, bytes[at + 1] as number, bytes.readInt32BE(at + 2));
    } else this.badType(type);
    this.pending = -1;
    return true;
  }

  #list(element: number, count: number): void {
    if (count === 0) return;
    if ((least[element] ?? 0) === 0) this.badType(element);
    const size = fixed[element] as number;
    if (size > 0) this.skip(count, size);
    else this.openList(element, count, least[element] as number);
  }

  #map(key: number, value: number, count: number): void {
    if (count === 0) return;
    if ((least[key] ?? 0) === 0) this.badType(key);
    if ((least[value] ?? 0) === 0) this.badType(value);
    if (fixed[key] !== 0 && fixed[value] !== 0) this.skip(count, (fixed[key] as number) + (fixed[value] as number));
    else this.openMap(key, value, count, (least[key] as number) + (least[value] as number));
  }
}
