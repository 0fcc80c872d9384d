/**
 * The checksum of a snapshot: CRC32C (Castagnoli, RFC 3720 appendix B.4) over the seq of every entry in the order they come,
 * each as 8 bytes, big-endian. The values are not in it: they are covered by the wire, and a lost or doubled entry is not.
 */
const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  table[byte] = crc;
}

export class SeqChecksum {
  #crc = 0xffffffff;

  /** `seq`: a whole number up to 2^53-1. */
  add(seq: number): void {
    this.#word(Math.floor(seq / 2 ** 32));
    this.#word(seq >>> 0);
  }

  /** Of what was added so far. */
  get value(): number {
    return (this.#crc ^ 0xffffffff) >>> 0;
  }

  #word(word: number): void {
    let crc = this.#crc;
    for (let shift = 24; shift >= 0; shift -= 8) {
      // The index is a byte, so there is an entry.
      crc = (table[(crc ^ (word >>> shift)) & 0xff] as number) ^ (crc >>> 8);
    }
    this.#crc = crc;
  }
}
