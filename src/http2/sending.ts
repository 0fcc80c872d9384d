/**
 * The sending half of a connection: frames, windows and header blocks on their way out. What the peer's windows or a full
 * outbox hold back waits at its stream, and streams take turns.
 */
import { ConnectionError, ErrorCode } from './error-code.js';
import {
  defaultFrameSize,
  defaultWindow,
  Flag,
  FrameType,
  frameHeaderBytes,
  largestWindow,
  putFrameHeader,
} from './frame.js';
import { FrameWriter } from './frame-writer.js';
import { HpackEncoder, type Indexing, maxBeginBytes } from './hpack-encoder.js';
import type { Outbox } from './outbox.js';
import type { Stream, Trailers, WriteFields } from './stream.js';

/** Pieces below this are copied into the outbox's chunk: a piece of its own in a write costs more. */
const copyBelow = 4_096;
/** Data goes into the outbox until it holds this much; what more there is waits at the streams. */
const outboxTarget = 131_072;
/** What a stream sends before the next one has its turn. */
const turnBytes = 65_536;

export interface SendingOwner {
  /** Our half of the stream has ended. */
  sentEnd(stream: Stream): void;
}

export class Sending {
  readonly frames: FrameWriter;
  readonly outbox: Outbox;
  readonly #owner: SendingOwner;
  readonly #encoder: HpackEncoder;
  #window = defaultWindow;
  #initialWindow = defaultWindow;
  #maxFrameSize = defaultFrameSize;
  /** Streams that have something queued. A Set keeps their order. */
  readonly #queued = new Set<Stream>();
  #queuedBytes = 0;
  /** Streams whose sender waits until the outbox has room. */
  #waiting: Stream[] = [];

  constructor(outbox: Outbox, owner: SendingOwner, indexing: ReadonlyMap<string, Indexing>) {
    this.outbox = outbox;
    this.frames = new FrameWriter(outbox);
    this.#owner = owner;
    this.#encoder = new HpackEncoder(indexing);
  }

  /** Bytes that wait here and in the outbox. */
  get bytes(): number {
    return this.#queuedBytes + this.outbox.bytes;
  }

  get initialWindow(): number {
    return this.#initialWindow;
  }

  /** Whether bytes wait for a window or for the outbox. */
  get blocked(): boolean {
    return this.#queued.size > 0;
  }

  // The peer's settings and windows

  setTableSize(size: number): void {
    this.#encoder.setPeerTableSize(size);
  }

  setMaxFrameSize(size: number): void {
    this.#maxFrameSize = size;
  }

  /** Changes the windows of all streams by the difference, as RFC 9113 asks in section 6.9.2. */
  setInitialWindow(size: number, streams: readonly Stream[]): void {
    const difference = size - this.#initialWindow;
    this.#initialWindow = size;
    for (const stream of streams) {
      stream.sendWindow += difference;
      if (stream.sendWindow > largestWindow) throw windowOverflow();
    }
  }

  widen(increment: number): void {
    this.#window += increment;
    if (this.#window > largestWindow) throw windowOverflow();
  }

  // Streams

  /** A header block. `maxBytes`: what `write` takes at most. */
  headers(stream: Stream, maxBytes: number, write: WriteFields, end: boolean): void {
    const room = maxBytes + maxBeginBytes;
    const flags = end ? Flag.END_STREAM : 0;
    if (room <= this.#maxFrameSize) {
      const { outbox } = this;
      const start = outbox.reserve(frameHeaderBytes + room);
      const from = start + frameHeaderBytes;
      const bytes = this.#chunk;
      const to = write(this.#encoder, bytes, this.#encoder.begin(bytes, from));
      putFrameHeader(bytes, start, to - from, FrameType.HEADERS, flags | Flag.END_HEADERS, stream.id);
      outbox.at = to;
    } else this.#longHeaders(stream, new Uint8Array(room), write, flags);
    if (end) this.#ended(stream);
  }

  #longHeaders(stream: Stream, block: Uint8Array, write: WriteFields, flags: number): void {
    const length = write(this.#encoder, block, this.#encoder.begin(block, 0));
    let from = 0;
    do {
      const to = Math.min(length, from + this.#maxFrameSize);
      const type = from === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const own = (from === 0 ? flags : 0) | (to === length ? Flag.END_HEADERS : 0);
      const at = this.frames.frame(to - from, type, own, stream.id);
      this.#chunk.set(block.subarray(from, to), at);
      from = to;
    } while (from < length);
  }

  /**
   * Where `bytes` of data can be written at once, `outbox.chunk` at the place returned; -1 where windows or the queue are in the
   * way. `commit` must follow in the same turn.
   */
  reserveData(stream: Stream, bytes: number): number {
    if (stream.queue.length > 0 || bytes > stream.sendWindow || bytes > this.#window || bytes > this.#maxFrameSize)
      return -1;
    if (stream.closed || stream.localClosed || stream.finishing !== undefined) return -1;
    return this.outbox.reserve(frameHeaderBytes + bytes) + frameHeaderBytes;
  }

  commitData(stream: Stream, payload: number, length: number, end: boolean): void {
    const { outbox } = this;
    const flags = end ? Flag.END_STREAM : 0;
    putFrameHeader(this.#chunk, payload - frameHeaderBytes, length, FrameType.DATA, flags, stream.id);
    outbox.at = payload + length;
    stream.sendWindow -= length;
    this.#window -= length;
    if (end) this.#ended(stream);
  }

  /** Whether the caller may go on without a wait. */
  data(stream: Stream, bytes: Uint8Array): boolean {
    if (stream.closed || stream.localClosed || stream.finishing !== undefined) return true;
    if (bytes.length < copyBelow && this.outbox.bytes < outboxTarget) {
      const at = this.reserveData(stream, bytes.length);
      if (at >= 0) {
        this.#chunk.set(bytes, at);
        this.commitData(stream, at, bytes.length, false);
        return this.#roomy(stream);
      }
    }
    // `slice` of a Node Buffer would not copy.
    stream.queue.push(bytes.length < copyBelow ? new Uint8Array(bytes) : bytes);
    stream.queuedBytes += bytes.length;
    this.#queuedBytes += bytes.length;
    this.#queued.add(stream);
    if (this.outbox.bytes < outboxTarget) this.#sendTurn(stream);
    return this.#roomy(stream);
  }

  finish(stream: Stream, trailers: Trailers | undefined): void {
    if (stream.closed || stream.localClosed || stream.finishing !== undefined) return;
    stream.finishing = { trailers };
    if (stream.queue.length === 0) this.#sendFinish(stream);
  }

  /** Sends what windows and the outbox allow by now, each stream in its turn. */
  pump(): void {
    while (this.#queued.size > 0 && this.outbox.bytes < outboxTarget) {
      let moved = false;
      for (const stream of [...this.#queued]) {
        if (this.outbox.bytes >= outboxTarget) return;
        if (this.#sendTurn(stream)) moved = true;
      }
      if (!moved) break;
    }
    this.#wake();
  }

  /** Drops what the stream has queued. */
  forget(stream: Stream): void {
    this.#queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    stream.queue.length = 0;
    this.#queued.delete(stream);
  }

  /** Writes one turn of what is queued; false where nothing could move. */
  #sendTurn(stream: Stream): boolean {
    const { queue } = stream;
    let left = turnBytes;
    while (queue.length > 0) {
      const piece = queue[0] as Uint8Array;
      const rest = piece.length - stream.queueAt;
      const length = Math.min(rest, stream.sendWindow, this.#window, this.#maxFrameSize);
      if (length <= 0 && rest > 0) return left < turnBytes;
      const last = length === rest && queue.length === 1;
      const end = last && stream.finishing !== undefined && stream.finishing.trailers === undefined;
      this.#sendPiece(stream, piece, length, end);
      if (length === rest) {
        queue.shift();
        stream.queueAt = 0;
      }
      left -= length;
      if (end) this.#ended(stream);
      else if (last && stream.finishing !== undefined) this.#sendFinish(stream);
      if (left <= 0 && queue.length > 0) {
        // The next turn is another stream's.
        this.#queued.delete(stream);
        this.#queued.add(stream);
        return true;
      }
    }
    this.#queued.delete(stream);
    return true;
  }

  #sendPiece(stream: Stream, piece: Uint8Array, length: number, end: boolean): void {
    const from = stream.queueAt;
    const flags = end ? Flag.END_STREAM : 0;
    const { outbox } = this;
    if (length < copyBelow) {
      const at = this.frames.frame(length, FrameType.DATA, flags, stream.id);
      this.#chunk.set(piece.subarray(from, from + length), at);
    } else {
      const at = outbox.reserve(frameHeaderBytes);
      outbox.at = putFrameHeader(this.#chunk, at, length, FrameType.DATA, flags, stream.id);
      outbox.reference(piece.subarray(from, from + length));
    }
    stream.queueAt += length;
    stream.sendWindow -= length;
    this.#window -= length;
    stream.queuedBytes -= length;
    this.#queuedBytes -= length;
  }

  #sendFinish(stream: Stream): void {
    const trailers = stream.finishing?.trailers;
    if (trailers === undefined) {
      this.frames.frame(0, FrameType.DATA, Flag.END_STREAM, stream.id);
      this.#ended(stream);
    } else this.headers(stream, trailers.maxBytes, trailers.write, true);
  }

  #ended(stream: Stream): void {
    stream.localClosed = true;
    this.#owner.sentEnd(stream);
  }

  #roomy(stream: Stream): boolean {
    if (stream.queue.length === 0 && this.outbox.bytes < outboxTarget) return true;
    if (!stream.waitsForDrain) {
      stream.waitsForDrain = true;
      this.#waiting.push(stream);
    }
    return false;
  }

  #wake(): void {
    if (this.#waiting.length === 0 || this.outbox.bytes >= outboxTarget) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const stream of waiting) {
      if (stream.closed) continue;
      if (stream.queue.length > 0) this.#waiting.push(stream);
      else {
        stream.waitsForDrain = false;
        stream.receiver.writable(stream);
      }
    }
  }

  get #chunk(): Uint8Array {
    return this.frames.chunk;
  }
}

function windowOverflow(): ConnectionError {
  return new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'a window is larger than 2^31-1');
}
