/** One stream of a connection: its two halves, its windows, and what waits to be sent. */
import { ErrorCode } from './error-code.js';
import { type HeaderList, responseFault, trailersFault } from './header-list.js';
import type { HpackEncoder } from './hpack-encoder.js';

/** Writes the fields of a header block from `at` on; returns their end. */
export type WriteFields = (encoder: HpackEncoder, bytes: Uint8Array, at: number) => number;

/** How a stream ended that did not end well. */
export interface StreamFailure {
  /** An `ErrorCode`. */
  readonly code: number;
  readonly by: 'peer' | 'us' | 'connection';
  readonly message: string;
  /** The peer says, or its GOAWAY implies, that it never looked at the stream. */
  readonly unprocessed: boolean;
}

/** Gets what comes on a stream. Must not throw: what it throws ends the connection. */
export interface StreamReceiver {
  /** A client's: the head of the response. `end`: nothing follows. */
  head(stream: Stream, headers: HeaderList, end: boolean): void;
  /** [from, to) belongs to the receiver until it returns. It says `stream.consume` of each byte when it has no more use for it. */
  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void;
  /** The peer is done: with trailers, or with its last byte of data. */
  end(stream: Stream, trailers: HeaderList | undefined): void;
  /** Called at most once, last; never after both halves ended well. */
  failed(stream: Stream, failure: StreamFailure): void;
  /** Asked for by `send` returning false: all that was queued is on its way. */
  writable(stream: Stream): void;
}

/** What a stream asks of its connection. */
export interface StreamCarrier {
  sendHead(stream: Stream, maxBytes: number, write: WriteFields, end: boolean): void;
  send(stream: Stream, bytes: Uint8Array): boolean;
  /** The memory that `reserve` points into. */
  readonly chunk: Uint8Array;
  reserve(stream: Stream, bytes: number): number;
  commit(stream: Stream, at: number, length: number, end: boolean): void;
  finish(stream: Stream, trailers: Trailers | undefined): void;
  consume(stream: Stream, bytes: number): void;
  reset(stream: Stream, code: number): void;
  /** The work for a stream that was closed meanwhile is over. */
  workDone(stream: Stream): void;
}

export interface Trailers {
  readonly maxBytes: number;
  readonly write: WriteFields;
}

export class Stream {
  readonly id: number;
  readonly #carrier: StreamCarrier;
  receiver: StreamReceiver;
  sendWindow: number;
  receiveWindow: number;
  /** Bytes that came and are not consumed. */
  unread = 0;
  /** Bytes that were consumed and not yet given back to the peer's window. */
  owed = 0;
  /** The peer has sent END_STREAM. */
  remoteClosed = false;
  /** We have sent END_STREAM. */
  localClosed = false;
  /** Nothing comes or goes any more. */
  closed = false;
  /** Of the header list that opened it, where the peer did. */
  headBytes = 0;
  /** The head of the peer's message has come. */
  headed = false;
  /** Of the peer's message; -1 for none announced. */
  contentLength = -1;
  received = 0;
  /** What windows or the outbox hold back. */
  readonly queue: Uint8Array[] = [];
  /** How much of its first piece is sent. */
  queueAt = 0;
  queuedBytes = 0;
  /** What follows the queue: END_STREAM, with trailers or without. */
  finishing: { readonly trailers: Trailers | undefined } | undefined;
  waitsForDrain = false;
  /** The application works for this stream, though it may be closed. Set by its receiver; `workDone` takes it back. */
  working = false;

  constructor(carrier: StreamCarrier, id: number, receiver: StreamReceiver, sendWindow: number, receiveWindow: number) {
    this.#carrier = carrier;
    this.id = id;
    this.receiver = receiver;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** Sends the head of our message, or of a message that is nothing else. `maxBytes`: what `write` takes at most. */
  sendHead(maxBytes: number, write: WriteFields, end: boolean): void {
    this.#carrier.sendHead(this, maxBytes, write, end);
  }

  /**
   * Sends or queues; bytes of 4 KB and more are not copied and must not change. False asks the caller to wait for
   * `receiver.writable`, though nothing is lost if it does not.
   */
  send(bytes: Uint8Array): boolean {
    return this.#carrier.send(this, bytes);
  }

  /**
   * Where `bytes` of data may be written into `chunk` to leave at once; -1 where windows or what is queued are in the way. `commit`
   * must follow before anything else is asked of the connection.
   */
  reserve(bytes: number): number {
    return this.#carrier.reserve(this, bytes);
  }

  get chunk(): Uint8Array {
    return this.#carrier.chunk;
  }

  /** Sends the `length` bytes that were written at `at`; with `end`, they are the last. */
  commit(at: number, length: number, end: boolean): void {
    this.#carrier.commit(this, at, length, end);
  }

  /** Ends our half when all that is queued has gone. */
  finish(trailers?: Trailers): void {
    this.#carrier.finish(this, trailers);
  }

  /** Lets the peer send as many bytes more. */
  consume(bytes: number): void {
    this.#carrier.consume(this, bytes);
  }

  /** Until this, a stream that was reset counts as open: a peer that resets in a hurry gets no more work out of us. */
  workDone(): void {
    if (!this.working) return;
    this.working = false;
    if (this.closed) this.#carrier.workDone(this);
  }

  /** Ends both halves at once; the receiver hears nothing more. Does nothing once the stream is closed. */
  reset(code: number): void {
    this.#carrier.reset(this, code);
  }
}

/** Why a block cannot be the head of a response, or trailers, of `stream`. */
export function moreHeadersFault(
  stream: Stream,
  list: HeaderList,
  end: boolean,
  selfDependent: boolean,
): { readonly code: number; readonly message: string } | undefined {
  if (stream.remoteClosed) return { code: ErrorCode.STREAM_CLOSED, message: 'HEADERS after the end of the stream' };
  if (list.tooLarge) return { code: ErrorCode.ENHANCE_YOUR_CALM, message: `a header list of ${list.size} bytes` };
  let message = selfDependent ? 'a stream depends on itself' : undefined;
  if (stream.headed) message ??= trailersFault(list) ?? (end ? undefined : 'trailers do not end the stream');
  else
    message ??= responseFault(list) ?? (list.status < 200 && end ? 'an interim response ends the stream' : undefined);
  return message === undefined ? undefined : { code: ErrorCode.PROTOCOL_ERROR, message };
}
