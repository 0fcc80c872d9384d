/** The call that the running code serves. One AsyncLocalStorage for the whole runtime: each costs every await. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Call } from './call.js';

const storage = new AsyncLocalStorage<Call>();

/** The server call whose handler is running, if any: what a nested client call inherits from. */
export function currentCall(): Call | undefined {
  return storage.getStore();
}

/** Runs `fn` as part of no call: what it begins outlives the one that happens to be running. */
export function outsideCalls<T>(fn: () => T): T {
  // Not `exit`: it switches the hooks of the whole process off and on again.
  return storage.run(undefined as never, fn);
}

/** Runs `fn` as part of `call`. A stream's pump is started in here once, so its every step sees the call. */
export function runInCall<A extends unknown[], T>(call: Call, fn: (...args: A) => T, ...args: A): T {
  return storage.run(call, fn, ...args);
}
