/**
 * The growing buffer under the writers of every codec. It is kept from one message to the next; `finish` hands out exactly the bytes
 * written: a copy of a short message, the buffer itself of a long one.
 */
import { newBytes, sharedBytes } from './utf8.js';

const initialBytes = 1024;
/** From this size on, handing over the buffer is cheaper than copying out of it. */
const handOverBytes = 32 * 1024;

export abstract class Sink {
  protected bytes: Uint8Array<ArrayBuffer> = newBytes(initialBytes);
  protected end: number = initialBytes;
  protected pos = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.pos;
  }

  /** Forgets what was written; also the room that a message took which was never finished. */
  protected empty(): void {
    if (this.end > 2 * handOverBytes) this.renew();
    this.pos = 0;
  }

  /** The bytes written, which the writer will not touch again. The writer is then empty. */
  finish(): Uint8Array<ArrayBuffer> {
    const { pos, bytes } = this;
    this.pos = 0;
    if (pos >= handOverBytes) {
      // It grows by doubling, so at most half of it is slack.
      this.renew();
      return bytes.subarray(0, pos);
    }
    const copy = sharedBytes(pos);
    copy.set(pos === bytes.length ? bytes : bytes.subarray(0, pos));
    return copy;
  }

  /** Bytes that are already encoded. */
  raw(value: Uint8Array): void {
    const { length } = value;
    if (this.pos + length > this.end) this.grow(length);
    this.bytes.set(value, this.pos);
    this.pos += length;
  }

  private renew(): void {
    this.bytes = newBytes(initialBytes);
    this.end = initialBytes;
  }

  /** Makes room for `more` bytes after `pos`. */
  protected grow(more: number): void {
    let size = this.end * 2;
    while (size < this.pos + more) size *= 2;
    const larger = newBytes(size);
    larger.set(this.bytes.subarray(0, this.pos));
    this.bytes = larger;
    this.end = size;
  }
}
