/**
 * A hub's connection over one bidirectional call, whatever wire that is on. Frames leave as fast as the wire takes them: two
 * may wait here, which keeps a fast wire busy, and then the hub is told to wait.
 */
import type { Call } from '../call/call.js';
import type { RpcError } from '../call/rpc-error.js';
import type { Connection, Session } from '../subscription/connection.js';
import type { Authorize } from '../subscription/hub/hub-context.js';

/** Frames that wait for the wire. */
const ahead = 2;

type Result = IteratorResult<Uint8Array>;
const done: Result = { done: true, value: undefined };

/** Serves the stream of one client: frames of bytes in, frames of bytes out. */
export function serveFrames(
  call: Call,
  authorize: Authorize | undefined,
  connect: (connection: Connection) => Session,
): AsyncIterableIterator<Uint8Array> {
  const stream = new FrameStream(call, authorize);
  const session = connect(stream);
  stream.onReturn = () => session.closed();
  call.onFinish(() => session.closed());
  void receiveAll(call.request as AsyncIterable<Uint8Array>, session, stream);
  return stream;
}

async function receiveAll(frames: AsyncIterable<Uint8Array>, session: Session, stream: FrameStream): Promise<void> {
  try {
    for await (const frame of frames) session.receive(frame);
  } catch {
    // The call has an outcome of its own, or was cancelled; either way there is nobody left to answer.
    session.closed();
  }
  session.closed();
  stream.close();
}

class FrameStream implements Connection, AsyncIterableIterator<Uint8Array> {
  readonly authorize: Authorize | undefined;
  readonly #call: Call;
  onReturn: () => void = () => {};
  #drained: () => void = () => {};
  readonly #frames: Uint8Array[] = [];
  #full = false;
  #ended = false;
  #error: RpcError | undefined;
  #waiting: { resolve(result: Result): void; reject(error: unknown): void } | undefined;

  constructor(call: Call, authorize: Authorize | undefined) {
    this.#call = call;
    this.authorize = authorize;
  }

  get peer(): string {
    return this.#call.peer.address;
  }

  get principal(): string {
    return this.#call.principal;
  }

  get writable(): boolean {
    return !this.#full && !this.#ended;
  }

  onDrain(fn: () => void): void {
    this.#drained = fn;
  }

  send(frame: Uint8Array): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting.resolve({ done: false, value: frame });
      return;
    }
    this.#frames.push(frame);
    this.#full = this.#frames.length >= ahead;
  }

  close(reason?: RpcError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = reason;
    if (reason !== undefined) this.#frames.length = 0;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    if (reason === undefined) waiting.resolve(done);
    else waiting.reject(reason);
  }

  next(): Promise<Result> {
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      if (this.#full) {
        this.#full = false;
        this.#drained();
      }
      return Promise.resolve({ done: false, value: frame });
    }
    if (!this.#ended) {
      return new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
    }
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve(done) : Promise.reject(error);
  }

  return(): Promise<Result> {
    this.#ended = true;
    this.#frames.length = 0;
    this.onReturn();
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
