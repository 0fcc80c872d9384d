/**
 * Processing each update of a topic exactly once: what the handler writes and how far the consumer is commit in one
 * transaction, so after a crash it goes on with the first update whose effect is not there. The server keeps nothing for it.
 */
import { type Clock, systemClock } from '../call/clock.js';
import { CommitHooks } from '../call/commit-hooks.js';
import { inTransaction, outsideCalls } from '../call/current.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import { isOwn, ownError } from '../call/own-error.js';
import type { RpcError } from '../call/rpc-error.js';
import { abortSignal, clock, func, logger, oneOf } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import type { OffsetStore } from './offset-store.js';
import type { Position } from './position.js';
import type { MalformedUpdate } from './subscriber/events.js';
import type { SubscribeOptions } from './subscriber/options.js';
import { type Change, type Subscription, withMalformed } from './subscriber/subscription.js';

/** What `client.prices` is: a method that declares a topic. */
export interface Subscribable<Request, T> {
  subscribe(request: Request, options: SubscribeOptions): Subscription<T>;
}

export interface ConsumeOptions<Request, Tx> {
  /** Where the effects go, and how far the consumer is: `sqliteStore(path)` or `postgresStore(pool)`. */
  readonly store: OffsetStore<Tx>;
  /** The topic's parameters, and `keys`; all when left out. */
  readonly request?: Request;
  /** Where a consumer begins that the store does not know: `oldest` (the default) is as far as the log reaches back. */
  readonly from?: 'oldest' | 'head';
  /**
   * What happens when the log does not reach back any more to where the consumer is: `fail` (the default), or a function that is
   * told of the updates after `from` up to `to`, which are lost, and the consumer goes on behind them.
   */
  readonly gap?: 'fail' | ((gap: { readonly from: number; readonly to: number }) => void);
  /**
   * What happens at an update that does not decode: `stop` (the default) ends the consumer with INTERNAL (`RESPONSE_MALFORMED`), and
   * again at each start; `skip` moves on behind it. Each one is logged as an error, counted, and given to `onSkipped`.
   */
  readonly onMalformed?: 'stop' | 'skip';
  /**
   * Only with `onMalformed: 'skip'`: is told of each update that is skipped, in the transaction that moves behind it, so that its bytes
   * can be kept exactly once. When it throws, that is rolled back and the consumer ends with its error.
   */
  readonly onSkipped?: (update: MalformedUpdate, tx: Tx) => Promise<void> | void;
  /** Stops the consumer. */
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface Consumer extends AsyncDisposable {
  /** Up to where the effects have committed; undefined before the first. */
  readonly position: Position | undefined;
  /** Resolves when the consumer was stopped; rejects with what made it fail: its handler's error, or an RpcError. */
  readonly done: Promise<void>;
  /** Lets the handler that runs come to its end and commit; then resolves. */
  stop(): Promise<void>;
}

const checkNames = knownOptions<ConsumeOptions<unknown, unknown>>({
  store: true,
  request: true,
  from: true,
  gap: true,
  onMalformed: oneOf('stop', 'skip'),
  onSkipped: func,
  signal: abortSignal,
  logger,
  clock,
});

/** ms between two tries when the database failed: first, and at most. */
const pauses = { first: 50, most: 5_000 };
/** Updates of a log, when all are wanted. */
const asMany = 2 ** 31 - 1;

/**
 * Calls `handler` with each update of `topic`, one after another in the order of the log, each in a transaction of its own.
 * When the handler throws, its transaction is rolled back and the consumer ends with that error. When the database fails,
 * the update is tried again for as long as it takes. `name` is 1 to 200 printable ASCII characters; one consumer runs under
 * it at a time, and a second one makes one of the two fail (ABORTED, `CONSUMER_FENCED`).
 *
 * Ends with ABORTED (`EPOCH_CHANGED`) when the log is another one, and with the server's refusal (`UNRECOVERABLE`) when it
 * does not reach back to the position. Throws a TypeError for what cannot be meant.
 *
 * @example
 * const ledger = consume(client.watchTrades, 'ledger', async ({ value }, tx) => {
 *   tx.prepare('UPDATE totals SET pounds = pounds + ?').run(value.pounds);
 * }, { store: sqliteStore('ledger.db') });
 * await ledger.done;
 */
export function consume<Request, T, Tx>(
  topic: Subscribable<Request, T>,
  name: string,
  handler: (update: Change<T>, tx: Tx) => Promise<void> | void,
  options: ConsumeOptions<Request, Tx>,
): Consumer {
  if (typeof topic?.subscribe !== 'function') {
    throw new TypeError('consume takes a method of a client that declares a topic, such as client.watchPrices');
  }
  if (typeof name !== 'string' || !/^[\x20-\x7e]{1,200}$/.test(name)) {
    throw new TypeError(`the name of a consumer is ${JSON.stringify(name)}; it is 1 to 200 printable ASCII characters`);
  }
  if (typeof handler !== 'function') throw new TypeError(`consume calls a function, not ${typeof handler}`);
  checkNames(options, 'consume', '');
  if (typeof options.store?.offsets?.move !== 'function') {
    throw new TypeError(
      "the option store of consume is sqliteStore('ledger.db') or postgresStore(pool): effect and position commit together there",
    );
  }
  const { from = 'oldest', gap = 'fail' } = options;
  if (from !== 'oldest' && from !== 'head') {
    throw new TypeError(`from is ${JSON.stringify(from)}; it is "oldest" or "head"`);
  }
  if (gap !== 'fail' && typeof gap !== 'function') throw new TypeError('gap is "fail" or a function');
  if (options.onSkipped !== undefined && options.onMalformed !== 'skip') {
    throw new TypeError(
      "onSkipped is told of what onMalformed: 'skip' leaves out; say that too, or leave onSkipped out",
    );
  }
  return outsideCalls(() => new Consuming(topic, name, handler, options));
}

class Consuming<Request, T, Tx> implements Consumer {
  readonly done: Promise<void>;
  readonly #topic: Subscribable<Request, T>;
  readonly #name: string;
  readonly #handler: (update: Change<T>, tx: Tx) => Promise<void> | void;
  readonly #options: ConsumeOptions<Request, Tx>;
  readonly #clock: Clock;
  #position: Position | undefined;
  #subscription: Subscription<T> | undefined;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(
    topic: Subscribable<Request, T>,
    name: string,
    handler: (update: Change<T>, tx: Tx) => Promise<void> | void,
    options: ConsumeOptions<Request, Tx>,
  ) {
    this.#topic = topic;
    this.#name = name;
    this.#handler = handler;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { signal, logger = stderrLogger } = options;
    const stop = (): void => this.#stop();
    if (signal?.aborted === true) this.#stopped = true;
    else signal?.addEventListener('abort', stop, { once: true });
    this.done = this.#run().finally(() => {
      signal?.removeEventListener('abort', stop);
      this.#subscription?.unsubscribe();
    });
    this.done.catch((error: unknown) => logger.error({ err: error, consumer: name }, 'a consumer has stopped'));
  }

  get position(): Position | undefined {
    return this.#position;
  }

  async stop(): Promise<void> {
    this.#stop();
    await this.done.catch(() => {}); // whoever wants to know why asks `done`
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #stop(): void {
    this.#stopped = true;
    this.#wake();
    this.#subscription?.unsubscribe();
  }

  async #run(): Promise<void> {
    const { from = 'oldest', gap = 'fail', onMalformed = 'stop', onSkipped } = this.#options;
    const request = (this.#options.request ?? {}) as Request;
    // A subscription that is over before it begins knows the topic's name, and connects to nobody.
    const { topic } = this.#topic.subscribe(request, { signal: AbortSignal.abort() });
    this.#position = await this.#find(topic);
    if (this.#stopped) return;
    const subscription = this.#topic.subscribe(request, {
      from: this.#position === undefined ? (from === 'head' ? from : { last: asMany }) : { position: this.#position },
      mode: 'EVERY',
      // EVERY never conflates, and what becomes of one that is too far behind follows from `accept`: over Thrift nothing else
      // can be asked for.
      accept: gap === 'fail' ? ['REPLAY'] : ['REPLAY', 'GAP'],
      onMalformed,
    });
    this.#subscription = subscription;
    let reset = false;
    subscription.on('reset', () => {
      reset = true;
      subscription.unsubscribe();
    });
    if (gap !== 'fail') subscription.on('gap', gap);
    if (from === 'head' && this.#position === undefined) {
      // Else one that crashes before its first update would begin at a later head.
      const { position } = await subscription.ready;
      await this.#moveTo(topic, position, async () => {});
    }
    for await (const change of withMalformed(subscription)) {
      if (this.#stopped) return;
      const { epoch, seq, generation, snapshot } = change;
      if (snapshot || epoch !== (this.#position?.epoch ?? epoch)) throw epochChanged(topic, this.#position);
      await this.#moveTo(topic, { epoch, seq, generation }, async (tx) => {
        if (change.type === 'malformed') await onSkipped?.(change, tx);
        else await this.#handler(change, tx);
      });
    }
    if (reset) throw epochChanged(topic, this.#position);
  }

  /** Runs `work` and moves on, together; again and again while it is the database that fails. */
  async #moveTo(topic: string, to: Position, work: (tx: Tx) => Promise<void>): Promise<void> {
    const { store } = this.#options;
    for (let pause = pauses.first; ; pause = Math.min(pause * 2, pauses.most)) {
      // What the handler publishes to topics that the transaction does not reach.
      let commit = new CommitHooks();
      let done = false;
      try {
        await store.transact(
          async (tx) => {
            // First, so that of two consumers the second finds out before it has any effect.
            if (!(await store.offsets.move(tx, this.#name, topic, this.#position, to))) throw fenced(this.#name, topic);
            commit.rolledBack(); // the store may run it again
            commit = new CommitHooks();
            await inTransaction({ tx, commit }, () => work(tx));
          },
          () => commit.check(),
        );
        done = true;
      } catch (error) {
        if (!isStoreFailure(error) || this.#stopped) throw error;
        await this.#pause(pause);
        // A commit that went unanswered may have happened.
        const now = await this.#find(topic);
        done = now?.epoch === to.epoch && now.seq === to.seq && now.generation === to.generation;
      } finally {
        if (!done) commit.rolledBack();
      }
      if (!done) continue;
      await commit.committed();
      break;
    }
    this.#position = to;
  }

  async #find(topic: string): Promise<Position | undefined> {
    const { store } = this.#options;
    for (let pause = pauses.first; ; pause = Math.min(pause * 2, pauses.most)) {
      try {
        return await store.transact(
          async (tx) => store.offsets.find(tx, this.#name, topic),
          () => {},
        );
      } catch (error) {
        if (!isStoreFailure(error) || this.#stopped) throw error;
        await this.#pause(pause);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(resolve, ms);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** The database failed, and may come back. */
function isStoreFailure(error: unknown): boolean {
  return isOwn(error, 'STORE_UNAVAILABLE') || isOwn(error, 'STORE_BUSY');
}

function fenced(name: string, topic: string): RpcError {
  return ownError(
    'CONSUMER_FENCED',
    `another consumer runs under the name ${name} and has moved on in ${topic}; run one at a time, or give each a name of its own`,
    { disposition: 'not-executed' },
  );
}

function epochChanged(topic: string, position: Position | undefined): RpcError {
  return ownError(
    'EPOCH_CHANGED',
    `the log of ${topic} is another one than the consumer has read up to ${position?.seq ?? 0}, or was put back to before that; what it derived from the old one is void: begin anew under another name`,
    { disposition: 'not-executed' },
  );
}
