/**
 * The receiving end of a stream: a transport pushes, one consumer pulls. Bounded by telling the
 * producer when to pause; items that came before an error are delivered before it.
 */
import { type AtOnce, atOnce } from './at-once.js';

export interface InboxOptions {
  /** Items held before `push` answers false. */
  readonly highWater?: number;
  /** The consumer has made room after a `push` that answered false. */
  readonly onDrain?: () => void;
  /** The consumer stopped early (`break`, `return()`); called at most once, never after the end. */
  readonly onReturn?: () => void;
}

type Waiter<T> = { resolve(result: IteratorResult<T>): void; reject(error: unknown): void };

export class Inbox<T> implements AsyncIterableIterator<T>, AtOnce<T> {
  #items: T[] = [];
  #head = 0;
  #waiters: Waiter<T>[] = [];
  #ended = false;
  #error: unknown;
  #failed = false;
  #paused = false;
  readonly #highWater: number;
  readonly #onDrain: (() => void) | undefined;
  readonly #onReturn: (() => void) | undefined;

  constructor(options: InboxOptions = {}) {
    this.#highWater = options.highWater ?? 16;
    this.#onDrain = options.onDrain;
    this.#onReturn = options.onReturn;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Adds an item; false asks the producer to pause until `onDrain`. Does nothing after the end. */
  push(item: T): boolean {
    if (this.#ended) return true;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: item });
      return true;
    }
    this.#items.push(item);
    this.#paused = this.size >= this.#highWater;
    return !this.#paused;
  }

  /** No more items will come. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  /** The stream broke; the consumer sees it after the items that are here. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#failed = true;
      this.#error = error;
    } else waiter.reject(error);
    for (const other of this.#waiters.splice(0)) other.resolve({ done: true, value: undefined });
  }

  /** Like `fail`, but drops what was not read: the consumer's side gave up. */
  abort(error: unknown): void {
    this.#items = [];
    this.#head = 0;
    this.fail(error);
  }

  [atOnce](): IteratorResult<T> | undefined {
    if (this.#head < this.#items.length) return { done: false, value: this.#take() };
    return this.#ended && !this.#failed ? { done: true, value: undefined } : undefined;
  }

  next(): Promise<IteratorResult<T>> {
    const here = this[atOnce]();
    if (here !== undefined) return Promise.resolve(here);
    if (this.#failed) {
      this.#failed = false;
      return Promise.reject(this.#error);
    }
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T>> {
    this.#items = [];
    this.#head = 0;
    this.#failed = false;
    if (!this.#ended) {
      this.end();
      this.#onReturn?.();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): T {
    const item = this.#items[this.#head] as T;
    this.#items[this.#head] = undefined as T; // let go of it: the array is compacted only now and then
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (this.#paused && this.size <= this.#highWater >> 1) {
      this.#paused = false;
      this.#onDrain?.();
    }
    return item;
  }
}
