/**
 * Which errors of Postgres are the database's (gone, full, read-only, in conflict with another transaction) and which the
 * statement's. The first kind fails calls with UNAVAILABLE and a word on whether anything was committed; the second is the
 * handler's. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
import { ownError } from '../../call/own-error.js';
import { type Disposition, isRpcError, type RpcError } from '../../call/rpc-error.js';
import type { Reason } from '../../contract/reasons.js';

export const sqlState = {
  undefinedTable: '42P01',
  undefinedSchema: '3F000',
  lockNotAvailable: '55P03',
  failedTransaction: '25P02',
  readOnly: '25006',
  canceled: '57014',
} as const;

/** The SQLSTATE of an error that the server sent; undefined for what came from elsewhere. */
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Serialization failures and deadlocks: another transaction was in the way, and a repeat may do better. */
export const isConflict = (error: unknown): boolean => sqlStateOf(error)?.startsWith('40') === true;

/** Connection exceptions, insufficient resources, operator intervention, system errors, internal errors. */
const environmentalClasses: ReadonlySet<string> = new Set(['08', '53', '57', '58', 'XX']);

/** The database failed, not the statement. */
export function isEnvironmental(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state === undefined || state === sqlState.canceled) return false;
  return state === sqlState.readOnly || isConflict(error) || environmentalClasses.has(state.slice(0, 2));
}

/**
 * Whether the answer to a COMMIT proves that nothing was committed. An ordinary error does. One that ends the session does
 * not: a server that is shut down while it waits for a standby has committed already.
 */
export function provesRollback(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && (state === sqlState.canceled || !environmentalClasses.has(state.slice(0, 2)));
}

/** UNAVAILABLE, reason STORE_UNAVAILABLE or STORE_CONFLICT. An RpcError stays as it is. */
export function unavailable(error: unknown, disposition: Disposition): RpcError {
  if (isRpcError(error)) return error;
  const what = described(error);
  const outcome =
    disposition === 'not-executed'
      ? 'nothing of this call was committed, so it may be repeated'
      : 'whether this call was committed is not known; repeat it with the same key to find out';
  return ownError(
    isConflict(error) ? 'STORE_CONFLICT' : 'STORE_UNAVAILABLE',
    `the database failed (${what}); ${outcome}`,
    { code: 'UNAVAILABLE', disposition, cause: error },
  );
}

/** Without what is nobody else's matter: Node's errors tell the address of the database, and a refused login its user. */
function described(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const ofServer = sqlStateOf(error);
  if (ofServer?.startsWith('28')) return `the login was refused, ${ofServer}`;
  if (ofServer === undefined && typeof code === 'string') return code;
  return typeof message === 'string' && message !== '' ? message : String(error);
}

/** UNAVAILABLE: nothing was tried, for a reason that has a name and a way out. */
export function refusedByStore(reason: Reason, message: string): RpcError {
  return ownError(reason, message, { code: 'UNAVAILABLE', disposition: 'not-executed' });
}
