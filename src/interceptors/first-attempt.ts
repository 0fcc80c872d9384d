/**
 * The first attempt of a unary call, where nothing can overtake it: the call itself. Most calls need no second one, and an
 * attempt of its own would cost each of them a Call, headers and promises. Only when it fails are there others.
 */
import type { Call } from '../call/call.js';
import { begun, type Handler } from '../call/interceptor.js';
import { Attempt } from './attempt.js';
import { type AttemptPlan, mayRepeat, ownershipOf, succeeded } from './attempt-plan.js';
import { mark } from './retry-rules.js';
import { UnaryAttempts } from './unary-attempts.js';

export function firstAttempt(plan: AttemptPlan, call: Call, next: Handler): Promise<unknown> {
  const { owner } = ownershipOf(plan, mayRepeat(plan, call), call);
  if (call.hasHeaders || (call.carriesHeaders && owner !== undefined)) mark(call.headers, 0, owner);
  call.attempts = 1;
  const startedAt = plan.clock.now();
  return begun(next, call).then(
    (response) => {
      const { aborted } = call;
      if (plan.events.wants('attempt')) new Attempt(plan, call, 'first', startedAt).end(aborted);
      if (aborted !== undefined) throw aborted;
      succeeded(plan, startedAt);
      return response;
    },
    (error: unknown) => new UnaryAttempts(plan, call, next).after(new Attempt(plan, call, 'first', startedAt), error),
  );
}
