/**
 * Reads header blocks. The dynamic table never takes more than we have announced; a list that grows beyond its limit is read to
 * its end, since the table must stay in step with the peer's, but is not kept.
 * Source: RFC 7541.
 */
import type { Host } from './byte-pipe.js';
import { ConnectionError, ErrorCode } from './error-code.js';
import { fieldKind, HeaderField, HeaderList } from './header-list.js';
import { decodeHuffman } from './huffman.js';
import { staticFields } from './static-table.js';

const statics: readonly HeaderField[] = staticFields.map(
  ([name, value]) => new HeaderField(name, value, fieldKind(name)),
);

/** Places of the ring at first: what most connections need. */
const firstPlaces = 16;
const noScratch = new Uint8Array(0);

export class HpackDecoder {
  readonly #host: Host;
  /** Bytes, as announced by SETTINGS_HEADER_TABLE_SIZE. */
  readonly #announcedSize: number;
  readonly #maxListSize: number;
  /** A ring that grows with the table; the newest field stands before `#inserted`. */
  #ring: (HeaderField | undefined)[] = new Array<HeaderField | undefined>(firstPlaces).fill(undefined);
  #mask = firstPlaces - 1;
  #inserted = 0;
  #count = 0;
  #size = 0;
  #maxSize: number;
  #scratch: Uint8Array = noScratch;
  #at = 0;

  constructor(host: Host, tableSize: number, maxListSize: number) {
    this.#host = host;
    this.#announcedSize = tableSize;
    this.#maxSize = tableSize;
    this.#maxListSize = maxListSize;
  }

  /** Throws a ConnectionError for a block after which the tables of both ends could differ. */
  decode(bytes: Uint8Array, from: number, to: number): HeaderList {
    const list = new HeaderList();
    const maxSize = this.#maxListSize;
    let updatesAllowed = true;
    this.#at = from;
    while (this.#at < to) {
      const first = bytes[this.#at] as number;
      if (first >= 0x80) list.add(this.#field(this.#integer(bytes, to, 0x7f)), maxSize);
      else if (first >= 0x40) {
        const field = this.#literal(bytes, to, 0x3f);
        this.#insert(field);
        list.add(field, maxSize);
      } else if (first < 0x20) list.add(this.#literal(bytes, to, 0x0f), maxSize);
      else {
        if (!updatesAllowed) throw fault('a table size update stands behind a field');
        this.#resize(this.#integer(bytes, to, 0x1f));
        continue;
      }
      updatesAllowed = false;
    }
    return list;
  }

  #literal(bytes: Uint8Array, to: number, mask: number): HeaderField {
    const index = this.#integer(bytes, to, mask);
    if (index !== 0) {
      const { name, kind } = this.#field(index);
      return new HeaderField(name, this.#string(bytes, to), kind);
    }
    const name = this.#string(bytes, to);
    return new HeaderField(name, this.#string(bytes, to), fieldKind(name));
  }

  #field(index: number): HeaderField {
    const known = index <= statics.length ? statics[index - 1] : this.#dynamic(index - statics.length);
    if (known === undefined) throw fault(`there is no field with index ${index}`);
    return known;
  }

  #dynamic(age: number): HeaderField | undefined {
    return age > this.#count ? undefined : this.#ring[(this.#inserted - age) & this.#mask];
  }

  #insert(field: HeaderField): void {
    if (field.size > this.#maxSize) {
      this.#evict(0);
      return;
    }
    this.#evict(this.#maxSize - field.size);
    if (this.#count > this.#mask) this.#grow();
    this.#ring[this.#inserted & this.#mask] = field;
    this.#inserted = (this.#inserted + 1) | 0;
    this.#count++;
    this.#size += field.size;
  }

  /** A field has 32 bytes at least, so the size of the table bounds the places, too. */
  #grow(): void {
    const fields = this.#ring;
    const mask = this.#mask;
    this.#mask = mask * 2 + 1;
    this.#ring = new Array<HeaderField | undefined>(this.#mask + 1).fill(undefined);
    for (let age = 1; age <= this.#count; age++) {
      this.#ring[(this.#inserted - age) & this.#mask] = fields[(this.#inserted - age) & mask];
    }
  }

  #evict(size: number): void {
    while (this.#size > size) {
      const at = (this.#inserted - this.#count) & this.#mask;
      this.#size -= (this.#ring[at] as HeaderField).size;
      this.#ring[at] = undefined;
      this.#count--;
    }
  }

  #resize(size: number): void {
    if (size > this.#announcedSize)
      throw fault(`a table of ${size} bytes is more than the ${this.#announcedSize} announced`);
    this.#maxSize = size;
    this.#evict(size);
  }

  /** At most 28 bits: more would be no index, length or size that anything here accepts. */
  #integer(bytes: Uint8Array, to: number, mask: number): number {
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= to) throw fault('a header block ends within an integer');
      if (shift > 21) throw fault('an integer is too long');
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  #string(bytes: Uint8Array, to: number): string {
    if (this.#at >= to) throw fault('a header block ends before a string');
    const coded = (bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(bytes, to, 0x7f);
    const from = this.#at;
    if (length > to - from) throw fault('a string is longer than its header block');
    this.#at = from + length;
    return coded ? this.#huffman(bytes, from, from + length) : this.#host.latin1(bytes, from, from + length);
  }

  #huffman(bytes: Uint8Array, from: number, to: number): string {
    const room = (to - from) * 2;
    if (this.#scratch.length < room) this.#scratch = this.#host.allocate(Math.max(room, 256));
    const length = decodeHuffman(bytes, from, to, this.#scratch);
    const text = this.#host.latin1(this.#scratch, 0, length);
    // A block of many kilobytes is rare; its scratch is not kept.
    if (this.#scratch.length > 8_192) this.#scratch = noScratch;
    return text;
  }
}

function fault(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, message);
}
