/**
 * Messages out of the bytes of a stream: a flag, a length, the message. Bounded before anything is kept: a length above
 * the limit ends the stream, and so does a compressed message that unfolds to more. While one is being inflated, those
 * behind it wait; a turn of the event loop inflates so much and no more.
 * Source: gRPC over HTTP/2, "Length-Prefixed-Message".
 */

import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import { responseAboveLimit } from '../../call/too-large.js';
import { inflatedAtOnce, inflatedLater, isEncoding, isTooLarge, mostInflatedAtOnce } from './gzip.js';

const prefix = 5;
/** Bytes inflated out of one chunk after which the next message goes to the thread pool: 0.4 ms. */
const mostInARow = 4 * mostInflatedAtOnce;

/** Which side reads: what is wrong with a request is the caller's fault, and what is wrong with a response the server's. */
export interface ReaderSide {
  tooLarge(numbers: string): RpcError;
  malformed(what: string): RpcError;
  unknownEncoding(encoding: string | undefined): RpcError;
}

export interface MessageOwner {
  message(bytes: Buffer): void;
  broken(error: RpcError): void;
  /** A message is being inflated, or is ready: whether more should be read. */
  inflating(busy: boolean): void;
}

interface Framed {
  readonly bytes: Buffer;
  readonly compressed: boolean;
}

export class MessageReader {
  readonly #owner: MessageOwner;
  readonly #limit: number;
  readonly #side: ReaderSide;
  /** `grpc-encoding` of what is read. */
  encoding: string | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  #inflating = false;
  /** Bytes inflated at once since the last chunk, or since the thread pool was waited for. */
  #inARow = 0;
  #held: Framed[] = [];
  #broken = false;

  constructor(owner: MessageOwner, limit: number, side: ReaderSide) {
    this.#owner = owner;
    this.#side = side;
    this.#limit = limit;
  }

  /** Whether a message is being inflated. */
  get busy(): boolean {
    return this.#inflating;
  }

  /** Whether all that came was handed on, and it was whole messages. */
  get empty(): boolean {
    return this.#size === 0 && !this.#inflating && this.#held.length === 0;
  }

  take(chunk: Buffer): void {
    if (this.#broken) return;
    this.#inARow = 0;
    let at = 0;
    if (this.#size === 0) {
      // As good as always a chunk begins with a message and holds all of it.
      while (chunk.byteLength - at >= prefix) {
        const end = at + prefix + chunk.readUInt32BE(at + 1);
        if (!this.#allowed(end - at - prefix)) return;
        if (end > chunk.byteLength) break;
        this.#hand(chunk, at, end);
        at = end;
      }
      if (at === chunk.byteLength) return;
    }
    this.#chunks.push(at === 0 ? chunk : chunk.subarray(at));
    this.#size += chunk.byteLength - at;
    this.#join();
  }

  /** What came in pieces. */
  #join(): void {
    while (this.#size >= prefix && !this.#broken) {
      if ((this.#chunks[0] as Buffer).byteLength < prefix) this.#chunks = [Buffer.concat(this.#chunks, this.#size)];
      const length = (this.#chunks[0] as Buffer).readUInt32BE(1);
      if (!this.#allowed(length) || this.#size < prefix + length) return;
      const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#size);
      const end = prefix + length;
      this.#chunks = end === all.byteLength ? [] : [all.subarray(end)];
      this.#size = all.byteLength - end;
      this.#hand(all, 0, end);
    }
  }

  #allowed(length: number): boolean {
    if (length > this.#limit) this.#fail(this.#side.tooLarge(`${length} of at most ${this.#limit} bytes`));
    return !this.#broken;
  }

  #hand(chunk: Buffer, at: number, end: number): void {
    const flag = chunk[at] as number;
    const bytes = chunk.subarray(at + prefix, end);
    if (flag === 0 && !this.#inflating) this.#owner.message(bytes);
    else if (flag > 1) this.#fail(this.#side.malformed(`a message with the flag ${flag}`));
    else {
      this.#held.push({ bytes, compressed: flag === 1 });
      if (!this.#inflating) this.#release();
    }
  }

  #release(): void {
    for (let one = this.#held.shift(); one !== undefined && !this.#broken; one = this.#held.shift()) {
      if (!one.compressed) {
        this.#owner.message(one.bytes);
        continue;
      }
      const { encoding } = this;
      if (!isEncoding(encoding)) {
        this.#fail(this.#side.unknownEncoding(encoding));
        return;
      }
      try {
        const bytes = this.#inARow < mostInARow ? inflatedAtOnce(one.bytes, encoding, this.#limit) : undefined;
        if (bytes !== undefined) {
          this.#inARow += bytes.byteLength;
          this.#owner.message(bytes);
          continue;
        }
      } catch (error) {
        this.#fail(this.#uninflatable(error));
        return;
      }
      this.#inflating = true;
      this.#owner.inflating(true);
      inflatedLater(one.bytes, encoding, this.#limit, (error, bytes) => this.#inflated(error, bytes));
      return;
    }
  }

  #inflated(error: Error | null, bytes: Buffer): void {
    this.#inflating = false;
    this.#inARow = 0;
    if (this.#broken) return;
    if (error !== null) {
      this.#fail(this.#uninflatable(error));
      return;
    }
    this.#owner.message(bytes);
    this.#release();
    if (!this.#inflating) this.#owner.inflating(false);
  }

  #uninflatable(error: unknown): RpcError {
    if (isTooLarge(error)) return this.#side.tooLarge(`limit ${this.#limit} bytes`);
    return this.#side.malformed(
      `a message that does not inflate: ${error instanceof Error ? error.message : String(error)}`,
    );
  }

  #fail(error: RpcError): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#chunks = [];
    this.#held = [];
    this.#size = 0;
    this.#owner.broken(error);
  }
}

/** A client reads responses. */
export const responses: ReaderSide = {
  tooLarge: responseAboveLimit,
  malformed: (what) => ownError('RESPONSE_MALFORMED', `the server sent ${what}`, { disposition: 'executed' }),
  unknownEncoding: (encoding) =>
    responses.malformed(`a message compressed with ${encoding ?? 'nothing that it named'}`),
};
