/**
 * Where the addresses of a client come from: given once, asked of a function, or looked up in DNS. What changes is
 * asked for again when an address fails or sends its connections away, because that is when servers have moved or others have
 * come. A second after the last question at the soonest; while nothing changes, questions grow rarer, to one in 30 seconds,
 * because a server that is down is no reason to storm the resolver. A question that comes too early is asked later, not dropped.
 */
import { lookup } from 'node:dns/promises';
import type { Clock, TimerHandle } from '../call/clock.js';
import type { Logger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import type { ClientTransport } from '../call/transport.js';

/** What a client can connect to, by name. */
export type Targets = ReadonlyMap<string, () => ClientTransport>;

export interface AddressSource {
  /** `fn` gets the addresses, now if they are known, and whenever they change. Called once, by the balancer. */
  follow(fn: (targets: Targets) => void): void;
  /** Resolves once there are addresses. Rejects with an RpcError that says why there are none. */
  first(): Promise<void>;
  /** Something failed, or a connection is gone: the addresses may have changed. */
  refresh(): void;
  close(): void;
}

export function fixedAddresses(targets: Targets): AddressSource {
  return { follow: (fn) => fn(targets), first: () => Promise.resolve(), refresh: () => {}, close: () => {} };
}

/** ms between two questions: after one whose answer was news, doubled after each that was none, and after one that failed. */
const leastInterval = 1_000;
const mostInterval = 30_000;
/** ms; a question without an answer after this counts as failed. */
const patience = 20_000;

export interface ResolverInit {
  /** For messages: `dns:///market:50051`. */
  readonly name: string;
  readonly ask: () => Promise<Targets>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ResolvedAddresses implements AddressSource {
  readonly #init: ResolverInit;
  #fn: ((targets: Targets) => void) | undefined;
  #known = false;
  #asking: Promise<void> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #interval = leastInterval;
  #names: readonly string[] = [];
  /** Cancels the question that is to come. */
  #cancelNext: TimerHandle | undefined;
  #lastError: RpcError | undefined;
  #closed = false;

  constructor(init: ResolverInit) {
    this.#init = init;
  }

  follow(fn: (targets: Targets) => void): void {
    this.#fn = fn;
  }

  /** Without addresses every call may ask, but for a failure that is a second old at most. */
  first(): Promise<void> {
    if (this.#known) return Promise.resolve();
    if (this.#asking !== undefined) return this.#asking;
    if (this.#lastError !== undefined && this.#init.clock.now() - this.#askedAt < 1_000) {
      return Promise.reject(this.#lastError);
    }
    return this.#ask();
  }

  refresh(): void {
    if (this.#closed || this.#asking !== undefined || this.#cancelNext !== undefined) return;
    const { clock } = this.#init;
    const wait = this.#askedAt + this.#interval - clock.now();
    if (wait <= 0) {
      this.#askAgain();
      return;
    }
    this.#cancelNext = clock.setTimer(() => this.#askAgain(), wait);
    this.#cancelNext.hold?.(false);
  }

  #askAgain(): void {
    this.#cancelNext = undefined;
    this.#ask().catch((error: unknown) => {
      this.#init.logger.warn(
        { err: error },
        `the addresses of ${this.#init.name} were not found; the old ones are kept`,
      );
    });
  }

  close(): void {
    this.#closed = true;
    this.#cancelNext?.();
    this.#fn = undefined;
  }

  #ask(): Promise<void> {
    const { clock, ask } = this.#init;
    this.#askedAt = clock.now();
    this.#asking = new Promise((resolve, reject) => {
      // An answer that comes after it was given up is not taken for that to the next question.
      let over = false;
      const end = (): void => {
        over = true;
        cancel();
        this.#asking = undefined;
      };
      const cancel = clock.setTimer(() => fail(new Error(`no answer within ${patience / 1000} s`)), patience);
      const fail = (error: unknown): void => {
        if (over) return;
        end();
        this.#interval = mostInterval;
        this.#lastError = this.#failure(error);
        reject(this.#lastError);
      };
      new Promise<Targets>((answer) => answer(ask()))
        .then((targets) => {
          if (over) return;
          if (targets.size === 0) throw new Error('it gave no address');
          // Throws where one cannot be connected to; then they are not known.
          this.#fn?.(targets);
          end();
          this.#heard([...targets.keys()]);
          this.#known = true;
          this.#lastError = undefined;
          resolve();
        })
        .catch(fail);
    });
    // Whoever waits hears of it; a refresh that nobody waits for must not end the process.
    this.#asking.catch(() => {});
    return this.#asking;
  }

  #heard(names: readonly string[]): void {
    const before = new Set(this.#names);
    const news = names.length !== before.size || names.some((name) => !before.has(name));
    this.#names = names;
    this.#interval = news ? leastInterval : Math.min(2 * this.#interval, mostInterval);
  }

  #failure(error: unknown): RpcError {
    if (isRpcError(error)) return error;
    const why = error instanceof Error ? error.message : String(error);
    return ownError('UNRESOLVED', `the addresses of ${this.#init.name} were not found: ${why}`, {
      disposition: 'not-executed',
      cause: error,
    });
  }
}

/** Looks a name up as the system does, /etc/hosts included: `['10.0.0.1:443', '[2001:db8::1]:443']`. */
export type DnsLookup = (name: string, port: number) => Promise<readonly string[]>;

export const systemLookup: DnsLookup = async (name, port) => {
  const found = await lookup(name, { all: true, order: 'verbatim' });
  const hosts = new Set(found.map(({ address, family }) => (family === 6 ? `[${address}]` : address)));
  return [...hosts].map((host) => `${host}:${port}`);
};
