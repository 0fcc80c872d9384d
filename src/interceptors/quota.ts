/**
 * What each caller may ask for, so that one who asks for ten times his share takes nothing from the others. Counted for
 * the principal before anything is decoded, in units of what the IDL says that a method costs.
 */

import { QuotaFailure, RetryInfo } from '../../gen/google/rpc/error_details.js';
import { answerFrom, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Interceptor } from '../call/interceptor.js';
import { ownError } from '../call/own-error.js';
import { type RpcError, withoutStack } from '../call/rpc-error.js';
import { wellFormed } from '../contract/bytes/utf8.js';
import type { MethodType } from '../contract/method.js';
import { func, having } from '../contract/option-kinds.js';
import { knownOptions, shown } from '../contract/option-names.js';
import { Gcra, type QuotaLimiter, type QuotaRate } from './admission/gcra.js';
import { isHealth } from './admission/health.js';
import { pushBack, rejected } from './admission/refusal.js';
import { within } from './budget.js';
import type { ServerEventHub } from './server-events.js';

export interface QuotaOptions extends QuotaRate {
  /** What is counted together; the principal by default. Undefined: not counted. */
  readonly by?: (call: Pick<Call, 'method' | 'headers' | 'peer' | 'principal' | 'identity'>) => string | undefined;
  /** For single keys, by name; `false`: no quota. */
  readonly limits?: Readonly<Record<string, QuotaRate | false>>;
  /** Keys that are kept in memory; 10,000 by default. */
  readonly maxKeys?: number;
  /** Where the quota is kept, in the place of this process's memory. */
  readonly limiter?: QuotaLimiter;
}

/** Characters of a key; a longer one is cut. */
const longestKey = 512;

export interface QuotaContext {
  readonly clock: Clock;
  readonly events: ServerEventHub;
}

interface Quota {
  readonly usual: Required<QuotaRate>;
  readonly limits: ReadonlyMap<string, Required<QuotaRate> | false>;
  readonly limiter: QuotaLimiter;
  readonly by: QuotaOptions['by'];
}

/** Server, stage `quota`. Throws a TypeError or RangeError that names the option for what cannot be meant. */
export function quota(options: QuotaOptions | undefined, context: QuotaContext): Interceptor {
  if (options === undefined) return (_method, next) => next;
  const terms = quotaOf(options, context.clock);
  return sharing((method, next) => {
    if (isHealth(method)) return next;
    const cost = costOf(method);
    if (cost > terms.usual.burst) {
      throw new RangeError(
        `${method.path} costs ${cost}, more than quota.burst (${terms.usual.burst}), so no call of it could ever pass; raise quota.burst`,
      );
    }
    return (call) => {
      const key = keyOf(call, terms);
      const rate = key === undefined ? false : (terms.limits.get(key) ?? terms.usual);
      if (key === undefined || rate === false) return next(call);
      const wait = terms.limiter.take(key, cost, rate);
      if (wait === 0) return next(call);
      if (typeof wait === 'number') return Promise.reject(refusal(call, key, cost, rate, wait, context));
      return wait.then((ms) => {
        if (ms === 0) return answerFrom(next, call);
        throw refusal(call, key, cost, rate, ms, context);
      });
    };
  });
}

/** What a call of the method takes of a quota; 1 where the IDL says nothing. */
export function costOf({ policy, service }: Pick<MethodType, 'policy' | 'service'>): number {
  return policy.cost ?? service.policy.cost ?? 1;
}

function keyOf(call: Call, { by }: Quota): string | undefined {
  const key = by === undefined ? call.principal : by(call);
  return key !== undefined && key.length > longestKey ? key.slice(0, longestKey) : key;
}

const checkNames = knownOptions<QuotaOptions>({
  rate: true,
  burst: true,
  by: func,
  limits: true,
  maxKeys: true,
  limiter: having('take'),
});
const checkRate = knownOptions<QuotaRate>({ rate: true, burst: true });

function quotaOf(options: QuotaOptions, clock: Clock): Quota {
  checkNames(options, 'quota');
  const { by, limits = {}, maxKeys = 10_000, limiter } = options;
  within(maxKeys, 'quota.maxKeys', 1, 10_000_000, 'a number of keys');
  const single = new Map<string, Required<QuotaRate> | false>();
  for (const [key, rate] of Object.entries(limits)) {
    const where = `quota.limits[${JSON.stringify(key)}]`;
    if (rate !== false) checkRate(rate, where);
    single.set(key, rate === false ? false : rateOf(rate, where));
  }
  return { usual: rateOf(options, 'quota'), limits: single, limiter: limiter ?? new Gcra(clock, maxKeys), by };
}

function rateOf(options: QuotaRate, name: string): Required<QuotaRate> {
  const { rate, burst = Math.max(1, rate) } = options;
  if (!(rate > 0 && rate <= 1e9))
    throw new RangeError(`${name}.rate is ${shown(rate)}; it is units a second, above 0, at most 1e9`);
  if (!(burst > 0 && burst <= 1e12))
    throw new RangeError(`${name}.burst is ${shown(burst)}; it is a number of units above 0`);
  return { rate, burst };
}

function refusal(
  call: Call,
  key: string,
  cost: number,
  { rate, burst }: Required<QuotaRate>,
  wait: number,
  { events }: QuotaContext,
): RpcError {
  rejected(events, call, 'quota');
  const never = !(wait < 2 ** 31);
  const ms = Math.ceil(wait);
  pushBack(call, never ? -1 : ms);
  const description = `${rate} units a second, ${burst} at once; this call takes ${cost}`;
  return withoutStack(() =>
    ownError(
      'QUOTA_EXCEEDED',
      `${key} has used up its quota (${description}); ${never ? 'this call never fits it' : `come again in ${ms} ms`}`,
      {
        disposition: 'not-executed',
        details: never ? [violated(key, description)] : [violated(key, description), retryIn(ms)],
      },
    ),
  );
}

function violated(subject: string, description: string) {
  const violations = [{ subject: wellFormed(subject), description: wellFormed(description) }];
  const value = QuotaFailure.encode(QuotaFailure.create({ violations }));
  return { type: 'google.rpc.QuotaFailure', value };
}

function retryIn(ms: number) {
  const retryDelay = { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
  return { type: 'google.rpc.RetryInfo', value: RetryInfo.encode(RetryInfo.create({ retryDelay })) };
}
