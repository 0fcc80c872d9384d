/**
 * Bytes that have arrived and are not consumed yet, in one piece. A chunk that finds the queue
 * empty is adopted without a copy; else it is appended to a buffer that doubles, so each byte
 * is copied a bounded number of times however small the chunks are. Bytes that were handed out
 * are never written over.
 */
const nothing: Buffer = Buffer.alloc(0);
const smallest = 1_024;

export class ByteQueue {
  #buffer = nothing;
  #start = 0;
  #end = 0;
  /** Whether the room after `#end` is ours to write to. */
  #owned = false;

  get length(): number {
    return this.#end - this.#start;
  }

  append(chunk: Buffer): void {
    if (this.#start === this.#end) {
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#buffer.length - this.#end < chunk.length) this.#grow(this.length + chunk.length);
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /** The byte at `offset`, which must be below `length`. */
  at(offset: number): number {
    return this.#buffer[this.#start + offset] as number;
  }

  readInt32BE(offset: number): number {
    return this.#buffer.readInt32BE(this.#start + offset);
  }

  /** All of it, as a view. */
  peek(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Takes `count` bytes away, as a view. */
  take(count: number): Buffer {
    const view = this.#buffer.subarray(this.#start, this.#start + count);
    this.skip(count);
    return view;
  }

  skip(count: number): void {
    this.#start += count;
    if (this.#start === this.#end) this.clear();
  }

  clear(): void {
    this.#buffer = nothing;
    this.#start = 0;
    this.#end = 0;
    this.#owned = false;
  }

  #grow(need: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(need, this.length * 2, smallest));
    this.#buffer.copy(larger, 0, this.#start, this.#end);
    this.#end = this.length;
    this.#start = 0;
    this.#buffer = larger;
    this.#owned = true;
  }
}
