/** A reader of protobuf messages that makes texts of an id's length without a view of their bytes: those cost as much again. */
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** Bytes of a text that the library is not the faster one for: it takes shorter ones by hand, and longer ones cost by themselves. */
const shortest = 33;
/** So far a length is one byte. */
const longest = 127;

export class TextReader extends BinaryReader {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super(bytes);
    this.#bytes = bytes;
  }

  override string(strict?: boolean): string {
    const length = this.#bytes[this.pos] ?? 0;
    const end = this.pos + 1 + length;
    // What is wrong with the bytes the library says.
    if (length < shortest || length > longest || end > this.len || strict === true) return super.string(strict);
    const text = this.#bytes.toString('utf8', this.pos + 1, end);
    this.pos = end;
    return text;
  }
}
