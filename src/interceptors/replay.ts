/**
 * The requests of a stream, kept so that another attempt can send them again: as bytes, because the caller
 * may reuse its objects, and bounded, because a stream is not. Past the bound, or once the server has
 * answered, nothing is kept any more and messages go straight through.
 * Rule: gRFC A6, "Memory Management (Buffering)".
 */
import type { Call } from '../call/call.js';
import { type Source, tellReturned } from '../call/pump.js';

/** Bytes of requests that one call keeps. */
export const replayLimit = 1024 * 1024;
/** An empty message takes memory too. */
const overhead = 64;

/** A request that was sent before. */
class Sent {
  constructor(readonly bytes: Uint8Array) {}
}

type Pulled = IteratorResult<unknown>;

export class Replay {
  readonly #outer: Call;
  readonly #source: AsyncIterator<unknown> | Iterator<unknown>;
  readonly #onOverflow: () => void;
  #sent: Sent[] = [];
  #bytes = 0;
  /** The next of `#sent` for the attempt that runs. */
  #position = 0;
  /** Taken from the caller and not sent yet: the attempt ended in between. */
  #unsent: Pulled | undefined;
  #pull: Promise<Pulled> | undefined;
  #keeps = true;
  #closed = false;

  /** `onOverflow`: the requests no longer fit, so the call has to be content with the attempt that it has. */
  constructor(outer: Call, source: Source<unknown>, onOverflow: () => void) {
    this.#outer = outer;
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    this.#onOverflow = onOverflow;
  }

  /** Makes `attempt` send all requests, from the first. Only one attempt may run. */
  feed(attempt: Call): void {
    this.#position = 0;
    attempt.encodeItem = (message) => (message instanceof Sent ? message.bytes : this.#encode(message));
    const iterator: AsyncIterator<unknown> = {
      next: () => this.#next(),
      return: () => {
        // Before the answer the attempt has ended, the call has not: the caller's iterator goes on.
        if (!this.#keeps) this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    attempt.request = { [Symbol.asyncIterator]: () => iterator };
  }

  /** No further attempt will want the requests. */
  release(): void {
    this.#keeps = false;
  }

  /** The call is over: the caller's iterator is told, unless it has ended itself. */
  close(): void {
    this.#keeps = false;
    this.#sent = [];
    if (this.#closed) return;
    this.#closed = true;
    tellReturned(this.#source);
  }

  #next(): Promise<Pulled> {
    const again = this.#sent[this.#position];
    if (again !== undefined) {
      this.#position += 1;
      return Promise.resolve({ done: false, value: again });
    }
    if (!this.#keeps && this.#sent.length > 0) {
      this.#sent = [];
      this.#position = 0;
    }
    if (this.#unsent !== undefined) return Promise.resolve(this.#unsent);
    // Nothing is kept: no promise of our own on any message.
    if (!this.#keeps && this.#pull === undefined) return Promise.resolve(this.#source.next());
    this.#pull ??= this.#take();
    return this.#pull;
  }

  async #take(): Promise<Pulled> {
    try {
      const pulled = await this.#source.next();
      if (pulled.done === true) this.#closed = true;
      this.#unsent = pulled;
      return pulled;
    } catch (error) {
      this.#closed = true;
      throw error;
    } finally {
      this.#pull = undefined;
    }
  }

  #encode(message: unknown): Uint8Array {
    this.#unsent = undefined;
    const bytes = this.#outer.encodeItem(message);
    if (!this.#keeps) return bytes;
    this.#sent.push(new Sent(bytes));
    this.#position = this.#sent.length;
    this.#bytes += bytes.byteLength + overhead;
    if (this.#bytes > replayLimit) this.#onOverflow();
    return bytes;
  }
}
