/**
 * How far a subscriber says it has processed a topic, by the name it chose: where it goes on when it comes back under that
 * name and does not say. In this process only. Of each caller the one that is silent longest is forgotten first, and no caller has
 * more than a share of the room, so that one who makes up names costs nobody else a place.
 */
import type { Position } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Owner } from '../../call/owner.js';
import { generationBytes } from '../generation.js';
import { epochBytes } from '../position.js';

/** Of all callers, and of one. */
const most = 10_000;
const share = 1_000;

interface Kept {
  readonly position: Position;
  readonly owner: Owner;
}

export class Commits {
  /** In the order of their commits. */
  readonly #kept = new Map<string, Kept>();
  readonly #owned = new Map<Owner, Set<string>>();

  get(principal: string, name: string, topic: string): Position | undefined {
    return name === '' ? undefined : this.#kept.get(keyOf(principal, name, topic))?.position;
  }

  /** Without a name there is nothing to come back under, and nothing is kept. `owner`: whose share of the room it takes. */
  set(principal: string, owner: Owner, name: string, topic: string, position: Position): void {
    if (name === '' || name.length > 1024) return;
    const key = keyOf(principal, name, topic);
    this.#forget(key);
    this.#kept.set(key, {
      position: {
        epoch: copied(position.epoch, epochBytes),
        seq: position.seq,
        generation: position.generation && copied(position.generation, generationBytes),
      },
      owner,
    });
    let owned = this.#owned.get(owner);
    if (owned === undefined) {
      owned = new Set();
      this.#owned.set(owner, owned);
    }
    owned.add(key);
    if (owned.size > share) this.#forget(owned.values().next().value as string);
    else if (this.#kept.size > most) this.#forget(this.#kept.keys().next().value as string);
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    const owned = this.#owned.get(kept.owner);
    owned?.delete(key);
    if (owned?.size === 0) this.#owned.delete(kept.owner);
  }
}

function keyOf(principal: string, name: string, topic: string): string {
  return JSON.stringify([principal, name, topic]);
}

/** Not a view, which would keep the whole frame. */
function copied(bytes: Uint8Array, most: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, most));
}
