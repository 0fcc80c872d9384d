/**
 * What one Thrift connection may cost, on either side. A peer is believed about a size only
 * after it has been compared with one of these, and memory grows with what has arrived, never with
 * what was announced. What stands inside a message is bounded by the codec's own limits.
 */
import { processBudget } from '../../contract/heap-limit.js';
import { knownOptions, shown } from '../../contract/option-names.js';

export interface ConnectionLimits {
  /** Bytes of a frame without its length field, sent or received; also of a payload once decompressed. 16,000,000. */
  readonly maxFrameBytes: number;
  /** Bytes of a THeader block. 65,536. The format itself ends at 262,140. */
  readonly maxHeaderBytes: number;
  /** Key-value pairs in a THeader block. 128. */
  readonly maxHeaders: number;
  /** Calls in flight on one connection: above it a server reads no further, and a client uses another connection or waits. 128. */
  readonly maxInFlight: number;
  /** ms without a byte after which a frame that was begun is given up, with its connection. 10,000. */
  readonly frameTimeoutMs: number;
  /** ms that a whole frame may take to arrive. 300,000. */
  readonly wholeFrameMs: number;
  /** Bytes a second that a frame must come with, once it has taken `frameTimeoutMs`. 1,024. */
  readonly minFrameRate: number;
  /** Messages that a server takes from one connection in a turn of the event loop; then the others have theirs. 128. */
  readonly maxPerTurn: number;
  /** Bytes of the requests in flight on one connection above which a server reads no further. 67,108,864. */
  readonly maxInFlightBytes: number;
  /** Bytes waiting to be sent above which a connection takes on nothing new. 1,048,576. */
  readonly outputHighWater: number;
  /** Bytes waiting to be sent at which a server gives up a connection whose peer does not read. 67,108,864. */
  readonly maxOutputBytes: number;
  /**
   * Bytes that all connections of a server hold, received and not answered or waiting to be sent: above it the connection that
   * holds most is closed. Half of the heap's limit, at most 1,073,741,824.
   */
  readonly maxServerBytes: number;
  /** ms without a call after which a connection is closed; 3,600,000. */
  readonly idleMs: number;
  /** ms that calls in flight get after the peer has closed its sending side. 10,000. */
  readonly halfCloseMs: number;
}

export const defaultLimits: ConnectionLimits = Object.freeze({
  maxFrameBytes: 16_000_000,
  maxHeaderBytes: 65_536,
  maxHeaders: 128,
  maxInFlight: 128,
  frameTimeoutMs: 10_000,
  wholeFrameMs: 300_000,
  minFrameRate: 1_024,
  maxPerTurn: 128,
  maxInFlightBytes: 67_108_864,
  outputHighWater: 1_048_576,
  maxOutputBytes: 67_108_864,
  maxServerBytes: Math.min(1_073_741_824, 2 * processBudget()),
  idleMs: 3_600_000,
  halfCloseMs: 10_000,
});

const checkNames = knownOptions<ConnectionLimits>({
  maxFrameBytes: true,
  maxHeaderBytes: true,
  maxHeaders: true,
  maxInFlight: true,
  frameTimeoutMs: true,
  wholeFrameMs: true,
  minFrameRate: true,
  maxPerTurn: true,
  maxInFlightBytes: true,
  maxServerBytes: true,
  outputHighWater: true,
  maxOutputBytes: true,
  idleMs: true,
  halfCloseMs: true,
});

/** THeader frames end below this length; the format's own limit. */
const hardMaxFrameBytes = 0x3fff_ffff;

/** Throws a RangeError for a limit that is not a whole number of at least 1, a TypeError for a name that is none. */
export function resolveLimits(given: Partial<ConnectionLimits> = {}): ConnectionLimits {
  checkNames(given, 'thrift.limits');
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const most = name === 'maxFrameBytes' ? hardMaxFrameBytes : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < 1 || value > most) {
      throw new RangeError(`the limit ${name} is ${shown(value)}; it must be a whole number from 1 to ${most}`);
    }
  }
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.freeze({ ...defaultLimits, ...Object.fromEntries(set) });
}
