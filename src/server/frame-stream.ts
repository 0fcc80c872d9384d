/**
 * A hub's connection over one bidirectional call, whatever wire that is on. Frames are written as they come, without a
 * promise for each, until the wire is full; then the hub is told to wait.
 */
import type { Call } from '../call/call.js';
import { type PushSource, pushes } from '../call/push-source.js';
import { isRpcError, RpcError } from '../call/rpc-error.js';
import type { Connection, Session } from '../subscription/connection.js';
import type { Authorize } from '../subscription/hub/hub-context.js';

/** Frames that wait before the stream is pumped, or while it is read by hand. */
const ahead = 2;

type Result = IteratorResult<Uint8Array>;
const done: Result = { done: true, value: undefined };

/** Serves the stream of one client: frames of bytes in, frames of bytes out. */
export function serveFrames(
  call: Call,
  authorize: Authorize | undefined,
  connect: (connection: Connection) => Session,
): PushSource<Uint8Array> {
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

class FrameStream implements Connection, PushSource<Uint8Array> {
  readonly authorize: Authorize | undefined;
  readonly #call: Call;
  onReturn: () => void = () => {};
  #drained: () => void = () => {};
  readonly #frames: Uint8Array[] = [];
  #full = false;
  #ended = false;
  #error: RpcError | undefined;
  #write: ((frame: Uint8Array) => Promise<void> | undefined) | undefined;
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

  [pushes](write: (frame: Uint8Array) => Promise<void> | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve: () => resolve(), reject };
      this.#write = write;
      const waited = this.#full;
      this.#full = false;
      for (const frame of this.#frames.splice(0)) this.#push(write, frame);
      if (this.#ended) this.#over();
      else if (waited && !this.#full) this.#drained();
    });
  }

  #push(write: (frame: Uint8Array) => Promise<void> | undefined, frame: Uint8Array): void {
    let full: Promise<void> | undefined;
    try {
      full = write(frame);
    } catch (error) {
      // A frame that is too large for the wire.
      this.close(
        isRpcError(error) ? error : new RpcError('INTERNAL', 'a frame could not be written', { cause: error }),
      );
      this.onReturn();
      return;
    }
    if (full === undefined) return;
    this.#full = true;
    full.then(
      () => {
        this.#full = false;
        this.#drained();
      },
      () => this.onReturn(), // the call is over
    );
  }

  send(frame: Uint8Array): void {
    if (this.#ended) return;
    if (this.#write !== undefined) {
      this.#push(this.#write, frame);
      return;
    }
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
    if (this.#waiting !== undefined) this.#over();
  }

  #over(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (this.#error === undefined) waiting?.resolve(done);
    else waiting?.reject(this.#error);
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
