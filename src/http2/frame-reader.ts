/**
 * Cuts what comes into frames. The payload of DATA is passed on as it comes, in pieces, so that it is copied at most once, by
 * its reader; every other frame is passed whole, out of the chunk that it stands in or, where the chunk ends within it, out of
 * a copy. A frame is refused by its length before any of it is kept.
 */
import type { Host } from './byte-pipe.js';
import { ConnectionError, ErrorCode } from './error-code.js';
import { Flag, FrameType, frameHeaderBytes, preface, uint31 } from './frame.js';

export interface FrameReceiver {
  /** Any frame but DATA. [from, to) must not be kept. */
  frame(type: number, flags: number, id: number, bytes: Uint8Array, from: number, to: number): void;
  /** DATA begins; `length` counts its padding. */
  dataStart(id: number, length: number, flags: number): void;
  data(bytes: Uint8Array, from: number, to: number): void;
  dataEnd(): void;
}

const continuing = 1;
const headersWork = 8;
const bytesPerWork = 2_048;

export class FrameReader {
  readonly #receiver: FrameReceiver;
  readonly #host: Host;
  readonly #maxFrameSize: number;
  #prefaceLeft: number;
  /** The beginning of a frame, or of its header, that the last chunk ended within. */
  #partial: Uint8Array | undefined;
  #partialBytes = 0;
  /** Of the DATA frame that is being read: payload and padding that have not come. */
  #dataLeft = 0;
  #paddingLeft = 0;
  #inData = false;
  /** The payload's length of padding has not come. */
  #paddingUnknown = false;
  #stopped = false;

  constructor(receiver: FrameReceiver, host: Host, maxFrameSize: number, expectsPreface: boolean) {
    this.#receiver = receiver;
    this.#host = host;
    this.#maxFrameSize = maxFrameSize;
    this.#prefaceLeft = expectsPreface ? preface.length : 0;
  }

  /** Passes on nothing more, not even the rest of what is being read. */
  stop(): void {
    this.#stopped = true;
  }

  /** Reads [from, to) until `work` is used up; returns where it stopped. Throws a ConnectionError. */
  read(bytes: Uint8Array, from: number, to: number, work: number): number {
    let at = this.#prefaceLeft > 0 ? this.#readPreface(bytes, from, to) : from;
    let left = work;
    while (at < to && left > 0 && !this.#stopped) {
      if (this.#inData) {
        const start = at;
        at = this.#readData(bytes, at, to);
        left -= (at - start) / bytesPerWork;
        continue;
      }
      const whole = this.#partial === undefined && to - at >= frameHeaderBytes;
      if (!whole) {
        at = this.#complete(bytes, at, to);
        left -= continuing;
        continue;
      }
      const length = this.#length(bytes, at);
      const type = bytes[at + 3] as number;
      left -= type === FrameType.HEADERS ? headersWork : continuing;
      if (type === FrameType.DATA) {
        this.#startData(bytes, at, length);
        at += frameHeaderBytes;
      } else if (to - at - frameHeaderBytes < length) at = this.#keep(bytes, at, to, frameHeaderBytes + length);
      else {
        this.#pass(bytes, at, length);
        at += frameHeaderBytes + length;
      }
    }
    return at;
  }

  #readPreface(bytes: Uint8Array, from: number, to: number): number {
    const offset = preface.length - this.#prefaceLeft - from;
    const end = Math.min(to, from + this.#prefaceLeft);
    for (let at = from; at < end; at++) {
      if (bytes[at] !== preface[at + offset]) {
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'this is not the preface of HTTP/2');
      }
    }
    this.#prefaceLeft -= end - from;
    return end;
  }

  #length(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    if (length > this.#maxFrameSize) {
      const text = `a frame of ${length} bytes is more than the ${this.#maxFrameSize} announced`;
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, text);
    }
    return length;
  }

  #pass(bytes: Uint8Array, at: number, length: number): void {
    const from = at + frameHeaderBytes;
    const id = uint31(bytes, at + 5);
    this.#receiver.frame(bytes[at + 3] as number, bytes[at + 4] as number, id, bytes, from, from + length);
  }

  /** Keeps the rest of a chunk as the beginning of something of `size` bytes. */
  #keep(bytes: Uint8Array, from: number, to: number, size: number): number {
    const partial = this.#host.allocate(size);
    partial.set(bytes.subarray(from, to));
    this.#partial = partial;
    this.#partialBytes = to - from;
    return to;
  }

  /** Goes on with a frame that was cut. */
  #complete(bytes: Uint8Array, from: number, to: number): number {
    const { partial, at } = this.#fill(bytes, from, to);
    if (this.#partialBytes < partial.length) return at;
    if (partial.length === frameHeaderBytes) {
      const length = this.#length(partial, 0);
      const isData = partial[3] === FrameType.DATA;
      if (!isData && length > 0) {
        this.#keep(partial, 0, frameHeaderBytes, frameHeaderBytes + length);
        return at;
      }
      this.#partial = undefined;
      if (isData) this.#startData(partial, 0, length);
      else this.#pass(partial, 0, 0);
      return at;
    }
    this.#partial = undefined;
    this.#pass(partial, 0, partial.length - frameHeaderBytes);
    return at;
  }

  #fill(bytes: Uint8Array, from: number, to: number): { readonly partial: Uint8Array; readonly at: number } {
    let partial = this.#partial;
    if (partial === undefined) {
      partial = this.#host.allocate(frameHeaderBytes);
      this.#partial = partial;
      this.#partialBytes = 0;
    }
    const end = Math.min(to, from + partial.length - this.#partialBytes);
    partial.set(bytes.subarray(from, end), this.#partialBytes);
    this.#partialBytes += end - from;
    return { partial, at: end };
  }

  #startData(bytes: Uint8Array, at: number, length: number): void {
    const flags = bytes[at + 4] as number;
    this.#dataLeft = length;
    this.#paddingLeft = 0;
    this.#paddingUnknown = (flags & Flag.PADDED) !== 0;
    if (this.#paddingUnknown && length === 0) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'a padded frame has no length of its padding');
    }
    this.#inData = true;
    this.#receiver.dataStart(uint31(bytes, at + 5), length, flags);
    if (length === 0) this.#endData();
  }

  #readData(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (this.#paddingUnknown) {
      this.#paddingUnknown = false;
      this.#paddingLeft = bytes[at++] as number;
      this.#dataLeft -= 1 + this.#paddingLeft;
      if (this.#dataLeft < 0)
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a frame is shorter than its padding');
    }
    if (this.#dataLeft > 0) {
      const end = Math.min(to, at + this.#dataLeft);
      this.#dataLeft -= end - at;
      if (end > at) this.#receiver.data(bytes, at, end);
      at = end;
    }
    if (this.#dataLeft === 0) {
      const end = Math.min(to, at + this.#paddingLeft);
      this.#paddingLeft -= end - at;
      at = end;
      if (this.#paddingLeft === 0) this.#endData();
    }
    return at;
  }

  #endData(): void {
    this.#inData = false;
    this.#receiver.dataEnd();
  }
}
