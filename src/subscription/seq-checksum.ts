/** The checksum of a snapshot: CRC32C over the seq of each entry, in the order they came, each as 8 bytes, big-endian. */
const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  table[byte] = value >>> 0;
}

export class SeqChecksum {
  #state = 0xffff_ffff;

  add(seq: number): void {
    this.#word(Math.floor(seq / 0x1_0000_0000));
    this.#word(seq >>> 0);
  }

  /** An unsigned number of 32 bits. */
  get value(): number {
    return (this.#state ^ 0xffff_ffff) >>> 0;
  }

  #word(word: number): void {
    let state = this.#state;
    for (let shift = 24; shift >= 0; shift -= 8) {
      state = (table[(state ^ (word >>> shift)) & 0xff] as number) ^ (state >>> 8);
    }
    this.#state = state;
  }
}
