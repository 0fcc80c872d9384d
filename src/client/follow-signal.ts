/**
 * Calls that end when the caller's AbortSignal does. However many calls share a signal it has one listener of ours,
 * and none once they are over: a signal that lives as long as the program may be given to every call.
 *
 * Not AbortSignal.any, which retains signals on Node 20 (nodejs/node#54614).
 */
import type { Call } from '../call/call.js';
import { RpcError } from '../call/rpc-error.js';
import { streamsResponse } from '../contract/method.js';

interface Followers {
  readonly calls: Set<Call>;
  readonly abort: () => void;
}

const bySignal = new WeakMap<AbortSignal, Followers>();

export function followSignal(call: Call, signal: AbortSignal): void {
  if (signal.aborted) {
    call.abort(cancelled(signal));
    return;
  }
  const followers = bySignal.get(signal) ?? watch(signal);
  followers.calls.add(call);
  const leave = (): void => {
    if (!followers.calls.delete(call) || followers.calls.size > 0) return;
    signal.removeEventListener('abort', followers.abort);
    bySignal.delete(signal);
  };
  call.onFinish(leave);
  // A stream that nobody reads is never finished, and its deadline may come long before the signal.
  if (streamsResponse(call.method.kind)) call.onAbort(leave);
}

function watch(signal: AbortSignal): Followers {
  const calls = new Set<Call>();
  const abort = (): void => {
    for (const call of [...calls]) call.abort(cancelled(signal));
  };
  const followers = { calls, abort };
  bySignal.set(signal, followers);
  signal.addEventListener('abort', abort, { once: true });
  return followers;
}

function cancelled(signal: AbortSignal): RpcError {
  return new RpcError('CANCELLED', 'the caller cancelled', { cause: signal.reason });
}
