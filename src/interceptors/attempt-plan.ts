/** What the attempts of one method go by: its policy, computed once, and what they share with the rest of the client. */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { ownerHeader } from '../call/correlation-id.js';
import { rawValues } from '../call/headers.js';
import type { Random } from '../call/random.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import type { Ownership } from './attempt.js';
import type { RetryBudget } from './budget.js';
import type { ClientEventHub } from './client-events.js';
import type { EffectivePolicy } from './effective-policy.js';
import { repeatable } from './effective-policy.js';
import { type HedgePlan, type HedgeShare, hedgePlan } from './hedge.js';
import { keyHeader } from './idempotency-key.js';
import { LatencyWindow, type ShortestAnswer } from './latency.js';
import type { RetryTerms } from './retry-rules.js';
import type { Throttle } from './throttle.js';

/** What all methods of a client share. */
export interface ClientShared {
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RetryBudget;
  readonly events: ClientEventHub;
  readonly hedges: HedgeShare;
  readonly shortest: ShortestAnswer;
  /** Hears of calls that failed; undefined: it is switched off. */
  readonly throttle: Throttle | undefined;
  /** Whether there is an endpoint that this call has not been to. */
  readonly elsewhere: (call: Call) => boolean;
  /** Whether a header reaches the server; an idempotency key in one is no key where it does not. */
  readonly carriesHeaders: () => boolean;
  /** Whether endpoints are chosen per attempt, and want to hear how each went. */
  readonly balanced: boolean;
  /** Whether an attempt settles as soon as it is aborted: the transport does, and nothing of the user's stands between retries and the wire. */
  readonly prompt: boolean;
}

export interface AttemptPlan extends ClientShared, RetryTerms {
  readonly method: MethodType;
  readonly maxAttempts: number;
  readonly attemptTimeout: number | undefined;
  /** ms that policy gives one attempt: `attemptTimeout`, else its share of the method's timeout. */
  readonly share: number;
  readonly hedge: HedgePlan | undefined;
  /** Nothing is sent beside an attempt, and it ends as soon as the call does. */
  readonly alone: boolean;
  /** By declaration; a call with a key is so in any case. */
  readonly repeatable: boolean;
  readonly latency: LatencyWindow;
}

export function attemptPlan(method: MethodType, policy: EffectivePolicy, shared: ClientShared): AttemptPlan {
  const latency = new LatencyWindow(shared.clock);
  const { value: idempotency } = policy.idempotency;
  return {
    ...shared,
    method,
    maxAttempts: policy.maxAttempts.value,
    initialBackoff: policy.initialBackoff.value,
    maxBackoff: policy.maxBackoff.value,
    codes: new Set(policy.codes.value),
    keyed: idempotency === 'KEYED',
    attemptTimeout: policy.attemptTimeout.value,
    share: shareOf(method, policy),
    hedge: policy.hedge.value === undefined ? undefined : hedgePlan(policy.hedge.value, latency),
    alone:
      policy.hedge.value === undefined &&
      policy.attemptTimeout.value === undefined &&
      !shared.balanced &&
      shared.prompt,
    repeatable: repeatable.includes(idempotency) && idempotency !== 'KEYED',
    latency,
  };
}

/** A stream may rightly say nothing for long, so all of its own time is its share. */
function shareOf({ kind }: MethodType, { attemptTimeout, timeout, maxAttempts }: EffectivePolicy): number {
  const attempts = streamsRequest(kind) || streamsResponse(kind) ? 1 : maxAttempts.value;
  return Math.min(attemptTimeout.value ?? Number.POSITIVE_INFINITY, timeout.value / attempts);
}

/** Answers of a method before they tell what it usually needs. */
const leastAnswers = 5;
/** ms; below this a stall of either process is longer than an answer. */
const leastPatience = 50;
/** Of a share: the deadline is set before the attempt begins, and back-offs are taken from it. */
const slack = 0.9;

/**
 * Whether an attempt that had `ms` may blame its address for being silent: it had what policy gives an attempt, or twice what 99 % of
 * the method's answers took. A caller may give a call less; that is no word on the address, and a server that hangs is still
 * found out by calls that give it what it usually needs.
 */
export function hadTime({ share, latency }: AttemptPlan, ms: number): boolean {
  if (ms >= slack * share) return true;
  const usual = latency.quantile(0.99, leastAnswers);
  return usual !== undefined && ms >= Math.max(leastPatience, 2 * usual);
}

/** Learns from an attempt that was answered. */
export function succeeded({ clock, latency, shortest, budget }: AttemptPlan, startedAt: number): void {
  const now = clock.now();
  latency.record(now - startedAt);
  shortest.record(now - startedAt, now);
  budget.earn();
}

/** Whether this call may run twice. */
export function mayRepeat(plan: AttemptPlan, call: Call): boolean {
  if (plan.repeatable || call.idempotencyKey !== undefined) return true;
  return call.hasHeaders && call.headers.has(keyHeader) && plan.carriesHeaders();
}

const nobody: Ownership = { owner: undefined, elsewhere: false };
const client: Ownership = { owner: 'client', elsewhere: false };

/**
 * Attempts are made once in a call tree, by the outermost client that may: with three tiers of three
 * attempts each, a leaf that fails would get 27 times its load.
 */
export function ownershipOf(plan: AttemptPlan, repeats: boolean, call: Call): Ownership {
  const { parent } = call;
  if (parent !== undefined && !parent.finished) {
    const owner = rawValues(parent.rawHeaders, ownerHeader)[0];
    if (typeof owner === 'string') return { owner, elsewhere: true };
  }
  if (!repeats || plan.maxAttempts < 2) return nobody;
  return parent === undefined ? client : { owner: parent.method.service.name, elsewhere: false };
}
