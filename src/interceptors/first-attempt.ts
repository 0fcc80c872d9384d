/**
 * The first attempt of a unary call, where nothing can overtake it: the call itself. Most calls need no second one, and an
 * attempt of its own would cost each of them a Call, headers and promises. Only when it fails are there others.
 */
import { type AnswerStep, leaveStep } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import { readingOf } from '../call/clock-reading.js';
import type { Handler } from '../call/interceptor.js';
import { Attempt } from './attempt.js';
import { type AttemptPlan, mayRepeat, ownershipOf, succeeded } from './attempt-plan.js';
import { mark } from './retry-rules.js';
import { UnaryAttempts } from './unary-attempts.js';

/** Leaves a step. */
export function firstAttempt(plan: AttemptPlan, call: Call, next: Handler): Promise<unknown> {
  const { owner } = ownershipOf(plan, mayRepeat(plan, call), call);
  if (call.hasHeaders || (call.carriesHeaders && owner !== undefined)) mark(call.headers, 0, owner);
  call.attempts = 1;
  leaveStep(call, new FirstAttempt(plan, next, readingOf(call, plan.clock)));
  return next(call);
}

class FirstAttempt implements AnswerStep {
  outer: AnswerStep | undefined = undefined;
  readonly #plan: AttemptPlan;
  readonly #next: Handler;
  readonly #startedAt: number;

  constructor(plan: AttemptPlan, next: Handler, startedAt: number) {
    this.#plan = plan;
    this.#next = next;
    this.#startedAt = startedAt;
  }

  answered(response: unknown, call: Call): unknown {
    const { aborted } = call;
    if (this.#plan.events.wants('attempt')) this.#attempt(call).end(aborted);
    if (aborted !== undefined) throw aborted.withDisposition('executed');
    succeeded(this.#plan, this.#startedAt);
    return response;
  }

  failed(error: unknown, call: Call): Promise<unknown> {
    return new UnaryAttempts(this.#plan, call, this.#next).after(this.#attempt(call), error);
  }

  #attempt(call: Call): Attempt {
    return new Attempt(this.#plan, call, 'first', this.#startedAt);
  }
}
