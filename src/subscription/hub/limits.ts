/** What bounds a hub, and what each bound is when nobody says otherwise. */

export interface HubLimits {
  /** Subscriptions on one connection; 1,000 by default. */
  readonly maxSubscriptions: number;
  /** Keys that one subscription may name; 10,000 by default. */
  readonly maxKeys: number;
  /**
   * Topics at work in all; 10,000 by default. One that is empty and not read goes by itself, and one that its store keeps goes when
   * another needs its place.
   */
  readonly maxTopics: number;
  /**
   * Of these, topics that only peers hold, by reading them or as clients that publish: the rest is kept for what the server publishes.
   * Three quarters of `maxTopics` by default.
   */
  readonly maxPeerTopics: number;
  /**
   * Topics that one peer reads, or has made by publishing, at once: a principal, or all callers from one address where nothing
   * establishes who they are. Half of `maxTopics` by default, and 16 at least.
   */
  readonly maxTopicsPerCaller: number;
  /** Subscriptions of one caller on all its connections, where `maxTopicsPerCaller` says which callers are one; 20,000 by default. */
  readonly maxSubscriptionsPerCaller: number;
  /** Keys that the subscriptions of one caller name; 200,000 by default. A key counts once more for each 128 bytes that it has. */
  readonly maxKeysPerCaller: number;
  /** Bytes of one frame of a client; 1 MiB by default. */
  readonly maxFrameBytes: number;
  /** Items in one frame of a client; 10,000 by default. */
  readonly maxFrameItems: number;
  /** Bytes of one value that is published; 1 MiB by default. */
  readonly maxValueBytes: number;
  /** Updates of one atomic group; 1,000 by default. */
  readonly maxGroup: number;
  /** Bytes of answers, other than updates, that wait for a client that does not read; 256 KiB by default. */
  readonly maxWaitingBytes: number;
  /** Questions to `authorize` about one connection that are asked at once, before others wait; 16 by default. */
  readonly maxQuestions: number;
  /** Publications of one connection whose answer is outstanding; 1,000 by default. */
  readonly maxPublishing: number;
  /**
   * Updates that are sent again, at most, to a subscriber that accepts CONFLATED or a snapshot instead, and that a plain Thrift
   * call is answered with; 1,000,000 by default. All others are sent whatever the log holds.
   */
  readonly maxReplay: number;
  /** Bytes that a frame to a client aims at; 32 KiB by default. */
  readonly frameBytes: number;
  /**
   * Bytes of a frame to a client at most, however large an update is: a subscriber that meets more is ended with
   * `UPDATE_TOO_LARGE`. 4,000,000 by default, as gRPC clients refuse messages above 4 MiB.
   */
  readonly maxMessageBytes: number;
  /** ms of one turn of sending, after which others get to run; 4 by default. */
  readonly sliceMs: number;
  /** ms at most between two signs of life; 15,000 by default. */
  readonly heartbeatMs: number;
  /** ms that a client gives beyond a heartbeat; 5,000 by default. */
  readonly slackMs: number;
  /** ms after which a connection that takes nothing is ended; 60,000 by default. */
  readonly stallMs: number;
  /** ms over which clients come back after the server said that it goes; 5,000 by default. */
  readonly goAwayWindowMs: number;
}

export const defaultLimits: HubLimits = {
  maxSubscriptions: 1000,
  maxKeys: 10_000,
  maxTopics: 10_000,
  maxPeerTopics: 7_500,
  maxTopicsPerCaller: 5_000,
  maxSubscriptionsPerCaller: 20_000,
  maxKeysPerCaller: 200_000,
  maxFrameBytes: 1 << 20,
  maxFrameItems: 10_000,
  maxValueBytes: 1 << 20,
  maxGroup: 1000,
  maxWaitingBytes: 256 * 1024,
  maxQuestions: 16,
  maxPublishing: 1000,
  maxReplay: 1_000_000,
  frameBytes: 32 * 1024,
  maxMessageBytes: 4_000_000,
  sliceMs: 4,
  heartbeatMs: 15_000,
  slackMs: 5000,
  stallMs: 60_000,
  goAwayWindowMs: 5000,
};

/** Bytes of a key, in a filter or in what is published. */
export const maxKeyBytes = 1024;

/** Throws a RangeError that names the limit. */
export function hubLimits(given?: Partial<HubLimits>): HubLimits {
  const limits = limitsOf(defaultLimits, given);
  const { maxTopics } = limits;
  const {
    maxPeerTopics = Math.max(1, maxTopics - Math.floor(maxTopics / 4)),
    maxTopicsPerCaller = Math.max(16, Math.ceil(maxTopics / 2)),
  } = given ?? {};
  return { ...limits, maxPeerTopics, maxTopicsPerCaller };
}

/** Throws a RangeError that names the limit. */
export function limitsOf<L extends object>(defaults: L, given: Partial<L> = {}): L {
  const limits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Object.hasOwn(defaults, name)) {
      throw new RangeError(
        `there is no limit ${JSON.stringify(name)}; the limits are ${Object.keys(defaults).join(', ')}`,
      );
    }
    if (!Number.isSafeInteger(value) || value < 1 || value > 2 ** 31 - 1) {
      throw new RangeError(`${name} is ${value}; it must be a whole number from 1 to ${2 ** 31 - 1}`);
    }
  }
  return limits;
}
