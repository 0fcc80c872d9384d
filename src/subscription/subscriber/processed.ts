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

  /** What was confirmed is of a history that is gone. */
  forget(): void {
    this.#kept = undefined;
  }

  /** What the server is still to be told. */
  frame(sub: number): Sent | undefined {
    if (this.#asked === undefined) return undefined;
    return { $case: 'commit', value: { sub, position: positionToWire(this.#asked) } };
  }

  /** It is in no log that the topic has now, so it is not said again. */
  refuse(position: Position): void {
    const asked = this.#asked;
    if (asked?.epoch !== position.epoch || asked.seq !== position.seq) return;
    if (asked.generation === position.generation) this.#asked = undefined;
  }

  /** What is kept now; undefined when the answer names no position. */
  confirm({ position }: CommitOk): Position | undefined {
    const kept = position && positionFromWire(position);
    if (kept === undefined) return undefined;
    this.#kept = kept;
    if (this.#asked !== undefined && covers(kept, this.#asked)) this.#asked = undefined;
    return this.#kept;
  }
}

/** Numbers of two histories do not compare, so what is kept of another one confirms nothing. */
function covers(kept: Position, asked: Position): boolean {
  if (kept.epoch !== asked.epoch || kept.seq < asked.seq) return false;
  return kept.generation === asked.generation || kept.generation === undefined;
}
