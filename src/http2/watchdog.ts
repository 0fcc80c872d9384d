/** The times that a peer has: for the handshake, for a header block, for reading what was sent to it. */
import type { Host } from './byte-pipe.js';
import { ErrorCode } from './error-code.js';
import type { ConnectionLimits } from './limits.js';

/** Bytes in the hands of the operating system, and how many writes it has taken: no change means no progress. */
export interface WriteProgress {
  readonly writing: boolean;
  readonly taken: number;
}

const nothing = (): void => {};

export class Watchdog {
  readonly #host: Host;
  readonly #limits: ConnectionLimits;
  readonly #writes: WriteProgress;
  readonly #fail: (code: number, message: string) => void;
  #cancelHandshake = nothing;
  #cancelBlock = nothing;
  #cancelStall: (() => void) | undefined;
  #takenBefore = 0;

  constructor(
    host: Host,
    limits: ConnectionLimits,
    writes: WriteProgress,
    fail: (code: number, message: string) => void,
  ) {
    this.#host = host;
    this.#limits = limits;
    this.#writes = writes;
    this.#fail = fail;
  }

  start(): void {
    const { handshakeTimeout } = this.#limits;
    this.#cancelHandshake = this.#host.setTimer(() => {
      const text = `the peer did not finish the handshake of HTTP/2 within ${handshakeTimeout} ms`;
      this.#fail(ErrorCode.SETTINGS_TIMEOUT, text);
    }, handshakeTimeout);
  }

  /** The peer has acknowledged our SETTINGS, so it has sent its own, too. */
  shookHands(): void {
    this.#cancelHandshake();
    this.#cancelHandshake = nothing;
  }

  headerBlock(open: boolean): void {
    this.#cancelBlock();
    this.#cancelBlock = nothing;
    if (!open) return;
    const { headerBlockTimeout } = this.#limits;
    this.#cancelBlock = this.#host.setTimer(() => {
      this.#fail(ErrorCode.ENHANCE_YOUR_CALM, `a header block did not end within ${headerBlockTimeout} ms`);
    }, headerBlockTimeout);
  }

  /** A write is in flight. One timer serves all writes: it looks again and again while there are any. */
  wrote(): void {
    if (this.#cancelStall !== undefined) return;
    this.#takenBefore = this.#writes.taken;
    const { stallTimeout } = this.#limits;
    this.#cancelStall = this.#host.setTimer(() => {
      this.#cancelStall = undefined;
      if (!this.#writes.writing) return;
      if (this.#writes.taken !== this.#takenBefore) this.wrote();
      else this.#fail(ErrorCode.ENHANCE_YOUR_CALM, `the peer has read nothing for ${stallTimeout} ms`);
    }, stallTimeout);
  }

  stop(): void {
    this.#cancelHandshake();
    this.#cancelBlock();
    this.#cancelStall?.();
  }
}
