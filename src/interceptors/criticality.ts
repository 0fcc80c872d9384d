/**
 * What a call is worth when not all can be served. The IDL says it of the method; the header `hawser-criticality` may
 * lower it, and raise it only for a caller that the server trusts, so that nobody talks his way to the front. A call
 * made inside a handler carries the criticality of the call that it serves.
 * Source: SRE book, "Handling Overload".
 */
import { sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import { rawValues } from '../call/headers.js';
import type { Interceptor } from '../call/interceptor.js';
import type { MethodType } from '../contract/method.js';
import { type Criticality, criticalities } from '../contract/policy.js';

export const criticalityHeader = 'hawser-criticality';

export const defaultCriticality: Criticality = 'CRITICAL';

/** What the IDL says, `CRITICAL` where it says nothing. */
export function declaredCriticality({ policy, service }: Pick<MethodType, 'policy' | 'service'>): Criticality {
  return policy.criticality ?? service.policy.criticality ?? defaultCriticality;
}

/** 0 for what is shed last, 3 for what is shed first. */
export function bandOf(criticality: Criticality): number {
  return criticalities.indexOf(criticality);
}

/** What holds for a call on a server. Reads the header on first use: a call that waits for nothing is never asked. */
export function criticalityOf(call: Call): Criticality {
  call.criticality ??= judged(call);
  return call.criticality;
}

function judged(call: Call): Criticality {
  return heard(declaredCriticality(call.method), rawValues(call.rawHeaders, criticalityHeader), call.trusted);
}

/** `declared`, or what the header's values ask for, as far as the caller may. */
export function heard(declared: Criticality, values: readonly unknown[], trusted: boolean): Criticality {
  // The one value there is, if it is a name that we know: two would be a guess, and anything else is noise.
  const asked = values.length === 1 ? criticalities.find((one) => one === values[0]) : undefined;
  if (asked === undefined) return declared;
  return trusted || bandOf(asked) > bandOf(declared) ? asked : declared;
}

/** Client, stage `trace`: a nested call carries its caller's, where that is another than the method's own. */
export const clientCriticality: Interceptor = sharing((method, next) => {
  const declared = declaredCriticality(method);
  return (call) => {
    const parent = call.carriesHeaders ? call.parent : undefined;
    if (parent !== undefined && parent.side === 'server' && !(call.hasHeaders && call.headers.has(criticalityHeader))) {
      const inherited = criticalityOf(parent);
      if (inherited !== declared) call.headers.set(criticalityHeader, inherited);
    }
    return next(call);
  };
});
