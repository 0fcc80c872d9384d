/** What the attempts of one call have in common, unary or streaming: who may repeat it, the retry that is to come, giving up. */
import type { Call } from '../call/call.js';
import type { Handler } from '../call/interceptor.js';
import { type Disposition, isRpcError, type RpcError } from '../call/rpc-error.js';
import type { Ownership } from './attempt.js';
import { type AttemptPlan, mayRepeat, ownershipOf } from './attempt-plan.js';
import type { GiveUpEvent } from './client-events.js';
import { dispositionOf, most } from './disposition.js';

/** ms; a retry that has less than this until the deadline only adds load. */
export const leastRemaining = 5;

const ignore = (): void => {};

export abstract class CallAttempts {
  protected readonly plan: AttemptPlan;
  protected readonly outer: Call;
  protected readonly next: Handler;
  protected resolve: (response: unknown) => void = ignore;
  protected reject: (error: unknown) => void = ignore;
  protected readonly repeatable: boolean;
  protected readonly ownership: Ownership;
  protected done = false;
  /** Since the back-off last started anew. */
  protected retries = 0;
  /** The most that the attempts which have ended may have done. */
  #disposition: Disposition = 'not-executed';
  /** Cancels the attempt that is to come. */
  #cancelRetry: (() => void) | undefined;

  constructor(plan: AttemptPlan, outer: Call, next: Handler) {
    this.plan = plan;
    this.outer = outer;
    this.next = next;
    this.repeatable = mayRepeat(plan, outer);
    this.ownership = ownershipOf(plan, this.repeatable, outer);
  }

  /** Begins the first attempt. Resolves to the response, rejects with what the call failed with. */
  answer(): Promise<unknown> {
    const answer = this.settled();
    this.begin();
    return answer;
  }

  protected abstract begin(): void;
  protected abstract retry(): void;

  /** From now on `resolve` and `reject` settle this. */
  protected settled(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Whether an attempt is to come. */
  protected get awaitsRetry(): boolean {
    return this.#cancelRetry !== undefined;
  }

  /** Another attempt after `delay` ms, for which a token was taken. */
  protected awaitRetry(delay: number, exact: boolean, cause: RpcError): void {
    this.retries = exact ? 0 : this.retries + 1;
    this.tellRetry(delay, cause);
    this.#cancelRetry = this.plan.clock.setTimer(() => {
      this.#cancelRetry = undefined;
      this.retry();
    }, delay);
  }

  protected dropRetry(): void {
    if (this.#cancelRetry === undefined) return;
    this.#cancelRetry();
    this.#cancelRetry = undefined;
    this.plan.budget.giveBack();
  }

  /** Notes an attempt that brought no answer. */
  protected failed(error: unknown): void {
    this.#disposition = most(this.#disposition, dispositionOf(error));
  }

  /** The error that the call ends with: told by all its attempts. */
  protected ofAll(error: unknown): unknown {
    return isRpcError(error) ? error.withDisposition(this.#disposition) : error;
  }

  protected tellRetry(delay: number, cause: RpcError | 'slow'): void {
    const { events, method } = this.plan;
    if (!events.wants('retry')) return;
    const { attempts, correlationId } = this.outer;
    events.emit('retry', { method, attempt: attempts + 1, delay, cause, correlationId });
  }

  protected tellGiveUp(reason: GiveUpEvent['reason'], error: RpcError): void {
    const { events, method } = this.plan;
    if (!events.wants('giveUp')) return;
    const { attempts, correlationId } = this.outer;
    events.emit('giveUp', { method, attempts, reason, error, correlationId });
  }
}
