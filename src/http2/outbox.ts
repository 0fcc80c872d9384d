/**
 * What a connection is about to send. Frames of one turn of the event loop leave in one write, and the next write waits until
 * that one is taken: what is put in meanwhile stays here, where it is counted. Small things are copied into a chunk that frames
 * share; large ones are sent from where they are.
 */
import type { BytePipe, Host } from './byte-pipe.js';

/** Chunks of one size between uses, of all connections. */
class Spares {
  readonly bytes: number;
  readonly #most: number;
  readonly #chunks: Uint8Array[] = [];

  constructor(bytes: number, most: number) {
    this.bytes = bytes;
    this.#most = most;
  }

  take(host: Host): Uint8Array {
    return this.#chunks.pop() ?? host.allocate(this.bytes);
  }

  give(chunk: Uint8Array): void {
    if (this.#chunks.length < this.#most) this.#chunks.push(chunk);
  }
}

/** For a connection that sent little in the turn before, of which a process has thousands. */
const small = new Spares(2_048, 128);
const large = new Spares(65_536, 16);

export class Outbox {
  readonly #pipe: BytePipe;
  readonly #host: Host;
  /** Where frames are written; undefined while there is nothing to send. */
  chunk: Uint8Array | undefined;
  /** End of what is written in `chunk`. */
  at = 0;
  /** What has been put in since the last flush and does not stand in `chunk` after `#cutAt`. */
  #sealed: Uint8Array[] = [];
  #sealedBytes = 0;
  #cutAt = 0;
  #full: Uint8Array[] = [];
  /** What the last write had. */
  #lastBytes = 0;
  #inFlight: Uint8Array[] = [];
  #inFlightBytes = 0;
  #scheduled = false;
  #closed = false;
  /** Counts writes that were taken: no change means no progress. */
  taken = 0;

  readonly #onWrite: () => void;

  constructor(pipe: BytePipe, host: Host, onWrite: () => void) {
    this.#pipe = pipe;
    this.#host = host;
    this.#onWrite = onWrite;
  }

  /** Bytes that the operating system has not taken yet. */
  get bytes(): number {
    return this.#inFlightBytes + this.#sealedBytes + (this.chunk === undefined ? 0 : this.at - this.#cutAt);
  }

  get writing(): boolean {
    return this.#inFlightBytes > 0;
  }

  /** Makes room for `bytes` in `chunk`, and returns where. Whoever writes there moves `at`. */
  reserve(bytes: number): number {
    const { chunk } = this;
    if (chunk === undefined) this.#take(bytes);
    else if (chunk.length - this.at < bytes) {
      this.#retire(chunk);
      this.#take(bytes);
    }
    if (!this.#scheduled) this.#schedule();
    return this.at;
  }

  copy(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    (this.chunk as Uint8Array).set(bytes, at);
    this.at = at + bytes.length;
  }

  /** Sends `bytes` from where they are: they must not change until they are taken. */
  reference(bytes: Uint8Array): void {
    this.#cut();
    this.#sealed.push(bytes);
    this.#sealedBytes += bytes.length;
    if (!this.#scheduled) this.#schedule();
  }

  /** Hands over what there is, unless a write is still in flight. */
  readonly flush = (): void => {
    if (this.writing || this.#closed) return;
    this.#scheduled = false;
    const { chunk } = this;
    if (chunk !== undefined) this.#retire(chunk);
    const chunks = this.#sealed;
    if (chunks.length === 0) return;
    this.#inFlight = this.#full;
    this.#inFlightBytes = this.#sealedBytes;
    this.#lastBytes = this.#sealedBytes;
    this.#full = [];
    this.#sealed = [];
    this.#sealedBytes = 0;
    this.#pipe.write(chunks);
    this.#onWrite();
  };

  /** The pipe took the write that was in flight. */
  written(): void {
    this.taken++;
    this.#inFlightBytes = 0;
    for (const chunk of this.#inFlight) {
      if (chunk.length === large.bytes) large.give(chunk);
      else if (chunk.length === small.bytes) small.give(chunk);
    }
    this.#inFlight = [];
    if (this.#scheduled) this.flush();
  }

  close(): void {
    this.#closed = true;
    this.chunk = undefined;
    this.#sealed = [];
    this.#sealedBytes = 0;
    this.#full = [];
  }

  #schedule(): void {
    this.#scheduled = true;
    if (!this.writing) this.#host.defer(this.flush);
  }

  #take(bytes: number): void {
    // A second chunk of one turn is a large one.
    const modest = this.#full.length === 0 && this.#lastBytes <= small.bytes && bytes <= small.bytes;
    if (modest) this.chunk = small.take(this.#host);
    else this.chunk = bytes <= large.bytes ? large.take(this.#host) : this.#host.allocate(bytes);
    this.at = 0;
    this.#cutAt = 0;
  }

  /** What stands in the chunk becomes a piece of its own; the rest of the chunk stays in use. */
  #cut(): void {
    if (this.chunk === undefined || this.at === this.#cutAt) return;
    this.#sealed.push(this.chunk.subarray(this.#cutAt, this.at));
    this.#sealedBytes += this.at - this.#cutAt;
    this.#cutAt = this.at;
  }

  #retire(chunk: Uint8Array): void {
    this.#cut();
    this.#full.push(chunk);
    this.chunk = undefined;
  }
}
