/**
 * Which errors of SQLite are the database's (disk full, file read-only, locked by somebody) and which the statement's.
 * The first kind fails calls with UNAVAILABLE and a word on whether anything was committed; the second is the handler's.
 * Codes: https://www.sqlite.org/rescode.html
 */
import { ownError } from '../../call/own-error.js';
import { isRpcError, type RpcError } from '../../call/rpc-error.js';

const primary = { busy: 5, io: 10, full: 13, constraint: 19 };
/** BUSY, NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
const environmental: ReadonlySet<number> = new Set([primary.busy, 7, 8, 9, primary.io, 11, primary.full, 14, 15, 26]);

/** Whether a call that failed can have committed all the same. */
export type CommitDoubt = 'not-executed' | 'unknown';

/** The primary result code; undefined for what is no error of SQLite. */
function codeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

export const isBusy = (error: unknown): boolean => codeOf(error) === primary.busy;
export const isConstraint = (error: unknown): boolean => codeOf(error) === primary.constraint;

/** The database failed, not the statement. */
export function isEnvironmental(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && environmental.has(code);
}

/** A lock, a full disk and a broken constraint need no new connection; after anything else one is safer. */
export function needsReopening(error: unknown): boolean {
  const code = codeOf(error);
  return code !== primary.busy && code !== primary.full && code !== primary.constraint;
}

/**
 * What is left in doubt after a failed COMMIT. One that found the disk full, the file locked or a constraint broken did
 * not write its last frame, and without that nothing of it counts. After any other, a crash may still find it in the log.
 */
export function doubtOfCommit(error: unknown): CommitDoubt {
  const code = codeOf(error);
  return code === primary.full || code === primary.busy || code === primary.constraint ? 'not-executed' : 'unknown';
}

/** UNAVAILABLE, reason STORE_UNAVAILABLE. An RpcError stays as it is. */
export function unavailable(error: unknown, disposition: CommitDoubt): RpcError {
  if (isRpcError(error)) return error;
  const what = error instanceof Error ? error.message : String(error);
  const outcome =
    disposition === 'not-executed'
      ? 'nothing of this call was committed, so it may be repeated'
      : 'whether this call was committed is not known; repeat it with the same key to find out';
  return ownError('STORE_UNAVAILABLE', `the database failed (${what}); ${outcome}`, { disposition, cause: error });
}
