/**
 * How far a subscriber says it has processed a topic, by the name it chose: where it goes on when it comes back under that
 * name and does not say. In this process only; who is silent longest is forgotten first.
 */
import type { Position } from '../../../gen/hawser/subscription/v1/subscription.js';
import { generationBytes } from '../generation.js';
import { epochBytes } from '../position.js';

const most = 10_000;

export class Commits {
  readonly #positions = new Map<string, Position>();

  get(principal: string, name: string, topic: string): Position | undefined {
    return name === '' ? undefined : this.#positions.get(keyOf(principal, name, topic));
  }

  /** Without a name there is nothing to come back under, and nothing is kept. */
  set(principal: string, name: string, topic: string, position: Position): void {
    if (name === '' || name.length > 1024) return;
    const key = keyOf(principal, name, topic);
    this.#positions.delete(key);
    this.#positions.set(key, {
      epoch: copied(position.epoch, epochBytes),
      seq: position.seq,
      generation: position.generation && copied(position.generation, generationBytes),
    });
    if (this.#positions.size > most) this.#positions.delete(this.#positions.keys().next().value as string);
  }

  drop(principal: string, name: string, topic: string): void {
    this.#positions.delete(keyOf(principal, name, topic));
  }
}

function keyOf(principal: string, name: string, topic: string): string {
  return JSON.stringify([principal, name, topic]);
}

/** Not a view, which would keep the whole frame. */
function copied(bytes: Uint8Array, most: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, most));
}
