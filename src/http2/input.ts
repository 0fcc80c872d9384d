/**
 * What comes over the pipe, a bounded slice in each turn of the event loop: one connection that floods leaves turns to the others.
 * While the connection has to wait for its own output, nothing is read.
 */
import type { BytePipe, Host } from './byte-pipe.js';
import type { FrameReader } from './frame-reader.js';

/** Work of one turn; another connection's input comes between two. */
const workPerTurn = 512;

export interface InputOwner {
  /** Whether nothing may be read for now. `Input.goOn` must follow. */
  mustWait(): boolean;
  /** Reading failed; the owner calls `Input.stop`. */
  broken(error: unknown): void;
}

export class Input {
  readonly #pipe: BytePipe;
  readonly #host: Host;
  readonly #reader: FrameReader;
  readonly #owner: InputOwner;
  /** Chunks that wait for the next turn, the first from `#at` on. */
  readonly #held: Uint8Array[] = [];
  #at = 0;
  #paused = false;
  #scheduled = false;
  #stopped = false;

  constructor(pipe: BytePipe, host: Host, reader: FrameReader, owner: InputOwner) {
    this.#pipe = pipe;
    this.#host = host;
    this.#reader = reader;
    this.#owner = owner;
  }

  take(bytes: Uint8Array): void {
    if (this.#stopped) return;
    if (this.#held.length > 0) {
      this.#held.push(bytes);
      return;
    }
    const at = this.#read(bytes, 0);
    if (this.#stopped) return;
    if (at < bytes.length) {
      this.#held.push(bytes);
      this.#at = at;
      this.#pause();
      this.#later();
    } else if (this.#owner.mustWait()) this.#pause();
  }

  /** There may be no reason to wait any more. */
  goOn(): void {
    if (!this.#paused || this.#stopped || this.#owner.mustWait()) return;
    if (this.#held.length > 0) this.#later();
    else this.#resume();
  }

  /** Reads nothing more; what comes is thrown away. */
  stop(): void {
    this.#stopped = true;
    this.#reader.stop();
    this.#held.length = 0;
    this.#resume();
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    const first = this.#held[0];
    if (first === undefined || this.#owner.mustWait()) return;
    const at = this.#read(first, this.#at);
    if (this.#stopped) return;
    this.#at = at;
    if (at >= first.length) {
      this.#held.shift();
      this.#at = 0;
    }
    this.goOn();
  };

  #read(bytes: Uint8Array, from: number): number {
    try {
      return this.#reader.read(bytes, from, bytes.length, workPerTurn);
    } catch (error) {
      this.#owner.broken(error);
      return bytes.length;
    }
  }

  #later(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#host.defer(this.#turn);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#pipe.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pipe.resume();
  }
}
