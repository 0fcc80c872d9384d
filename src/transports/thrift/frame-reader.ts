/**
 * Bytes in, messages out: finds where each message ends, in time linear in the bytes however
 * they are cut, and holds every message of a connection to the dialect of its first.
 */
import { ByteQueue } from './byte-queue.js';
import type { ConnectionLimits } from './limits.js';
import { BinaryScanner } from './scan-binary.js';
import { CompactScanner } from './scan-compact.js';
import type { MessageScanner } from './scan-stack.js';
import { type FrameKind, kindOf, openingOf } from './sniff.js';
import { MessageTooLong, WireError } from './wire-error.js';

/** What a reader takes: frames only, frames or bare messages as the first bytes say, bare messages only. */
export type AcceptedFraming = 'framed' | 'either' | 'unframed';

export class FrameReader {
  readonly #queue = new ByteQueue();
  readonly #limits: ConnectionLimits;
  readonly #accepts: AcceptedFraming;
  #framed: boolean | undefined;
  #kind: FrameKind | undefined;
  #scanner: MessageScanner | undefined;

  constructor(limits: ConnectionLimits, accepts: AcceptedFraming) {
    this.#limits = limits;
    this.#accepts = accepts;
  }

  /** What the connection speaks; undefined before the first complete message. */
  get kind(): FrameKind | undefined {
    return this.#kind;
  }

  /** Whether messages come in frames; undefined before the first four bytes. */
  get framed(): boolean | undefined {
    return this.#framed;
  }

  /** Bytes that have arrived and are part of no message taken so far. */
  get buffered(): number {
    return this.#queue.length;
  }

  push(chunk: Buffer): void {
    this.#queue.append(chunk);
  }

  /** Forgets what has arrived. */
  clear(): void {
    this.#queue.clear();
    this.#scanner = undefined;
  }

  /** The next complete message, without a frame's length; a view. Throws a WireError when there can be none any more. */
  next(): Buffer | undefined {
    if (this.#queue.length < 4) return undefined;
    this.#framed ??= this.#open();
    return this.#framed ? this.#nextFrame() : this.#nextBare();
  }

  /**
   * Whether the next message is complete, in a frame, and begins with `opening` and four more bytes. Throws nothing: what is
   * wrong with a message is said by `next`.
   */
  nextBegins(opening: Uint8Array): boolean {
    const queue = this.#queue;
    if (this.#framed !== true || queue.length < 4) return false;
    const length = queue.readInt32BE(0);
    if (length < opening.length + 4 || length > this.#limits.maxFrameBytes || queue.length < 4 + length) return false;
    for (let i = 0; i < opening.length; i++) if (queue.at(4 + i) !== opening[i]) return false;
    return true;
  }

  /** For a message that has been looked at so: takes it away, and returns the number behind `opening`. */
  skipNext(opening: Uint8Array): number {
    const queue = this.#queue;
    const number = queue.readInt32BE(4 + opening.length);
    queue.skip(4 + queue.readInt32BE(0));
    return number;
  }

  #open(): boolean {
    const opening = openingOf(this.#queue.peek());
    const framed = opening === 'framed';
    if (framed && this.#accepts === 'unframed') {
      throw new WireError('the peer sends frames, but this end speaks unframed (buffered) Thrift');
    }
    if (!framed && this.#accepts === 'framed') {
      const protocol = opening === 'unframed-binary' ? 'binary' : 'compact';
      throw new WireError(
        `the peer sends unframed (buffered) ${protocol} messages, and this end takes frames only; use a framed transport there, or leave unframed: false out of a server's options and put ?framing=unframed into a client's address`,
      );
    }
    return framed;
  }

  #nextFrame(): Buffer | undefined {
    const queue = this.#queue;
    const length = queue.readInt32BE(0);
    const { maxFrameBytes } = this.#limits;
    if (length <= 0 || length > maxFrameBytes) {
      const sentence = `a frame is announced with ${length} bytes; a frame has 1 to ${maxFrameBytes} (maxFrameBytes)`;
      throw length > 0 ? new MessageTooLong(sentence, queue.peek().subarray(4), true) : new WireError(sentence);
    }
    if (queue.length < 4 + length) return undefined;
    queue.skip(4);
    const frame = queue.take(length);
    const kind = kindOf(frame);
    this.#kind ??= kind;
    if (kind !== this.#kind) {
      throw new WireError(`a frame holds a ${kind} message on a connection that began with ${this.#kind}`);
    }
    return frame;
  }

  #nextBare(): Buffer | undefined {
    this.#kind ??= this.#queue.at(0) === 0x82 ? 'compact' : 'binary';
    const { maxFrameBytes } = this.#limits;
    this.#scanner ??= this.#kind === 'compact' ? new CompactScanner(maxFrameBytes) : new BinaryScanner(maxFrameBytes);
    const length = this.#scanner.scan(this.#queue.peek());
    if (length < 0) return undefined;
    this.#scanner = undefined;
    return this.#queue.take(length);
  }
}
