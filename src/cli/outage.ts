/**
 * What `hawser subscribe` does while there is no connection: it says so, once and whenever the cause changes, and gives up after
 * `--timeout`. A subscription itself tries for ever, which to somebody at a terminal looks like a topic without news.
 */
import type { RpcError } from '../call/rpc-error.js';
import type { Subscription } from '../subscription/subscriber/subscription.js';
import { answerPatience } from './connection.js';

export interface OutageTerms {
  readonly address: string;
  /** ms without a connection after which it gives up; undefined tries for ever. */
  readonly timeout: number | undefined;
  /** On standard error. */
  readonly say: (sentence: string) => void;
  /** The connection of a subscription that had begun is lost. */
  readonly lost: (error: RpcError | undefined) => void;
}

const longestTimer = 2 ** 31 - 1;

export class Outage {
  readonly #subscription: Subscription<unknown>;
  readonly #terms: OutageTerms;
  #timers: NodeJS.Timeout[] = [];
  /** The cause that was told last. */
  #told: string | undefined;
  #cause: RpcError | undefined;
  /** Why the subscription was given up. */
  error: Error | undefined;

  constructor(subscription: Subscription<unknown>, terms: OutageTerms) {
    this.#subscription = subscription;
    this.#terms = terms;
    subscription.on('stale', ({ error }) => this.#failed(error));
    subscription.on('state', () => this.#look());
    subscription.on('end', () => this.#over());
    this.#look();
  }

  #look(): void {
    const { state } = this.#subscription;
    // A poll is asked for before it is known whether somebody listens, so Requested is no connection yet.
    if (state !== 'Stale' && state !== 'Requested' && state !== 'Broken') this.#over();
    else if (this.#timers.length === 0) {
      const { timeout } = this.#terms;
      this.#timers = [setTimeout(() => this.#wait(), answerPatience)];
      if (timeout !== undefined) this.#timers.push(setTimeout(() => this.#giveUp(), Math.min(timeout, longestTimer)));
    }
  }

  #over(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#told = undefined;
    this.#cause = undefined;
  }

  #failed(error: RpcError | undefined): void {
    this.#cause = error;
    const { position } = this.#subscription;
    const cause = causeOf(error);
    if (cause === this.#told) return;
    this.#told = cause;
    if (position !== undefined) this.#terms.lost(error);
    else this.#terms.say(`${this.#terms.address} is not reached: ${cause}; ${this.#goingOn()}`);
  }

  #wait(): void {
    if (this.#told === undefined) {
      this.#told = '';
      this.#terms.say(`${this.#terms.address} has not answered yet; ${this.#goingOn()}`);
    }
  }

  #giveUp(): void {
    const cause = this.#cause === undefined ? 'no answer came' : causeOf(this.#cause);
    this.error = new Error(`${this.#terms.address} was not reached within ${this.#terms.timeout} ms: ${cause}`);
    this.#subscription.unsubscribe();
  }

  #goingOn(): string {
    const { timeout } = this.#terms;
    return timeout === undefined
      ? 'trying on (Ctrl-C ends it, --timeout bounds it)'
      : `trying for ${timeout} ms in all`;
  }
}

/** Without the time of the next try, which always differs. */
function causeOf(error: RpcError | undefined): string {
  if (error === undefined) return 'the server ended the connection';
  return `${error.code}: ${error.message.replace(/; the next try is in .*$/, '')} (${error.reason})`;
}
