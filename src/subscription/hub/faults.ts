/**
 * Errors that nobody expected, thrown while the hub serves its subscribers: by a store, a merge, a codec, a connection. Each is
 * logged and counted here, and ends the one subscription or connection that met it; it never leaves the turn that serves others.
 */
import type { Logger } from '../../call/logger.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';

export interface Fault {
  /** Empty where it is not about one topic. */
  readonly topic: string;
  readonly error: unknown;
}

/** An update of a log that is no message of its topic, and is left out of what the server makes of the log. */
export interface Malformed {
  readonly topic: string;
  readonly key: string;
  readonly seq: number;
  readonly value: Uint8Array;
  readonly error: unknown;
}

export class Faults {
  readonly #logger: Logger;
  readonly #told: ((fault: Fault) => void) | undefined;
  readonly #skipped: ((update: Malformed) => void) | undefined;
  #count = 0;

  /** `skipped`: updates that do not decode are left out, and told there; undefined: they end the reader that meets them. */
  constructor(logger: Logger, told: ((fault: Fault) => void) | undefined, skipped?: (update: Malformed) => void) {
    this.#logger = logger;
    this.#told = told;
    this.#skipped = skipped;
  }

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  /** Never throws, whatever the logger and the listener do. */
  report(error: unknown, topic: string, what: string): void {
    this.#count += 1;
    attempt(() => this.#logger.error({ err: error, ...(topic === '' ? {} : { topic }) }, what));
    attempt(() => this.#told?.({ topic, error }));
  }

  get skipsMalformed(): boolean {
    return this.#skipped !== undefined;
  }

  /** Never throws, as `report`. */
  skip(update: Malformed): void {
    const { topic, key, seq, error } = update;
    attempt(() => this.#logger.error({ err: error, topic, key, seq }, 'an update that does not decode was skipped'));
    attempt(() => this.#skipped?.(update));
  }

  /** Runs `fn`; what it throws is reported. */
  guard(topic: string, what: string, fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.report(error, topic, what);
    }
  }
}

/** For a connection that ends by a fault: its cause is for the log alone. */
export function brokenConnection(cause: unknown): RpcError {
  return ownError('CONNECTION_FAULT', 'the server failed on this connection; connect again', { cause });
}

function attempt(fn: () => void): void {
  try {
    fn();
  } catch {
    // There is nobody left to tell.
  }
}
