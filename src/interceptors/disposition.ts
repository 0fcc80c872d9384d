/**
 * What a caller is told of whether its handler ran, by two rules. A call is told the most that any of its attempts may have done: the
 * last one may not have left this process, which proves nothing of those before it. An execution in a store's transaction is told by
 * whether the handler ran, and whether the store proves that nothing of it was committed.
 */
import { type Disposition, isRpcError } from '../call/rpc-error.js';

/** From the least that can have happened to the most. */
const order: readonly Disposition[] = ['not-executed', 'rolled-back', 'unknown', 'executed'];

/** Of two attempts of one call. */
export function most(one: Disposition, other: Disposition): Disposition {
  return order.indexOf(one) >= order.indexOf(other) ? one : other;
}

/** What an attempt may have done that ended with `error`. Undefined: it was given up under way. */
export function dispositionOf(error: unknown): Disposition {
  return isRpcError(error) ? error.disposition : 'unknown';
}

/** How an execution failed. */
export interface FailedExecution {
  readonly error: unknown;
  /** The work, or the last look before the commit, threw the error: then the store has rolled back. */
  readonly before: boolean;
  readonly handlerStarted: boolean;
  /** Whether the store undoes what the handler wrote. */
  readonly transactional: boolean;
}

/** Other errors are the store's, which says itself whether it may have committed: a failed COMMIT may have. */
export function dispositionOfExecution({ error, before, handlerStarted, transactional }: FailedExecution): Disposition {
  const said = before ? 'not-executed' : dispositionOf(error);
  if (said !== 'not-executed' || !handlerStarted) return said;
  return transactional ? 'rolled-back' : 'executed';
}

/** Whether a call that ended so may be sent again as if it had not been sent. `keyed`: its effect is the store's alone. */
export function isUndone(disposition: Disposition, keyed: boolean): boolean {
  return disposition === 'not-executed' || (disposition === 'rolled-back' && keyed);
}
