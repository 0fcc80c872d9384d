/**
 * The attempts of one unary call: one after the other, or beside each other when the first is slow. The first answer
 * wins and the others are cancelled; the call fails when nothing is running and nothing more may begin.
 */
import { answerFrom } from '../call/answer-steps.js';
import { ownError } from '../call/own-error.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import { Attempt, attemptTimedOut } from './attempt.js';
import { hadTime, succeeded } from './attempt-plan.js';
import { CallAttempts, leastRemaining } from './call-attempts.js';
import type { AttemptKind, GiveUpEvent } from './client-events.js';
import { judge } from './retry-rules.js';

export class UnaryAttempts extends CallAttempts {
  readonly #running: Attempt[] = [];
  #cancelHedge: (() => void) | undefined;
  /** Known where copies may be sent. */
  #startedAt = 0;
  /** The server asked for no more attempts. */
  #stopped = false;

  /** Goes on after a first attempt that was the call itself, and failed. Settles with the call. */
  after(first: Attempt, error: unknown): Promise<unknown> {
    const answer = this.settled();
    this.failed(error);
    this.outer.onAbort((reason) => this.#abort(reason));
    this.#failed(first, error);
    return answer;
  }

  protected override begin(): void {
    this.outer.onAbort((reason) => this.#abort(reason));
    if (this.done) return; // aborted already
    this.#start('first');
    if (this.plan.hedge !== undefined && this.repeatable && !this.done) {
      this.#startedAt = this.plan.clock.now();
      this.plan.hedges.begin();
      this.#awaitHedge(this.plan.hedge.delay());
    }
  }

  #start(kind: AttemptKind): void {
    const attempt = Attempt.next(this.plan, this.outer, kind, this.ownership, true);
    this.#running.push(attempt);
    this.#bound(attempt);
    answerFrom(this.next, attempt.call).then(
      (value) => this.#answered(attempt, value),
      (error: unknown) => this.#failed(attempt, error),
    );
  }

  /** An attempt with a bound of its own is given up by it; one without is joined by another, and may still win. */
  #bound(attempt: Attempt): void {
    const { attemptTimeout, maxAttempts, method, balanced } = this.plan;
    if (attemptTimeout !== undefined) {
      // Where the call's deadline comes first, it ends the call; an attempt timer would only race it.
      if (attempt.call.deadline === this.outer.deadline) return;
      attempt.arm(() => this.#timedOut(attempt, attemptTimedOut(method.path, attemptTimeout)), attemptTimeout);
      return;
    }
    const left = maxAttempts - this.outer.attempts;
    if (left < 1 || !balanced || !this.repeatable || this.ownership.elsewhere) return;
    const remaining = this.outer.deadline?.remaining();
    if (remaining === undefined || !this.plan.elsewhere(this.outer)) return;
    attempt.arm(() => this.#overdue(attempt), remaining / (left + 1));
  }

  /** A transport that settles on abort fails the attempt now; of others nothing is awaited. */
  #timedOut(attempt: Attempt, error: RpcError): void {
    attempt.call.abort(error);
    if (!this.plan.prompt) this.#failed(attempt, error);
  }

  #answered(attempt: Attempt, value: unknown): void {
    if (attempt.ended) return;
    this.#remove(attempt);
    if (this.done) {
      attempt.end(undefined);
      return;
    }
    this.done = true;
    succeeded(this.plan, attempt.startedAt);
    attempt.end(undefined);
    this.outer.adopt(attempt.call);
    this.#clear();
    if (this.#running.length > 0) this.#cancelAll(superseded());
    this.resolve(value);
  }

  #failed(attempt: Attempt, error: unknown): void {
    if (attempt.ended) return;
    this.#remove(attempt);
    attempt.end(error);
    if (this.done) return;
    this.failed(error);
    if (!isRpcError(error)) {
      this.#settle(attempt, error);
      return;
    }
    const verdict = this.#verdict(attempt, error);
    if (verdict === 'never') this.#settle(attempt, error);
    else if (verdict === 'wait' || this.#running.length > 0 || this.awaitsRetry) return;
    else this.#settle(attempt, error);
  }

  /** `never`: the call has failed. `wait`: another attempt is to come. `none`: none is. */
  #verdict(attempt: Attempt, error: RpcError): 'never' | 'wait' | 'none' {
    const { random, budget, maxAttempts } = this.plan;
    // A foreign server that answered and then failed had begun (gRFC A6: headers commit). Ours says whether it ran.
    if (attempt.call.headersReceived && error.disposition === 'unknown' && error.code !== 'DEADLINE_EXCEEDED') {
      return 'never';
    }
    const verdict = judge(
      { error, attempt: attempt.call, repeatable: this.repeatable, ownedElsewhere: this.ownership.elsewhere },
      this.plan,
      this.retries,
      random,
    );
    if (verdict.kind === 'never') return 'never';
    if (verdict.kind === 'refused') {
      if (verdict.reason === 'pushback') this.#stopMore();
      return this.#giveUp(verdict.reason, error);
    }
    if (this.#stopped) return this.#giveUp('pushback', error);
    if (this.awaitsRetry) return 'wait';
    if (this.outer.attempts >= maxAttempts) return this.#giveUp('attempts', error);
    if (!this.#timeFor(verdict.delay)) return this.#giveUp('deadline', error);
    if (!budget.take()) return this.#giveUp('budget', error);
    this.awaitRetry(verdict.delay, verdict.exact, error);
    return 'wait';
  }

  #timeFor(delay: number): boolean {
    const { deadline } = this.outer;
    if (deadline === undefined) return true;
    return deadline.remaining() - delay >= Math.max(leastRemaining, this.plan.latency.quantile(0.5) ?? 0);
  }

  #giveUp(reason: GiveUpEvent['reason'], error: RpcError): 'none' {
    this.tellGiveUp(reason, error);
    return 'none';
  }

  protected override retry(): void {
    this.outer.forget();
    this.#start('retry');
  }

  /** The attempt has had its share of the time. It goes on, and another is begun elsewhere beside it. */
  #overdue(attempt: Attempt): void {
    attempt.disarm();
    attempt.overdue = true;
    const { budget, elsewhere, maxAttempts, method } = this.plan;
    const elapsed = this.plan.clock.now() - attempt.startedAt;
    if (hadTime(this.plan, elapsed)) attempt.report(attemptTimedOut(method.path, elapsed));
    if (this.#stopped || this.awaitsRetry || this.outer.attempts >= maxAttempts) return;
    if (!elsewhere(this.outer) || !this.#timeFor(0) || !budget.take()) return;
    this.tellRetry(0, 'slow');
    this.#start('retry');
  }

  #awaitHedge(delay: number | undefined): void {
    if (delay === undefined) return;
    this.#cancelHedge = this.plan.clock.setTimer(() => this.#hedge(), delay);
  }

  /** No answer yet: a copy to an address that has none, if budget and share allow. */
  #hedge(): void {
    this.#cancelHedge = undefined;
    const { hedge, hedges, budget, elsewhere, events, clock, method } = this.plan;
    if (hedge === undefined || this.#stopped || this.awaitsRetry) return;
    if (this.outer.attempts >= hedge.maxCopies || !elsewhere(this.outer)) return;
    if (!hedges.allows || !budget.take()) return;
    hedges.count();
    for (const attempt of this.#running) attempt.overdue = true;
    if (events.wants('hedge')) {
      const { attempts, correlationId } = this.outer;
      events.emit('hedge', { method, attempt: attempts + 1, after: clock.now() - this.#startedAt, correlationId });
    }
    this.#start('hedge');
    if (!this.done) this.#awaitHedge(hedge.delay());
  }

  /** No attempt is begun any more; those that run may still win. */
  #stopMore(): void {
    this.#stopped = true;
    this.#clear();
  }

  #abort(reason: RpcError): void {
    if (this.done) return;
    this.done = true;
    this.#clear();
    const last = this.#running.at(-1);
    if (last !== undefined) this.outer.adopt(last.call);
    if (this.#running.length > 0) this.failed(undefined);
    this.#cancelAll(reason);
    this.reject(this.ofAll(reason));
  }

  #settle(attempt: Attempt, error: unknown): void {
    this.done = true;
    this.plan.throttle?.failed(error);
    this.outer.adopt(attempt.call);
    this.#clear();
    if (this.#running.length > 0) {
      this.failed(undefined);
      this.#cancelAll(superseded());
    }
    this.reject(this.ofAll(error));
  }

  #cancelAll(reason: RpcError): void {
    for (const attempt of this.#running.splice(0)) attempt.cancel(reason);
  }

  #clear(): void {
    this.#cancelHedge?.();
    this.#cancelHedge = undefined;
    this.dropRetry();
  }

  #remove(attempt: Attempt): void {
    const at = this.#running.lastIndexOf(attempt);
    if (at === this.#running.length - 1) this.#running.pop();
    else if (at >= 0) this.#running.splice(at, 1);
  }
}

function superseded(): RpcError {
  return ownError('SUPERSEDED', 'another attempt of the same call was faster');
}
