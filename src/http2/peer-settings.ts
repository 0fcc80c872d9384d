/** What the peer has said of itself. Source: RFC 9113, section 6.5.2. */
import { ConnectionError, ErrorCode, protocolError } from './error-code.js';
import { largestFrameSize, largestWindow, Setting } from './frame.js';
import { Nuisance, type NuisanceBudget } from './limits.js';
import type { LiveStreams } from './live-streams.js';
import type { Sending } from './sending.js';

export class PeerSettings {
  readonly #server: boolean;
  readonly #sending: Sending;
  readonly #live: LiveStreams;
  readonly #nuisance: NuisanceBudget;
  /** Streams that it takes at a time. */
  maxStreams = 100;
  /** Bytes of a header list that it takes. */
  maxHeaderList = Number.POSITIVE_INFINITY;

  /** `server`: our own role. */
  constructor(server: boolean, sending: Sending, live: LiveStreams, nuisance: NuisanceBudget) {
    this.#server = server;
    this.#sending = sending;
    this.#live = live;
    this.#nuisance = nuisance;
  }

  apply(setting: number, value: number): void {
    switch (setting) {
      case Setting.HEADER_TABLE_SIZE:
        this.#sending.setTableSize(value);
        return;
      case Setting.ENABLE_PUSH:
        if (value > 1 || (value === 1 && !this.#server)) {
          throw protocolError('ENABLE_PUSH has a value that it cannot have');
        }
        return;
      case Setting.MAX_CONCURRENT_STREAMS:
        this.maxStreams = value;
        return;
      case Setting.INITIAL_WINDOW_SIZE:
        this.#setInitialWindow(value);
        return;
      case Setting.MAX_FRAME_SIZE:
        if (value < 16_384 || value > largestFrameSize) throw protocolError('MAX_FRAME_SIZE is out of range');
        this.#sending.setMaxFrameSize(value);
        return;
      case Setting.MAX_HEADER_LIST_SIZE:
        this.maxHeaderList = value;
    }
  }

  #setInitialWindow(value: number): void {
    if (value > largestWindow) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE is larger than 2^31-1');
    }
    if (value === this.#sending.initialWindow) return;
    // Every stream is visited, so the change costs what there is to visit.
    this.#nuisance.spend(this.#live.size * Nuisance.windowOfStream);
    this.#sending.setInitialWindow(value, this.#live.all());
  }
}
