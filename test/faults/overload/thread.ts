/**
 * One thread in virtual time: timers, then what the sockets hold, then what was put off to the end of the turn, as Node's event
 * loop has it. What computes moves the time, and nothing else happens meanwhile: what arrives waits in the sockets, timers
 * fire late. So overload looks the same as on a real machine, and the same every time.
 */
import type { Clock } from 'hawser';

interface Due {
  readonly at: number;
  readonly fn: () => void;
  gone: boolean;
}

const { nextTick } = process;

export class Thread implements Clock {
  #now = 0;
  #timers: Due[] = [];
  #checks: (() => void)[] = [];
  /** What the other end does, in the order of time. */
  #outside: Due[] = [];

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  setTimer(fn: () => void, ms: number): () => void {
    if (ms === 0) {
      this.#checks.push(fn);
      return () => {
        this.#checks = this.#checks.filter((one) => one !== fn);
      };
    }
    const due = { at: this.#now + ms, fn, gone: false };
    insert(this.#timers, due);
    return () => {
      due.gone = true;
    };
  }

  /** Takes processor time. */
  compute(ms: number): void {
    this.#now += ms;
  }

  /** Something comes in at a socket then; it is seen when the thread next looks. */
  arrives(at: number, fn: () => void): void {
    insert(this.#outside, { at, fn, gone: false });
  }

  async run(until: number): Promise<void> {
    while (this.#now < until) {
      await this.#each(this.#due(this.#timers));
      await this.#each(this.#due(this.#outside));
      await this.#each(this.#checks.splice(0));
      if (this.#checks.length > 0) continue;
      const next = Math.min(this.#timers[0]?.at ?? until, this.#outside[0]?.at ?? until, until);
      if (next > this.#now) this.#now = next;
    }
  }

  #due(from: Due[]): (() => void)[] {
    const count = from.findIndex((one) => one.at > this.#now);
    return from
      .splice(0, count < 0 ? from.length : count)
      .filter((one) => !one.gone)
      .map((one) => one.fn);
  }

  async #each(fns: readonly (() => void)[]): Promise<void> {
    for (const fn of fns) {
      fn();
      // Whatever became ready by it runs before the next.
      await new Promise<void>((resolve) => nextTick(resolve));
      await new Promise<void>((resolve) => nextTick(resolve));
    }
  }
}

function insert(into: Due[], one: Due): void {
  let at = into.length;
  while (at > 0 && (into[at - 1] as Due).at > one.at) at -= 1;
  into.splice(at, 0, one);
}
