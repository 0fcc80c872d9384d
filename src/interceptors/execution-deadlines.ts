/**
 * The deadlines of one method's executions. All have the same length, so they are due in the order in which they begin, and
 * one timer is enough for any number of them; when none runs there is no timer.
 */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { Deadline } from '../call/deadline.js';
import { exceeded } from './deadline.js';

export class ExecutionDeadlines {
  /** ms */
  readonly #length: number;
  readonly #clock: Clock;
  #begun: Call[] = [];
  #running = 0;
  #cancel: (() => void) | undefined;

  constructor(length: number, clock: Clock) {
    this.#length = length;
    this.#clock = clock;
  }

  /** The call has its time from now on; it is aborted when that is over. Tell `ended` of it, once. */
  begin(call: Call): void {
    call.deadline = Deadline.after(this.#length, this.#clock);
    this.#running += 1;
    // One that takes long must not keep all that began after it.
    if (this.#begun.length > 2 * this.#running + 100) this.#begun = this.#begun.filter((one) => !one.finished);
    this.#begun.push(call);
    if (this.#cancel === undefined) this.#arm(this.#length);
  }

  ended(): void {
    this.#running -= 1;
    if (this.#running > 0) return;
    this.#begun = [];
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(ms: number): void {
    this.#cancel = this.#clock.setTimer(() => this.#due(), ms);
  }

  #due(): void {
    this.#cancel = undefined;
    const due = this.#begun.filter((one) => !one.finished && (one.deadline?.remaining() ?? 0) <= 0);
    this.#begun = this.#begun.filter((one) => !one.finished && !due.includes(one));
    const [first] = this.#begun;
    if (first !== undefined) this.#arm(Math.max(1, first.deadline?.remaining() ?? 0));
    for (const call of due) call.abort(exceeded(call.method, this.#length, call.disposition));
  }
}
