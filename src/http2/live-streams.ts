/** The streams of a connection that are open, and how they end. */
import { ErrorCode } from './error-code.js';
import type { Sending } from './sending.js';
import type { Stream, StreamFailure } from './stream.js';
import { StreamIds } from './stream-ids.js';
import { StreamTable } from './stream-table.js';

export class LiveStreams {
  readonly ids: StreamIds;
  readonly #sending: Sending;
  readonly #dropped: (stream: Stream) => void;
  readonly #table = new StreamTable();
  /** Streams that are closed and whose work goes on. */
  #lingering = 0;
  /** Of the header lists of streams that are open or worked for. */
  headBytes = 0;

  /** `dropped`: a stream is over, and its receiver may not know yet. */
  constructor(server: boolean, sending: Sending, dropped: (stream: Stream) => void) {
    this.ids = new StreamIds(server);
    this.#sending = sending;
    this.#dropped = dropped;
  }

  get size(): number {
    return this.#table.size;
  }

  /** Those that work goes on for, too: a peer that resets in a hurry gets no more work out of us. */
  get busy(): number {
    return this.#table.size + this.#lingering;
  }

  get(id: number): Stream | undefined {
    return this.#table.get(id);
  }

  /** A copy: streams may come and go while it is walked. */
  all(): Stream[] {
    return this.#table.all();
  }

  add(stream: Stream): void {
    this.#table.add(stream);
    this.headBytes += stream.headBytes;
  }

  workDone(stream: Stream): void {
    this.#lingering--;
    this.headBytes -= stream.headBytes;
  }

  /** Sends RST_STREAM, for a stream that is open or for one that never was. */
  rst(id: number, code: number): void {
    this.#sending.frames.rstStream(id, code);
    this.ids.reset(id);
  }

  /** Ends both halves at once; the receiver hears nothing more. */
  reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    this.rst(stream.id, code);
    this.drop(stream);
  }

  fail(stream: Stream, failure: StreamFailure): void {
    if (stream.closed) return;
    this.drop(stream);
    stream.receiver.failed(stream, failure);
  }

  sentEnd(stream: Stream): void {
    // A server that has answered wants no more of the request. Source: RFC 9113, section 8.1.
    if (this.ids.server && !stream.remoteClosed && !stream.closed) this.reset(stream, ErrorCode.NO_ERROR);
    else this.settle(stream);
  }

  /** Drops a stream whose halves have both ended. */
  settle(stream: Stream): void {
    if (stream.remoteClosed && stream.localClosed) this.drop(stream);
  }

  drop(stream: Stream): void {
    if (stream.closed) return;
    stream.closed = true;
    if (stream.working) this.#lingering++;
    else this.headBytes -= stream.headBytes;
    this.#table.delete(stream);
    this.#sending.forget(stream);
    this.#dropped(stream);
  }
}
