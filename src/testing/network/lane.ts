/**
 * One direction of one attempt. Frames arrive in the order they were sent, as on a connection; once one is lost
 * nothing after it arrives, because a stream with a hole never does. Bounded: a sender waits while 16 messages
 * are on the way or not taken up.
 */
import type { Clock } from '../../call/clock.js';

const window = 16;

export interface LaneInit {
  readonly clock: Clock;
  /** Time to the other side for a frame that is sent now, ms. */
  readonly latency: () => number;
  /** Why nothing gets through now, if so. */
  readonly cut: () => string | undefined;
  readonly log: (what: string) => void;
}

interface Frame {
  readonly name: string;
  readonly at: number;
  readonly deliver: () => Promise<void> | undefined;
}

export class Lane {
  readonly #init: LaneInit;
  #queue: Frame[] = [];
  #cancelTimer: (() => void) | undefined;
  #lastArrival = Number.NEGATIVE_INFINITY;
  #lost: string | undefined;
  #closed = false;
  #outstanding = 0;
  #waiting: (() => void)[] = [];

  constructor(init: LaneInit) {
    this.#init = init;
  }

  /** Carries a frame; `deliver` runs when it arrives, which may be never. `extra`: ms on top of the latency. */
  carry(name: string, deliver: () => void, extra = 0): void {
    this.#send(name, () => void deliver(), extra);
  }

  /** As `carry`, with a promise to wait for before the next one when too much is on the way. */
  carryMessage(name: string, deliver: () => Promise<void> | undefined): Promise<void> | undefined {
    this.#outstanding += 1;
    this.#send(name, () => {
      const full = deliver();
      if (full === undefined) this.#release();
      else full.then(() => this.#release());
      return undefined;
    });
    if (this.#outstanding < window) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Nothing gets through any more. */
  lose(why: string): void {
    this.#lost ??= why;
  }

  /** What is on the way is of no interest any more. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#cancelTimer?.();
  }

  #send(name: string, deliver: () => undefined, extra = 0): void {
    if (this.#closed) return;
    const { clock, cut, latency, log } = this.#init;
    this.#lost ??= cut();
    if (this.#lost !== undefined) {
      log(`${name} lost: ${this.#lost}`);
      return;
    }
    const now = clock.now();
    const at = Math.max(now + latency() + extra, this.#lastArrival);
    this.#lastArrival = at;
    if (at <= now && this.#queue.length === 0) {
      log(`${name} arrived`);
      deliver();
      return;
    }
    log(`${name} sent`);
    this.#queue.push({ name, at, deliver });
    if (this.#queue.length === 1) this.#arm(at - now);
  }

  #arm(ms: number): void {
    this.#cancelTimer = this.#init.clock.setTimer(() => this.#arrive(), ms);
  }

  #arrive(): void {
    const frame = this.#queue.shift();
    if (frame === undefined) return;
    const next = this.#queue[0];
    if (next !== undefined) this.#arm(next.at - this.#init.clock.now());
    this.#lost ??= this.#init.cut();
    if (this.#lost !== undefined) {
      this.#init.log(`${frame.name} lost: ${this.#lost}`);
      return;
    }
    this.#init.log(`${frame.name} arrived`);
    frame.deliver();
  }

  #release(): void {
    this.#outstanding -= 1;
    this.#waiting.shift()?.();
  }
}
