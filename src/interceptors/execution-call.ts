/** The call of an execution: what a handler finds in it that runs for a key, and which stores' transactions it holds. */
import { randomUUID } from 'node:crypto';
import { Call } from '../call/call.js';
import { CommitHooks } from '../call/commit-hooks.js';
import type { IdempotencyStore } from './idempotency-store.js';

const storeNames = new WeakMap<IdempotencyStore, string>();

/** A name that no other store in the world has. */
export function nameOf(store: IdempotencyStore): string {
  let name = storeNames.get(store);
  if (name === undefined) {
    name = randomUUID();
    storeNames.set(store, name);
  }
  return name;
}

/** The call as the handler sees it: the same caller and request, a life of its own. */
export function executionOf(origin: Call, tx: unknown, store: string): Call {
  const call = new Call({
    method: origin.method,
    side: 'server',
    encoding: origin.encoding,
    request: origin.request,
    headers: origin.headers,
    peer: origin.peer,
    outer: origin,
  });
  call.principal = origin.principal;
  call.identity = origin.identity;
  call.trusted = origin.trusted;
  call.criticality = origin.criticality;
  call.trace = origin.trace;
  call.idempotencyKey = origin.idempotencyKey;
  call.tx = tx;
  call.commit = new CommitHooks();
  call.transactions = withTransaction(origin, store);
  return call;
}

/** What a call holds once a transaction of `store` is its own. */
export function withTransaction({ transactions }: Call, store: string): string {
  return transactions === undefined ? store : `${transactions},${store}`;
}
