/** What a call passes before it is decoded, and once after: who calls, how much he may, whether there is room, whether he may this. */
import type { Clock } from '../call/clock.js';
import type { Staged } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import type { Route } from '../call/transport.js';
import type { MethodType } from '../contract/method.js';
import { type AdmissionOptions, admission, refusing, trustedPrincipals } from '../interceptors/admission/admission.js';
import type { Limiter } from '../interceptors/admission/limiter.js';
import { type Authenticate, authentication } from '../interceptors/authenticate.js';
import { type Authorize, authorization } from '../interceptors/authorize.js';
import { type QuotaOptions, quota } from '../interceptors/quota.js';
import type { ServerEventHub } from '../interceptors/server-events.js';

import { type CallerLimits, streamShares } from './caller-limits.js';

export interface GateOptions {
  /** Names the caller. Without it that is the name in its certificate (mutual TLS), or `anonymous`. */
  readonly authenticate?: Authenticate;
  /** Says whether a known caller may make a call; without it everyone may. */
  readonly authorize?: Authorize;
  /** What each principal may use: `{ rate: 100 }` is a hundred calls a second. None by default. */
  readonly quota?: QuotaOptions;
  /** What one caller may have open at once, whatever it calls. */
  readonly limits?: CallerLimits;
  /** What is done under overload. On by default; `false`: every call is let in. */
  readonly admission?: AdmissionOptions | false;
}

export interface GateContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ServerEventHub;
}

export interface Gates {
  readonly interceptors: readonly Staged[];
  /** See Route.refuse; undefined where something else is to be asked of a call first. */
  readonly refusing: ((method: MethodType) => Route['refuse']) | undefined;
}

/** Throws a TypeError or RangeError that names the option for what cannot be meant. */
export function gates(options: GateOptions, limiter: Limiter | undefined, context: GateContext): Gates {
  const { authenticate, authorize, admission: terms } = options;
  return {
    interceptors: [
      { stage: 'authenticate', side: 0, interceptor: authentication(authenticate, context) },
      { stage: 'authenticate', side: 1, interceptor: trustedPrincipals(terms === false ? undefined : terms?.trusted) },
      { stage: 'quota', side: 0, interceptor: quota(options.quota, context) },
      { stage: 'quota', side: 1, interceptor: streamShares(options.limits ?? {}) },
      { stage: 'limiter', side: 0, interceptor: admission(limiter) },
      { stage: 'authorize', side: 0, interceptor: authorization(authorize, context) },
    ],
    refusing: authenticate === undefined && options.quota === undefined ? refusing(limiter) : undefined,
  };
}
