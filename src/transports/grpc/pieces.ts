/**
 * Bytes that wait for the rest of a message. Large pieces stay where they came and are copied once, into the message; small
 * ones are put together as they come, so that a peer that sends bytes one by one cannot make an object of each.
 */

/** A piece below this is copied: a Buffer of its own costs some 100 bytes, and keeps the whole chunk alive that it stands in. */
const copyBelow = 4_096;
const smallestTail = 256;
const largestTail = 16_384;

export class Pieces {
  #pieces: Buffer[] = [];
  /** Where small pieces are put, behind all others. */
  #tail: Buffer | undefined;
  #tailBytes = 0;
  #tailSize = smallestTail;
  size = 0;

  /** How many Buffers there are. */
  get buffers(): number {
    return this.#pieces.length + (this.#tail === undefined ? 0 : 1);
  }

  /** What they take. */
  get bytesHeld(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.byteLength, this.#tail?.byteLength ?? 0);
  }

  add(piece: Buffer): void {
    this.size += piece.byteLength;
    if (piece.byteLength >= copyBelow) {
      this.#seal();
      this.#pieces.push(piece);
      return;
    }
    for (let at = 0; at < piece.byteLength; ) {
      this.#tail ??= Buffer.allocUnsafeSlow(this.#tailSize);
      const copied = piece.copy(this.#tail, this.#tailBytes, at);
      at += copied;
      this.#tailBytes += copied;
      if (this.#tailBytes === this.#tail.byteLength) {
        this.#tailSize = Math.min(largestTail, 2 * this.#tailSize);
        this.#seal();
      }
    }
  }

  /** The four bytes at `at`, which must be there. */
  uint32(at: number): number {
    const first = this.#pieces[0] ?? (this.#tail as Buffer);
    if (first.byteLength >= at + 4) return first.readUInt32BE(at);
    return this.#joined().readUInt32BE(at);
  }

  /** All of it, in one piece. */
  take(): Buffer {
    const whole = this.#joined();
    this.clear();
    return whole;
  }

  clear(): void {
    this.#pieces = [];
    this.#tail = undefined;
    this.#tailBytes = 0;
    this.#tailSize = smallestTail;
    this.size = 0;
  }

  #joined(): Buffer {
    this.#seal();
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces, this.size)];
    return this.#pieces[0] as Buffer;
  }

  #seal(): void {
    if (this.#tail === undefined) return;
    this.#pieces.push(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = undefined;
    this.#tailBytes = 0;
  }
}
