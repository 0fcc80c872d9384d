/** What the writer says when it does not run a turn, or not to its end. */
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Reason } from '../../contract/reasons.js';

function refused(reason: Reason, message: string): RpcError {
  return ownError(reason, message, { code: 'UNAVAILABLE', disposition: 'not-executed' });
}

export const storeClosed = (): RpcError => refused('STORE_CLOSED', 'the store is closed');

export const storeBusy = (queueLimit: number): RpcError =>
  refused('STORE_BUSY', `${queueLimit} calls wait for the database already (queueLimit); try again later`);

/** A turn inside a turn would wait for itself. */
export const nestedWrite = (outer: string): RpcError =>
  ownError(
    'NESTED_TRANSACTION',
    `${outer} holds the writer of this database and would wait for itself; write through its own transaction (call.tx) instead of a KEYED call or store.write to the same store`,
    { disposition: 'not-executed' },
  );

export const heldTooLong = (name: string, holdLimit: number): RpcError =>
  ownError(
    'STORE_HELD',
    `${name} held the writer of the database for ${holdLimit} ms (holdLimit) and was rolled back; do what takes long before the first write, and never wait inside a write for another one`,
    { disposition: 'rolled-back' },
  );

/** INSERT OR ROLLBACK and RAISE(ROLLBACK) end the transaction of all. */
export const rolledBackAll = (name: string, cause: unknown): Error =>
  new Error(`${name} rolled back the transaction that other calls share; write OR ABORT instead of OR ROLLBACK`, {
    cause,
  });

/** What all fail with that shared a transaction. Whose record it was is for the log. */
export const recordFailed = (name: string, cause: unknown): Error =>
  new Error('a record could not be written', { cause: new Error(`of ${name}`, { cause }) });

/** A record that was not there when the turn began. */
export const committedElsewhere = (): RpcError =>
  ownError('IDEMPOTENCY_IN_PROGRESS', 'this key has been committed meanwhile; repeat the call to get its answer', {
    disposition: 'not-executed',
  });
