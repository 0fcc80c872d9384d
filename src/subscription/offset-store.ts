/**
 * The port of databases that a topic can be consumed into: how far a consumer is stands beside what it wrote, and both change
 * in one transaction.
 */
import type { Position } from './position.js';
import type { Awaitable } from './topic-store.js';

export interface OffsetStore<Tx> {
  /** Runs `work` in a transaction: all of it commits or nothing. Rejects with what `work` threw, or UNAVAILABLE. */
  transact<T>(work: (tx: Tx) => Promise<T> | T, beforeCommit: () => void): Promise<T>;
  readonly offsets: Offsets<Tx>;
}

export interface Offsets<Tx> {
  /** Up to where the consumer has processed the topic. */
  find(tx: Tx, consumer: string, topic: string): Awaitable<Position | undefined>;
  /**
   * Moves the consumer on, and keeps others from moving it until the transaction ends. False, and nothing is changed, when it
   * is not at `from` (undefined: it has none): somebody else consumes under that name.
   */
  move(tx: Tx, consumer: string, topic: string, from: Position | undefined, to: Position): Awaitable<boolean>;
}
