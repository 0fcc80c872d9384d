/**
 * What is held of a topic: the replica that the application sees, the snapshot that is to take its place, and how far each
 * is a state of the topic. A snapshot is staged out of sight, so that nobody sees half of one.
 */
import type {
  SnapshotBegin,
  SnapshotChunk,
  SnapshotEnd,
  Update,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { type Generation, generationFromBytes } from '../generation.js';
import { epochFromBytes, type Position } from '../position.js';
import type { Place } from './chain.js';
import { type Entry, Replica } from './replica.js';
import { SnapshotStage } from './snapshot-stage.js';
import type { SubscriptionSpec } from './spec.js';

/** What a subscription held when its cursor was exported. */
export interface HeldState {
  readonly replica: Replica;
  readonly position: Position;
  /** That owns the newest update in the replica, where that is after the position. */
  readonly aheadGeneration?: Generation | undefined;
  /** By which it was sent. */
  readonly view?: Uint8Array | undefined;
}

export class Contents {
  /** The topic has keys: else nothing is held, and updates pass through. */
  keyed = false;
  readonly #maxKeys: number;
  readonly #maxBytes: number;
  #replica: Replica;
  #stage: SnapshotStage | undefined;
  /** The highest seq in what is held; of a snapshot its position, since a key that it lacks may have been deleted just there. */
  #top = 0;
  /** That owns the highest seq, while that is above the position. */
  topGeneration: Generation | undefined;
  /** What is held is all there is: no gap since the snapshot, or since the start. */
  #whole = true;

  constructor({ maxKeys, maxBytes }: SubscriptionSpec, held: HeldState | undefined) {
    this.#maxKeys = maxKeys;
    this.#maxBytes = maxBytes;
    this.#replica = held?.replica ?? new Replica();
    if (held === undefined) return;
    this.keyed = held.replica.size > 0;
    this.#top = highest(held.replica, held.position.seq);
    this.topGeneration = held.aheadGeneration;
  }

  get replica(): Replica {
    return this.#replica;
  }

  get stage(): SnapshotStage | undefined {
    return this.#stage;
  }

  get top(): number {
    return this.#top;
  }

  get whole(): boolean {
    return this.#whole;
  }

  /** More than the application wants to hold: of what is staged while there is something. */
  get tooLarge(): boolean {
    const { size, bytes } = this.#current;
    return size > this.#maxKeys || bytes > this.#maxBytes;
  }

  get #current(): Replica {
    return this.#stage?.replica ?? this.#replica;
  }

  /** Updates come from `seq`, which what is held does not lead to: of the keys that are older than that none is known. */
  clear(seq: number): void {
    if (this.keyed) this.#replica = new Replica();
    this.#top = 0;
    this.#whole = seq === 0;
  }

  beginSnapshot({ epoch: bytes, at, generation }: SnapshotBegin): string | undefined {
    const epoch = epochFromBytes(bytes);
    if (epoch === undefined) return `the epoch of SnapshotBegin has ${bytes.byteLength} bytes, not 16`;
    if (this.#stage !== undefined) return 'a snapshot began inside another';
    this.#stage = new SnapshotStage(epoch, at, generationFromBytes(generation));
    return undefined;
  }

  addChunk(chunk: SnapshotChunk): string | undefined {
    return this.#stage === undefined ? 'a SnapshotChunk came before SnapshotBegin' : this.#stage.add(chunk);
  }

  /** The stage, once it is whole. */
  endSnapshot(end: SnapshotEnd): SnapshotStage | string {
    if (this.#stage === undefined) return 'a SnapshotEnd came before SnapshotBegin';
    return this.#stage.end(end) ?? this.#stage;
  }

  dropStage(): void {
    this.#stage = undefined;
  }

  /** What was staged takes the place of what was held; answers with that. */
  publish(stage: SnapshotStage, { seq }: Place): Replica {
    const had = this.#replica;
    this.#stage = undefined;
    this.#replica = stage.replica;
    this.#whole = stage.whole;
    this.#top = highest(stage.replica, seq);
    return had;
  }

  /** The entry that the update became, unless it is known already, or nothing is held. */
  apply(update: Update): Entry | undefined {
    if (update.seq > this.#top) this.#top = update.seq;
    return this.keyed ? this.#current.apply(update) : undefined;
  }

  /** Tombstones up to `to` have done their work. */
  forget(to: number): void {
    if (this.keyed) this.#current.forget(to);
  }

  /** There was a gap. */
  lose(): void {
    if (this.#stage === undefined) this.#whole = false;
    else this.#stage.whole = false;
  }
}

function highest(replica: Replica, least: number): number {
  let top = least;
  for (const [, { seq }] of replica.entries()) if (seq > top) top = seq;
  return top;
}
