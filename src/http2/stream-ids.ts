/**
 * Which ids were used, by which side, and how: what a frame of a stream that is not open means depends on it.
 * Source: RFC 9113, sections 5.1 and 5.1.1.
 */
import { lastStreamId } from './frame.js';

/** Streams that we reset lately: what still comes on them was sent before the peer knew. */
const rememberedResets = 1_024;
/** Jumps of the peer's ids that are told from closed streams. */
const rememberedJumps = 32;

export class StreamIds {
  /** Our own role. */
  readonly server: boolean;
  #resets: Set<number> | undefined;
  readonly #jumps: (readonly [after: number, before: number])[] = [];
  #next: number;
  /** The highest id that the peer has opened. */
  lastPeerId = 0;
  /** Streams of the peer above it are refused in silence: our GOAWAY has said so. */
  lastAcceptedId = lastStreamId;

  constructor(server: boolean) {
    this.server = server;
    this.#next = server ? 2 : 1;
  }

  get exhausted(): boolean {
    return this.#next > lastStreamId;
  }

  /** An id for a stream of ours. */
  take(): number {
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** Whether a stream with this id was never opened. */
  isIdle(id: number): boolean {
    const ours = (id & 1) === (this.server ? 0 : 1);
    if (ours) return id >= this.#next;
    return !this.server || id > this.lastPeerId;
  }

  /** The peer opens a stream with an id above all of its own. */
  opened(id: number): void {
    if (id > this.lastPeerId + 2 && this.#jumps.length < rememberedJumps) this.#jumps.push([this.lastPeerId, id]);
    this.lastPeerId = id;
  }

  /** Whether the peer jumped over this id, and so closed it without a use. */
  skipped(id: number): boolean {
    return this.#jumps.some(([after, before]) => id > after && id < before);
  }

  reset(id: number): void {
    this.#resets ??= new Set();
    if (this.#resets.size >= rememberedResets) this.#resets.delete(this.#resets.values().next().value as number);
    this.#resets.add(id);
  }

  wasReset(id: number): boolean {
    return this.#resets?.has(id) === true;
  }
}
