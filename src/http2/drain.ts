/**
 * Ends a connection without losing a call: new streams are refused, and it closes when the open ones are over. A server first
 * says that it will, and refuses from a round trip later on, so that no request that was on its way is lost.
 * Source: RFC 9113, section 6.8.
 */
import type { Host } from './byte-pipe.js';
import { ErrorCode } from './error-code.js';
import { lastStreamId } from './frame.js';
import type { FrameWriter } from './frame-writer.js';
import type { LiveStreams } from './live-streams.js';

/** ms that the round trip may take. */
const roundTripMs = 1_000;

export interface Drained {
  readonly closed: boolean;
  ping(answered: () => void): void;
}

export class Drain {
  readonly #connection: Drained;
  readonly #host: Host;
  readonly #live: LiveStreams;
  readonly #frames: FrameWriter;
  readonly #endWhenEmpty: () => void;
  started = false;
  /** The connection is over as soon as no stream is open. */
  refuses = false;

  constructor(connection: Drained, host: Host, live: LiveStreams, frames: FrameWriter, endWhenEmpty: () => void) {
    this.#connection = connection;
    this.#host = host;
    this.#live = live;
    this.#frames = frames;
    this.#endWhenEmpty = endWhenEmpty;
  }

  start(): void {
    if (this.started) return;
    this.started = true;
    if (!this.#live.ids.server) {
      this.#frames.goAway(0, ErrorCode.NO_ERROR, '');
      this.#refuse();
      return;
    }
    this.#frames.goAway(lastStreamId, ErrorCode.NO_ERROR, '');
    const refuse = (): void => {
      cancel();
      if (this.refuses || this.#connection.closed) return;
      const { ids } = this.#live;
      ids.lastAcceptedId = ids.lastPeerId;
      this.#frames.goAway(ids.lastPeerId, ErrorCode.NO_ERROR, '');
      this.#refuse();
    };
    const cancel = this.#host.setTimer(refuse, roundTripMs);
    this.#connection.ping(refuse);
  }

  #refuse(): void {
    this.refuses = true;
    this.#endWhenEmpty();
  }
}
