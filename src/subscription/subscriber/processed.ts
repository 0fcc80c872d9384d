/**
 * How far the application says that it has processed, and how far the server has kept that under the durable name. Said
 * again on every connection until it is confirmed: a commit that was lost would have the next process begin too early.
 */
import type { CommitOk } from '../../../gen/hawser/subscription/v1/subscription.js';
import { type Position, positionFromWire, positionToWire } from '../position.js';
import type { Sent } from './host.js';

export class Processed {
  #asked: Position | undefined;
  #kept: Position | undefined;

  /** What the server has confirmed. */
  get kept(): Position | undefined {
    return this.#kept;
  }

  ask(position: Position): void {
    this.#asked = position;
  }

  /** What the server is still to be told. */
  frame(sub: number): Sent | undefined {
    if (this.#asked === undefined) return undefined;
    return { $case: 'commit', value: { sub, position: positionToWire(this.#asked) } };
  }

  /** What is kept now; undefined when the answer names no position. */
  confirm({ position }: CommitOk): Position | undefined {
    const kept = position && positionFromWire(position);
    if (kept === undefined) return undefined;
    this.#kept = kept;
    const asked = this.#asked;
    if (asked?.epoch === kept.epoch && asked.seq <= kept.seq) this.#asked = undefined;
    return this.#kept;
  }
}
