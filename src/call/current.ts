/**
 * The call that the running code serves, and the transaction that it runs in. One AsyncLocalStorage for the whole runtime: each costs
 * every await.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Call } from './call.js';
import type { CommitHooks } from './commit-hooks.js';

export interface RunningTransaction {
  /** The store's handle on it. */
  readonly tx: unknown;
  /** Told how it ends. */
  readonly commit: CommitHooks | undefined;
}

/** A transaction that is not the call's own: a consumer's, or one of `store.write`. */
class TransactionScope {
  constructor(
    readonly call: Call | undefined,
    readonly transaction: RunningTransaction,
  ) {}
}

const storage = new AsyncLocalStorage<Call | TransactionScope>();

/** The server call whose handler is running, if any: what a nested client call inherits from. */
export function currentCall(): Call | undefined {
  const scope = storage.getStore();
  return scope instanceof TransactionScope ? scope.call : scope;
}

/** The innermost one that the running code is a part of. */
export function currentTransaction(): RunningTransaction | undefined {
  const scope = storage.getStore();
  return scope instanceof TransactionScope ? scope.transaction : scope;
}

/** Runs `fn` as a part of a transaction, in the call that is running, if any. */
export function inTransaction<T>(transaction: RunningTransaction, fn: () => T): T {
  return storage.run(new TransactionScope(currentCall(), transaction), fn);
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
