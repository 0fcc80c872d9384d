/** What `client.prices.subscribe()` gives: the changes one by one, the current map, and events. A thin face of a Subscriber. */
import type { RpcError } from '../../call/rpc-error.js';
import type { Position } from '../position.js';
import type { Amendment } from './amendment.js';
import type { MalformedUpdate, ReadyEvent, SubscriptionEventHub, SubscriptionEvents } from './events.js';
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
   * under the subscription's name. Confirmed by the event `committed`; told by `commitRefused` where the log is another one by then.
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
  /** What does not decode is left out, and told here; undefined: it fails the subscription. */
  readonly skipped?: ((update: MalformedUpdate) => void) | undefined;
}

/** In the place of a change that does not decode. */
export interface MalformedChange extends MalformedUpdate {
  readonly type: 'malformed';
}

/** The changes of a subscription that skips what does not decode, with that in its place. */
export function withMalformed<T>(subscription: Subscription<T>): AsyncIterable<Change<T> | MalformedChange> {
  if (subscription instanceof OpenSubscription) subscription.giveMalformed();
  return subscription;
}

type Given<T> = Change<T> | MalformedChange;

interface Waiter<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

export class OpenSubscription<T> implements Subscription<T>, AsyncIterator<Change<T>> {
  readonly ready: Promise<ReadyEvent>;
  readonly #subscriber: Subscriber;
  readonly #events: SubscriptionEventHub;
  readonly #decode: SubscriptionInit<T>['decode'];
  readonly #view: ReplicaView<T>;
  readonly #fixed: boolean;
  readonly #skipped: SubscriptionInit<T>['skipped'];
  #waiting: Waiter<Change<T>>[] = [];
  #givesMalformed = false;
  #iterated = false;
  #errorTold = false;

  constructor({ subscriber, events, fixed = false, decode, skipped }: SubscriptionInit<T>) {
    this.#fixed = fixed;
    this.#skipped = skipped;
    this.#subscriber = subscriber;
    this.#events = events;
    this.#decode = decode;
    this.#view = new ReplicaView(
      () => subscriber.replica,
      (key, seq, value) => this.#valueOf(key, seq, value),
    );
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

  /** From now on `next` gives what does not decode as a MalformedChange. */
  giveMalformed(): void {
    this.#givesMalformed = true;
  }

  next(): Promise<IteratorResult<Change<T>>> {
    if (this.#waiting.length === 0 && this.#subscriber.state !== 'Ended') {
      try {
        const value = this.#take();
        if (value !== undefined) return Promise.resolve({ done: false, value });
      } catch (error) {
        this.#undecodable(error);
        return Promise.reject(error);
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
      try {
        // What came before the end is still delivered, but not to an application that ended it.
        const value = this.#subscriber.state === 'Ended' ? undefined : this.#take();
        if (value === undefined && !this.#subscriber.over) return;
        const waiter = this.#waiting.shift();
        if (value === undefined) this.#tellEnd(waiter);
        else waiter?.resolve({ done: false, value });
      } catch (error) {
        const waiter = this.#waiting.shift();
        this.#undecodable(error);
        waiter?.reject(error);
      }
    }
  }

  /** The next change; undefined while there is none. Throws an RpcError for one that does not decode, where none is skipped. */
  #take(): Change<T> | undefined {
    for (;;) {
      const raw = this.#subscriber.takeChange();
      if (raw === undefined) return undefined;
      try {
        return this.#changeOf(raw);
      } catch (error) {
        const malformed = this.#malformed(raw, error);
        this.#skipped?.(malformed);
        // Only `withMalformed` asks for it, and has the type that says so.
        if (this.#givesMalformed) return { ...malformed, type: 'malformed' } satisfies Given<T> as unknown as Change<T>;
      }
    }
  }

  /** Throws the error where malformed updates are not skipped. */
  #malformed(
    { key, seq, epoch, generation, snapshot, value }: Omit<RawChange, 'mergedCount' | 'time' | 'expires'>,
    error: unknown,
  ): MalformedUpdate {
    if (this.#skipped === undefined || value === undefined) throw error;
    return { topic: this.topic, key, seq, epoch, generation, snapshot, value, error: error as RpcError };
  }

  /** For the replica: undefined for what is skipped. */
  #valueOf(key: string, seq: number, value: Uint8Array): T | undefined {
    try {
      return this.#decode(key, seq, value);
    } catch (error) {
      const epoch = this.position?.epoch ?? '';
      this.#skipped?.(this.#malformed({ key, seq, epoch, generation: undefined, snapshot: true, value }, error));
      return undefined;
    }
  }

  /** `decode` throws nothing but an RpcError. */
  #undecodable(error: unknown): void {
    this.#errorTold = true;
    this.#subscriber.dispatch('fail', error as RpcError);
  }

  #tellEnd(waiter: Waiter<Change<T>> | undefined): void {
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
