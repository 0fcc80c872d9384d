/**
 * Time that moves when a test says so. Timers fire in the order they are due, those of one instant
 * in the order they were set; after each, everything that it made ready to run has run before the
 * next one fires. So an hour of deadlines and retries takes milliseconds and happens the same way
 * every time.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../call/clock.js';
import { type Timer, TimerHeap } from './timer-heap.js';

export interface VirtualClockOptions {
  /** What `now()` says at first, ms. Default 0. */
  readonly start?: number;
  /** What `wallTime()` says at first, ms since the Unix epoch; from there it goes as `now()` does. Default 2026-01-01T00:00Z. */
  readonly wallTime?: number;
  /** Records where each timer was set, for `pending()` and the errors; slow. Default false. */
  readonly origins?: boolean;
}

export interface RunLimits {
  /** What is waited for, for the error: `'the reply of the leaf'`. */
  readonly name?: string;
  /** Virtual time that this run may take, ms. Default: no limit. */
  readonly within?: number;
  /** Timers that may fire before this run is taken to be endless. Default 10 million. */
  readonly maxTimers?: number;
}

/** A timer that has not fired. */
export interface PendingTimer {
  /** On the clock's scale, ms. */
  readonly due: number;
  /** The lines of the stack where it was set, when the clock was made with `origins`. */
  readonly origin?: string;
}

// Taken when the module loads: a test may fake the globals later.
const { nextTick } = process;
const immediate = setImmediate;

/** Without it every timer costs the garbage collector a callback. AsyncResource.bind is 80 times slower still. */
const noDestroyHook = { requireManualDestroy: true };

const defaultWallTime = Date.UTC(2026, 0, 1);
const defaultMaxTimers = 10_000_000;
/** A run lets the process do its I/O after so many timers, so that a test runner's timeout can strike. */
const timersPerTurn = 2_000;

/**
 * @example
 * const clock = new VirtualClock();
 * const client = createClient(TradeHistory, network, { clock });
 * const sale = await clock.runUntil(client.getLastSale({ fish: 'halibut' }));
 */
export class VirtualClock implements Clock {
  readonly #heap = new TimerHeap();
  readonly #origins: boolean;
  readonly #wallStart: number;
  #now: number;
  #sequence = 0;

  constructor({ start = 0, origins = false, wallTime = defaultWallTime }: VirtualClockOptions = {}) {
    if (!Number.isFinite(start)) throw new RangeError(`a clock starts at a finite number of ms, not ${start}`);
    this.#now = start;
    this.#wallStart = wallTime - start;
    this.#origins = origins;
  }

  now(): number {
    return this.#now;
  }

  /** Fires no earlier than the next `advance`, `run` or `runUntil`, even with 0 ms. Throws a RangeError for NaN. */
  wallTime(): number {
    return this.#wallStart + this.#now;
  }

  setTimer(fn: () => void, ms: number): () => void {
    if (Number.isNaN(ms)) throw new RangeError('a timer needs a number of ms, not NaN');
    const timer: Timer = {
      due: this.#now + Math.max(0, ms),
      sequence: this.#sequence++,
      fn,
      scope: new AsyncResource('VirtualTimer', noDestroyHook),
      origin: this.#origins ? originOf(new Error()) : undefined,
      index: -1,
    };
    this.#heap.push(timer);
    return () => this.#heap.remove(timer);
  }

  /** Resolves after `ms` of virtual time; rejects with the signal's reason when it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.setTimer(() => {
        signal?.removeEventListener('abort', abort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Timers that have neither fired nor been cancelled. */
  get timers(): number {
    return this.#heap.size;
  }

  /** The timers that `timers` counts, in the order they are due. */
  pending(): readonly PendingTimer[] {
    return this.#heap.sorted().map(({ due, origin }) => (origin === undefined ? { due } : { due, origin }));
  }

  /**
   * Lets everything that is ready run, without moving time: promise chains of any length, and
   * process.nextTick. Not what waits for the outside: sockets, files, setTimeout, setImmediate.
   */
  async settle(): Promise<void> {
    // A tick that is queued from a promise job runs once no promise job is left, however long the chains
    // are. The first may have been queued from elsewhere; the others are for chains that use ticks themselves.
    for (let i = 0; i < 4; i++) await new Promise<void>((resolve) => nextTick(resolve));
  }

  /** Moves time by `ms`, firing what is due on the way. Throws a RangeError when `ms` is negative, or not a number. */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`advance(${ms}): time moves forward by a finite number of ms; use run() to run all timers`);
    }
    const until = this.#now + ms;
    await this.#fireAll((timer) => timer.due <= until, {});
    this.#now = Math.max(this.#now, until);
  }

  /**
   * Fires timers until none is left that is ever due. Throws an Error when that would take more than
   * `within` ms or `maxTimers` timers: something sets a new one each time.
   */
  async run(limits: RunLimits = {}): Promise<void> {
    const until = this.#now + (limits.within ?? Number.POSITIVE_INFINITY);
    await this.#fireAll((timer) => timer.due < Number.POSITIVE_INFINITY && timer.due <= until, limits);
    const next = this.#heap.first;
    if (next !== undefined && next.due < Number.POSITIVE_INFINITY) {
      throw new Error(`${this.#heap.size} timers are left after ${limits.within} ms of virtual time${this.#listing()}`);
    }
  }

  /**
   * Fires timers until `promise` settles, and settles like it. Throws an Error when nothing is left that could
   * settle it (the code under test waits for something that never comes), or a limit is reached.
   */
  async runUntil<T>(promise: PromiseLike<T>, limits: RunLimits = {}): Promise<T> {
    let outcome: 'fulfilled' | 'rejected' | undefined;
    // The handlers mark the promise as handled; its own outcome is returned below.
    const settled = Promise.resolve(promise);
    settled.then(
      () => {
        outcome = 'fulfilled';
      },
      () => {
        outcome = 'rejected';
      },
    );
    const started = this.#now;
    const until = started + (limits.within ?? Number.POSITIVE_INFINITY);
    const runs = (timer: Timer): boolean =>
      outcome === undefined && timer.due < Number.POSITIVE_INFINITY && timer.due <= until;
    await this.#fireAll(runs, limits);
    // Code that goes through a few turns of the real event loop is not stuck yet.
    for (let i = 0; i < 8 && outcome === undefined; i++) {
      await new Promise<void>((resolve) => immediate(resolve));
      await this.#fireAll(runs, limits);
    }
    if (outcome === undefined) throw this.#stuck(limits, started);
    return settled;
  }

  async #fireAll(runs: (timer: Timer) => boolean, { maxTimers = defaultMaxTimers }: RunLimits): Promise<void> {
    await this.settle();
    for (let fired = 0; ; fired++) {
      const timer = this.#heap.first;
      if (timer === undefined || !runs(timer)) return;
      if (fired >= maxTimers) {
        throw new Error(
          `${fired} timers have fired and more are due; something sets a new one each time. Run for a limited time with advance(ms), or raise maxTimers${this.#listing()}`,
        );
      }
      this.#heap.remove(timer);
      this.#now = Math.max(this.#now, timer.due);
      timer.scope.runInAsyncScope(timer.fn);
      if (fired % timersPerTurn === timersPerTurn - 1) await new Promise<void>((resolve) => immediate(resolve));
      await this.settle();
    }
  }

  #stuck({ name = 'the promise', within }: RunLimits, started: number): Error {
    const next = this.#heap.first;
    if (next !== undefined && next.due < Number.POSITIVE_INFINITY) {
      return new Error(
        `${name} has not settled within ${within} ms of virtual time (from ${started} to ${this.#now})${this.#listing()}`,
      );
    }
    return new Error(
      `deadlock at ${this.#now} ms of virtual time: ${name} has not settled, and no timer is left that could settle it. It waits for something that never comes, or for something outside the virtual clock (a socket, setTimeout)`,
    );
  }

  #listing(): string {
    const shown = this.pending().slice(0, 5);
    const lines = shown.map(({ due, origin }) => `\n  due at ${due} ms${origin === undefined ? '' : `, ${origin}`}`);
    const rest = this.timers - shown.length;
    return `.${lines.join('')}${rest > 0 ? `\n  and ${rest} more` : ''}`;
  }
}

const thisFile = new URL(import.meta.url).pathname;

/** Who asked for a timer: the first lines of the stack outside this file. */
function originOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .slice(1)
    .filter((line) => !line.includes(thisFile) && !line.includes('new Promise'))
    .slice(0, 3)
    .map((line) => line.trim())
    .join(' < ');
}
