/**
 * Streams that wait rather than work, and that anybody may open: how many there are at once, for the server and for each
 * connection. They cost little each, so that only their number can hurt.
 */

import { ownError } from '../call/own-error.js';
import { countRefusal } from '../call/refusals.js';
import { knownOptions, shown } from '../contract/option-names.js';
import type { Reason } from '../contract/reasons.js';

export interface StreamBounds {
  /** Streams of this service that are open at once. 1,000. */
  readonly maxStreams?: number;
  /** Of those, from one connection. 16. Callers on a unix socket cannot be told apart and count together for the server only. */
  readonly maxStreamsPerPeer?: number;
}

const checkNames = knownOptions<StreamBounds>({ maxStreams: true, maxStreamsPerPeer: true });

/** Throws a TypeError or RangeError that names the option for what cannot be meant. */
export function checkStreamBounds(given: unknown, where: string): void {
  if (given === undefined || typeof given === 'boolean') return;
  checkNames(given, where);
  for (const [name, value] of Object.entries(given as StreamBounds)) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new RangeError(`${where}.${name} is ${shown(value)}; it must be a whole number of at least 1`);
  }
}

export class OpenStreams {
  readonly #what: string;
  readonly #reason: Reason;
  readonly #most: number;
  readonly #mostPerPeer: number;
  readonly #byPeer = new Map<string, number>();
  #open = 0;

  /** `what` is refused with `reason`. */
  constructor(what: string, reason: Reason, { maxStreams = 1_000, maxStreamsPerPeer = 16 }: StreamBounds = {}) {
    this.#what = what;
    this.#reason = reason;
    this.#most = maxStreams;
    this.#mostPerPeer = maxStreamsPerPeer;
  }

  get open(): number {
    return this.#open;
  }

  /** Takes a place for a stream from `peer`, its address, and returns what gives it back. Throws an RpcError when there is none. */
  enter(peer: string): () => void {
    const ofPeer = this.#byPeer.get(peer) ?? 0;
    const shared = peer === '' || peer.startsWith('unix:') || peer === 'memory';
    if (this.#open >= this.#most) this.#refuse(`this server has ${this.#open}`, `maxStreams is ${this.#most}`);
    if (!shared && ofPeer >= this.#mostPerPeer) {
      this.#refuse(`this connection has ${ofPeer}`, `maxStreamsPerPeer is ${this.#mostPerPeer}`);
    }
    this.#open++;
    this.#byPeer.set(peer, ofPeer + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#open--;
      const rest = (this.#byPeer.get(peer) ?? 1) - 1;
      if (rest === 0) this.#byPeer.delete(peer);
      else this.#byPeer.set(peer, rest);
    };
  }

  #refuse(there: string, bound: string): never {
    countRefusal(this.#reason);
    throw ownError(this.#reason, `${there} ${this.#what} open; ${bound}`, {
      code: 'RESOURCE_EXHAUSTED',
      disposition: 'not-executed',
    });
  }
}
