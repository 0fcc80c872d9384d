/**
 * Client, stage `retry`: a call as several attempts. Ours and not grpc-js's, whose retries stay on the bad node,
 * whose hedges know no budget and whose deadline starts anew on each attempt in other clients. Works on
 * bytes, under the call's one deadline, and the same way over every transport.
 * Rules: gRFC A6; reliability: a retry may repeat only what is proven or declared to be harmless.
 */
import { sharing } from '../call/answer-steps.js';
import type { Interceptor } from '../call/interceptor.js';
import { streamsRequest, streamsResponse } from '../contract/method.js';
import { attemptPlan, type ClientShared } from './attempt-plan.js';
import { effectivePolicy, type PolicyOptions } from './effective-policy.js';
import { firstAttempt } from './first-attempt.js';
import { StreamAttempts } from './stream-attempts.js';
import { UnaryAttempts } from './unary-attempts.js';

export function clientRetry(shared: ClientShared, options: PolicyOptions): Interceptor {
  return sharing((method, next) => {
    const plan = attemptPlan(method, effectivePolicy(method, options), shared);
    const { throttle } = shared;
    const failed = throttle === undefined ? undefined : (error: unknown) => throttle.failed(error);
    const alone = plan.maxAttempts < 2 && plan.hedge === undefined && plan.attemptTimeout === undefined;
    if (alone && !shared.balanced && shared.prompt) {
      return (call) => {
        call.attempts = 1;
        const answer = next(call);
        if (failed !== undefined) answer.then(undefined, failed);
        return answer;
      };
    }
    if (streamsRequest(method.kind) || streamsResponse(method.kind)) {
      return (call) => new StreamAttempts(plan, call, next).answer();
    }
    if (plan.alone) return (call) => firstAttempt(plan, call, next);
    return (call) => new UnaryAttempts(plan, call, next).answer();
  });
}
