/**
 * What a peer may make one connection hold or do. Each is an option with a default that honest peers do not meet; docs/security.md
 * lists them with their tests.
 */
import { ConnectionError, ErrorCode } from './error-code.js';

export interface ConnectionLimits {
  /** Streams that the peer may have open, those whose work still runs after a reset included. */
  readonly maxConcurrentStreams: number;
  /** Bytes of one stream that may come before its application has taken them. */
  readonly streamWindow: number;
  /** The same for all streams of the connection together. */
  readonly connectionWindow: number;
  /** Bytes of one frame's payload. */
  readonly maxFrameSize: number;
  /** Bytes of a header list, decoded, with 32 for each field. */
  readonly maxHeaderListSize: number;
  /** Bytes of the header lists of all open streams together, counted as above: their application may keep them as long as it works. */
  readonly maxHeldHeaders: number;
  /** CONTINUATION frames of one header block, each of `maxFrameSize` at most. */
  readonly maxContinuations: number;
  /** Bytes in the outbox before a server reads no further requests. */
  readonly unsentBeforePause: number;
  /** Bytes that wait for the peer's windows or its reading: from half of it on requests are refused, above it nothing is added. */
  readonly maxUnsent: number;
  /** Weight of frames in a second that cost us and bring nothing. */
  readonly nuisancePerSecond: number;
  /** ms for preface, SETTINGS and their acknowledgement. */
  readonly handshakeTimeout: number;
  /** ms from the start of a header block to its end. */
  readonly headerBlockTimeout: number;
  /** ms without any progress of bytes that wait for the peer to read. */
  readonly stallTimeout: number;
}

export const defaultLimits: ConnectionLimits = {
  maxConcurrentStreams: 1_000,
  streamWindow: 1 << 20,
  connectionWindow: 1 << 24,
  maxFrameSize: 16_384,
  maxHeaderListSize: 65_536,
  maxHeldHeaders: 1 << 22,
  maxContinuations: 16,
  unsentBeforePause: 1 << 20,
  maxUnsent: 1 << 26,
  nuisancePerSecond: 10_000,
  handshakeTimeout: 10_000,
  headerBlockTimeout: 10_000,
  stallTimeout: 30_000,
};

/** What each nuisance weighs. PINGs and WINDOW_UPDATEs as such weigh nothing: grpc-go sends one of each per read. */
export const Nuisance = {
  unknownFrame: 1,
  priority: 1,
  /** And one more for each setting. */
  settings: 5,
  emptyData: 10,
  /** DATA that is smaller than the prefix of a message. */
  tinyData: 1,
  /** DATA of a stream that is closed: some may have been on its way. */
  uselessData: 1,
  uselessHeaders: 5,
  /** An acknowledgement of SETTINGS, or of a PING that was not sent. */
  uselessAck: 1,
  /** A response with 1xx: gRPC has no use for any. */
  interim: 20,
  goAway: 50,
  /** A change of the initial window, for each stream that is open. */
  windowOfStream: 1 / 64,
  /** An increment below 64 for a stream that has bytes to send. */
  dribble: 5,
  /** A PING while earlier acknowledgements are not taken. */
  unreadAck: 20,
  /** A reset by the peer, or one that it provoked. */
  reset: 4,
  refused: 10,
  headersTooLarge: 200,
} as const;

/** A budget of nuisances that is whole again after each second. */
export class NuisanceBudget {
  readonly #perSecond: number;
  readonly #now: () => number;
  #spent = 0;
  #since = 0;

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Throws a ConnectionError once the budget of this second is spent. */
  spend(weight: number): void {
    this.#spent += weight;
    if (this.#spent <= this.#perSecond) return;
    const now = this.#now();
    if (now - this.#since < 1_000) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that cost much and bring nothing');
    }
    this.#since = now;
    this.#spent = weight;
  }
}
