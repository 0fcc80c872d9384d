/** The call that the running code serves. One AsyncLocalStorage for the whole runtime: each costs every await. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Call } from './call.js';

const storage = new AsyncLocalStorage<Call>();

/** The server call whose handler is running, if any: what a nested client call inherits from. */
export function currentCall(): Call | undefined {
  return storage.getStore();
}

/** Runs `fn` as part of `call`. A stream's pump is started in here once, so its every step sees the call. */
export function runInCall<T>(call: Call, fn: () => T): T {
  const outer = storage.getStore();
  if (outer !== undefined && outer !== call) origins.set(call, outer);
  return storage.run(call, fn);
}

const origins = new WeakMap<Call, Call>();

/** The call of this process whose handler made this one, where the transport keeps to the process (memory). */
export function originOf(call: Call): Call | undefined {
  return origins.get(call);
}
