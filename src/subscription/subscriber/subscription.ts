/** What `client.prices.subscribe()` gives: the changes one by one, the current map, and events. A thin face of a Subscriber. */
import type { RpcError } from '../../call/rpc-error.js';
import type { Position } from '../position.js';
import type { Amendment } from './amendment.js';
import type { ReadyEvent, SubscriptionEventHub, SubscriptionEvents } from './events.js';
import type { RawChange } from './feed.js';
import { ReplicaView } from './replica-view.js';
import type { Subscriber } from './subscriber.js';
import type { State } from './table.js';

/** One change of a topic. */
export type Change<T> = {
  /** Empty where the topic has no keys. */
  readonly key: string;
  readonly seq: number;
  readonly epoch: string;
  /** The run of the server that appended it; undefined where updates are conflated, and in a snapshot. */
  readonly generation: string | undefined;
  /** How many updates of the log this one stands for; 0 for a part of a snapshot. */
  readonly mergedCount: number;
  /** When it was published, ms since the Unix epoch. It orders nothing. */
  readonly time: number;
  /** Part of a state that takes the place of what was there before, rather than an update. */
  readonly snapshot: boolean;
} & ({ readonly type: 'set'; readonly value: T } | { readonly type: 'delete'; readonly value: undefined });

export interface SubscriptionStats {
  /** Updates of the log that are in the changes so far, those that stand for several counted as such. */
  readonly represented: number;
  /** Updates that were conflated away or filtered on purpose. */
  readonly skipped: number;
  /** Updates that were lost, and announced as lost. */
  readonly gapped: number;
}

/**
 * Iterate it for the changes, once; `break` ends it. A reader that does not keep up gives no credit, so the server conflates
 * or waits, and nothing piles up here.
 */
export interface Subscription<T> extends AsyncIterable<Change<T>>, AsyncDisposable {
  readonly topic: string;
  readonly state: State;
  /** How far it is; undefined before it has begun. */
  readonly position: Position | undefined;
  /** Updates of the log between the position and the newest one that the server spoke of. */
  readonly lag: number;
  readonly stats: SubscriptionStats;
  /** What is held is exactly the topic's state at `position`. */
  readonly consistent: boolean;
  /** Resolves when what is held is complete for the first time; rejects when the subscription fails or ends before. */
  readonly ready: Promise<ReadyEvent>;
  /** The newest value of each key: live, and never a part of a snapshot. Empty for a topic without keys. */
  replica(): ReadonlyMap<string, T>;
  /** Calls `fn` on every event of that name; returns what removes it. Throws a TypeError for an event that does not exist. */
  on<K extends keyof SubscriptionEvents>(name: K, fn: (event: SubscriptionEvents[K]) => void): () => void;
  /**
   * Everything up to `position` is processed; by default up to the last change that was taken. The server keeps it
   * under the subscription's name. Confirmed by the event `committed`.
   */
  commit(position?: Position): void;
  /** Throws a TypeError over Thrift, where a subscription is polled: end it and subscribe again. */
  amend(change: Amendment): void;
  pause(): void;
  resume(): void;
  /** Ends it; a reader sees the end. */
  unsubscribe(): void;
}

export interface SubscriptionInit<T> {
  readonly subscriber: Subscriber;
  readonly events: SubscriptionEventHub;
  /** What it asked for cannot be changed: it is polled. */
  readonly fixed?: boolean;
  /** Throws an RpcError. */
  readonly decode: (key: string, seq: number, value: Uint8Array) => T;
}

export class OpenSubscription<T> implements Subscription<T>, AsyncIterator<Change<T>> {
  readonly ready: Promise<ReadyEvent>;
  readonly #subscriber: Subscriber;
  readonly #events: SubscriptionEventHub;
  readonly #decode: SubscriptionInit<T>['decode'];
  readonly #view: ReplicaView<T>;
  readonly #fixed: boolean;
  #waiting: { resolve(result: IteratorResult<Change<T>>): void; reject(error: unknown): void }[] = [];
  #iterated = false;
  #errorTold = false;

  constructor({ subscriber, events, fixed = false, decode }: SubscriptionInit<T>) {
    this.#fixed = fixed;
    this.#subscriber = subscriber;
    this.#events = events;
    this.#decode = decode;
    this.#view = new ReplicaView(() => subscriber.replica, decode);
    subscriber.feed.onReadable = () => this.#serve();
    this.ready = new Promise((resolve, reject) => {
      events.on('ready', resolve);
      events.on('end', ({ error }) => {
        reject(error ?? new Error(`the subscription to ${this.topic} was ended before it was ready`));
        this.#serve();
      });
    });
    this.ready.catch(() => {}); // for whoever awaits it; nobody has to
  }

  get topic(): string {
    return this.#subscriber.spec.topic;
  }

  get state(): State {
    return this.#subscriber.state;
  }

  get position(): Position | undefined {
    return this.#subscriber.position;
  }

  get lag(): number {
    return this.#subscriber.head - (this.#subscriber.position?.seq ?? 0);
  }

  get stats(): SubscriptionStats {
    return { ...this.#subscriber.accounting.total };
  }

  get consistent(): boolean {
    return this.#subscriber.consistent;
  }

  replica(): ReadonlyMap<string, T> {
    return this.#view;
  }

  on<K extends keyof SubscriptionEvents>(name: K, fn: (event: SubscriptionEvents[K]) => void): () => void {
    return this.#events.on(name, fn);
  }

  commit(position: Position | undefined = this.#subscriber.feed.cursor): void {
    if (position !== undefined) this.#subscriber.commit(position);
  }

  amend(change: Amendment): void {
    if (this.#fixed) {
      throw new TypeError(`${this.topic} is polled over Thrift, and cannot be amended; end it and subscribe again`);
    }
    this.#subscriber.amend(change);
  }

  pause(): void {
    this.#subscriber.dispatch('pause', undefined);
  }

  resume(): void {
    this.#subscriber.dispatch('resume', undefined);
  }

  unsubscribe(): void {
    this.#subscriber.dispatch('end', undefined);
  }

  next(): Promise<IteratorResult<Change<T>>> {
    if (this.#waiting.length === 0 && this.#subscriber.state !== 'Ended') {
      const raw = this.#subscriber.takeChange();
      if (raw !== undefined) {
        try {
          return Promise.resolve({ done: false, value: this.#changeOf(raw) });
        } catch (error) {
          this.#undecodable(error);
          return Promise.reject(error);
        }
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<IteratorResult<Change<T>>> {
    this.unsubscribe();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<Change<T>> {
    if (this.#iterated)
      throw new TypeError(`the changes of ${this.topic} are read already; subscribe again for a second reader`);
    if (!this.#subscriber.spec.changes) {
      throw new TypeError(
        `this subscription to ${this.topic} was made with { changes: false }; use replica() and its events`,
      );
    }
    this.#iterated = true;
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.unsubscribe();
    return Promise.resolve();
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      // What came before the end is still delivered, but not to one who ended it.
      const raw = this.#subscriber.state === 'Ended' ? undefined : this.#subscriber.takeChange();
      if (raw === undefined && !this.#subscriber.over) return;
      const waiter = this.#waiting.shift();
      if (raw === undefined) this.#tellEnd(waiter);
      else this.#tell(waiter, raw);
    }
  }

  #tell(
    waiter: { resolve(result: IteratorResult<Change<T>>): void; reject(error: unknown): void } | undefined,
    raw: RawChange,
  ): void {
    try {
      waiter?.resolve({ done: false, value: this.#changeOf(raw) });
    } catch (error) {
      this.#undecodable(error);
      waiter?.reject(error);
    }
  }

  /** `decode` throws nothing but an RpcError. */
  #undecodable(error: unknown): void {
    this.#errorTold = true;
    this.#subscriber.dispatch('fail', error as RpcError);
  }

  #tellEnd(
    waiter: { resolve(result: IteratorResult<Change<T>>): void; reject(error: unknown): void } | undefined,
  ): void {
    const { error } = this.#subscriber;
    if (error === undefined || this.#errorTold) waiter?.resolve({ done: true, value: undefined });
    else {
      this.#errorTold = true;
      waiter?.reject(error);
    }
  }

  #changeOf({ key, seq, epoch, generation, mergedCount, time, snapshot, value }: RawChange): Change<T> {
    return value === undefined
      ? { key, seq, epoch, generation, mergedCount, time, snapshot, type: 'delete', value: undefined }
      : { key, seq, epoch, generation, mergedCount, time, snapshot, type: 'set', value: this.#decode(key, seq, value) };
  }
}
