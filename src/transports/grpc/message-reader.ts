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
import { Pieces } from './pieces.js';

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

export class MessageReader {
  readonly #owner: MessageOwner;
  readonly #limit: number;
  readonly #side: ReaderSide;
  /** `grpc-encoding` of what is read. */
  encoding: string | undefined;
  /** What came and was not handed on: part of a message, or what is behind one that is being inflated. */
  readonly #pieces = new Pieces();
  #inflating = false;
  /** Bytes inflated at once since the last chunk, or since the thread pool was waited for. */
  #inARow = 0;
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
    return this.#pieces.size === 0 && !this.#inflating;
  }

  take(chunk: Buffer): void {
    if (this.#broken) return;
    this.#inARow = 0;
    const from = this.#pieces.size === 0 && !this.#inflating ? this.#read(chunk) : 0;
    if (from === chunk.byteLength || this.#broken) return;
    this.#pieces.add(from === 0 ? chunk : chunk.subarray(from));
    if (!this.#inflating) this.#readPieces();
  }

  /** As good as always a chunk begins with a message and holds all of it. Returns where the first stands that is not read. */
  #read(chunk: Buffer): number {
    let at = 0;
    while (chunk.byteLength - at >= prefix && !this.#inflating) {
      const end = at + prefix + chunk.readUInt32BE(at + 1);
      if (!this.#allowed(end - at - prefix)) return at;
      if (end > chunk.byteLength) break;
      this.#hand(chunk[at] as number, chunk.subarray(at + prefix, end));
      if (this.#broken) return at;
      at = end;
    }
    return at;
  }

  /** What came in pieces. */
  #readPieces(): void {
    const pieces = this.#pieces;
    while (pieces.size >= prefix && !this.#inflating && !this.#broken) {
      const length = pieces.uint32(1);
      if (!this.#allowed(length) || pieces.size < prefix + length) return;
      const whole = pieces.take();
      const from = this.#read(whole);
      if (from < whole.byteLength && !this.#broken) pieces.add(from === 0 ? whole : whole.subarray(from));
    }
  }

  #allowed(length: number): boolean {
    if (length > this.#limit) this.#fail(this.#side.tooLarge(`${length} of at most ${this.#limit} bytes`));
    return !this.#broken;
  }

  #hand(flag: number, bytes: Buffer): void {
    if (flag === 0) this.#owner.message(bytes);
    else if (flag === 1) this.#inflate(bytes);
    else this.#fail(this.#side.malformed(`a message with the flag ${flag}`));
  }

  #inflate(bytes: Buffer): void {
    const { encoding } = this;
    if (!isEncoding(encoding)) {
      this.#fail(this.#side.unknownEncoding(encoding));
      return;
    }
    try {
      const inflated = this.#inARow < mostInARow ? inflatedAtOnce(bytes, encoding, this.#limit) : undefined;
      if (inflated !== undefined) {
        this.#inARow += inflated.byteLength;
        this.#owner.message(inflated);
        return;
      }
    } catch (error) {
      this.#fail(this.#uninflatable(error));
      return;
    }
    this.#inflating = true;
    this.#owner.inflating(true);
    inflatedLater(bytes, encoding, this.#limit, (error, inflated) => this.#inflated(error, inflated));
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
    this.#readPieces();
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
    this.#pieces.clear();
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
