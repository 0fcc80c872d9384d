/**
 * Finds a peer that is gone without a word. Silence is counted from the last byte that came, to a sixteenth of `time`, whatever
 * calls begin and end meanwhile; a PING is only sent while something is open, since servers forbid others.
 * Source: gRFC A8.
 */
import type { Host } from './byte-pipe.js';

export interface KeepaliveTerms {
  /** ms of silence before a PING. */
  readonly time: number;
  /** ms that its answer may take. */
  readonly timeout: number;
}

export interface KeepaliveWatched {
  /** Grows with everything that comes. */
  readonly heard: number;
  ping(answered: () => void): void;
}

export class Keepalive {
  readonly #host: Host;
  readonly #terms: KeepaliveTerms;
  readonly #watched: KeepaliveWatched;
  readonly #lost: (message: string) => void;
  #heard = 0;
  /** When `#heard` was seen to change last. */
  #heardAt: number;
  #resting = true;
  #cancelTick: (() => void) | undefined;
  #cancelTimeout: (() => void) | undefined;

  constructor(host: Host, terms: KeepaliveTerms, watched: KeepaliveWatched, lost: (message: string) => void) {
    this.#host = host;
    this.#terms = terms;
    this.#watched = watched;
    this.#lost = lost;
    this.#heardAt = host.now();
  }

  /** Something is open. */
  wake(): void {
    this.#resting = false;
    if (this.#cancelTick === undefined) this.#tick();
  }

  /**
   * Nothing is open. A PING that is out is still waited for. The next tick finds it at rest: a timer for each call, where one call
   * follows the other, would cost more than the call's frames.
   */
  rest(): void {
    this.#resting = true;
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#cancelTimeout?.();
  }

  readonly #tick = (): void => {
    if (this.#resting) {
      this.#cancelTick = undefined;
      return;
    }
    const { time } = this.#terms;
    const { heard } = this.#watched;
    const now = this.#host.now();
    if (heard !== this.#heard) {
      this.#heard = heard;
      this.#heardAt = now;
    }
    const left = this.#heardAt + time - now;
    if (left <= 0 && this.#cancelTimeout === undefined) this.#ping();
    const look = time / 16;
    this.#cancelTick = this.#host.setTimer(this.#tick, Math.max(1, left > 0 ? Math.min(left, look) : look));
  };

  #ping(): void {
    const { timeout } = this.#terms;
    this.#cancelTimeout = this.#host.setTimer(() => {
      this.#cancelTimeout = undefined;
      // Anything that came says as much as the answer.
      if (this.#watched.heard === this.#heard) this.#lost(`the peer did not answer a PING within ${timeout} ms`);
    }, timeout);
    this.#watched.ping(() => {
      this.#cancelTimeout?.();
      this.#cancelTimeout = undefined;
    });
  }
}
