/**
 * Every unary call has a deadline, and a call made inside a handler never outlives the call that
 * it serves. Kept on the monotonic clock; the wire carries what is left.
 * Rules: gRPC over HTTP/2 "Timeout"; a server refuses work that nobody waits for any more.
 */
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { currentCall } from '../call/current.js';
import { Deadline } from '../call/deadline.js';
import type { Interceptor } from '../call/interceptor.js';
import { RpcError } from '../call/rpc-error.js';
import { milliseconds } from '../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';

/** ms; for a unary call of which neither the caller nor the IDL says otherwise. */
export const defaultTimeout = 30_000;
/** ms; the longest deadline a server grants a unary call unless the IDL says otherwise. */
export const defaultMaxTimeout = 3_600_000;

/** Client, stage `deadline`. `timeout` is the client's own default, ms. */
export function clientDeadline(clock: Clock, timeout: number | undefined): Interceptor {
  return (method, next) => {
    const streams = streamsRequest(method.kind) || streamsResponse(method.kind);
    const usual =
      timeout ??
      method.policy.timeout ??
      method.service.policy.timeout ??
      (streams ? Number.POSITIVE_INFINITY : defaultTimeout);
    return (call) => {
      const given = call.options.timeout;
      const own = given === undefined ? usual : milliseconds(given, 'timeout');
      const parent = currentCall();
      const inherited = parent === undefined || parent.finished ? undefined : parent.deadline?.remaining();
      const ms = inherited === undefined ? own : Math.min(own, inherited);
      if (ms === Number.POSITIVE_INFINITY) return next(call);
      if (ms <= 0) return Promise.reject(exceeded(method, ms, 'not-executed'));
      arm(call, ms, clock, () => exceeded(method, ms, 'unknown'));
      return next(call);
    };
  };
}

/** Server, stage `deadline`. */
export function serverDeadline(clock: Clock): Interceptor {
  return (method, next) => {
    const streams = streamsRequest(method.kind) || streamsResponse(method.kind);
    const longest = streams
      ? Number.POSITIVE_INFINITY
      : (method.policy.maxTimeout ?? method.service.policy.maxTimeout ?? defaultMaxTimeout);
    return (call) => {
      const asked = call.deadline?.remaining() ?? Number.POSITIVE_INFINITY;
      if (asked <= 0) return Promise.reject(exceeded(method, asked, 'not-executed'));
      const ms = Math.min(asked, longest);
      if (ms === Number.POSITIVE_INFINITY) return next(call);
      arm(call, ms, clock, () => exceeded(method, ms, call.handlerStarted ? 'executed' : 'not-executed'));
      // The caller is answered at the deadline even while the handler still thinks.
      return new Promise((resolve, reject) => {
        call.onAbort(reject);
        next(call).then(resolve, reject);
      });
    };
  };
}

/** One timer for the call; it goes when the call is over. */
function arm(call: Call, ms: number, clock: Clock, error: () => RpcError): void {
  call.deadline = Deadline.after(ms, clock);
  call.onFinish(clock.setTimer(() => call.abort(error()), ms));
}

function exceeded(method: MethodType, ms: number, disposition: 'not-executed' | 'executed' | 'unknown'): RpcError {
  const had = ms > 0 ? `had ${Math.round(ms * 100) / 100} ms` : 'had no time left when it began';
  return new RpcError('DEADLINE_EXCEEDED', `${method.path} ${had}`, { disposition });
}
