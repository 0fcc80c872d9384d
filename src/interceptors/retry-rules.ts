/**
 * Whether a failed attempt may be repeated, and when. Two questions, both must say yes: does its code
 * mean that another try could help, and is it proven or declared that running twice does no harm?
 * UNAVAILABLE alone proves nothing: a connection that broke may have carried the request.
 * Rules: gRFC A6 (pushback), AIP-194 (codes), google.rpc.RetryInfo.
 */
import { RetryInfo } from '../../gen/google/rpc/error_details.js';
import type { Call } from '../call/call.js';
import { ownerHeader } from '../call/correlation-id.js';
import type { HeaderMap } from '../call/headers.js';
import { isCallersFault, isOwn } from '../call/own-error.js';
import type { Random } from '../call/random.js';
import type { RpcError } from '../call/rpc-error.js';
import { pushbackHeader } from '../call/status.js';
import type { Code } from '../contract/code.js';
import { isUndone } from './disposition.js';

export const attemptsHeader = 'grpc-previous-rpc-attempts';

/** ms; the first wait after an answer that says the server is overloaded is a random part of this. */
const throttledBackoff = 1_000;

/** No repetition mends these, or the call has ended by them. */
export const neverRepeated: ReadonlySet<string> = new Set<Code>([
  'OK',
  'CANCELLED',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
  'DATA_LOSS',
]);

/** Repeated only where the policy names them and the call may run twice: after these it has run, most likely. */
export const onlyDeclared: ReadonlySet<string> = new Set<Code>(['INTERNAL', 'UNKNOWN']);

/** Writes into an attempt's headers how many were made before it, and who repeats the call, so that no one further in does. */
export function mark(headers: HeaderMap, before: number, owner: string | undefined): void {
  if (owner !== undefined) headers.set(ownerHeader, owner);
  if (before > 0) headers.put(attemptsHeader, String(before));
  else headers.delete(attemptsHeader);
}

/** What the rules look at. */
export interface RetryTerms {
  readonly codes: ReadonlySet<Code>;
  /** KEYED: the effect of the method is its store's alone. */
  readonly keyed: boolean;
  readonly initialBackoff: number;
  readonly maxBackoff: number;
}

export interface Failure {
  readonly error: RpcError;
  /** The attempt that failed; its trailers may hold a pushback. */
  readonly attempt: Call;
  /** Whether the method, or a key, lets this call run twice. */
  readonly repeatable: boolean;
  /** Whether a caller further out repeats this call anyway. */
  readonly ownedElsewhere: boolean;
}

/** `never`: the call has failed. `refused`: it could help, but not here. Otherwise the wait is known. */
export type Verdict =
  | { readonly kind: 'never' }
  | { readonly kind: 'refused'; readonly reason: 'pushback' | 'not-owner' | 'deadline' }
  /** `exact` waits are the server's word: no jitter, and the back-off starts anew. */
  | { readonly kind: 'again'; readonly delay: number; readonly exact: boolean };

const never: Verdict = { kind: 'never' };
const stopped: Verdict = { kind: 'refused', reason: 'pushback' };

/** `retries`: repeats since the back-off last started anew. */
export function judge(failure: Failure, terms: RetryTerms, retries: number, random: Random): Verdict {
  const { error, attempt, repeatable, ownedElsewhere } = failure;
  if (isCallersFault(error)) return never;
  const unharmed = isUndone(error.disposition, terms.keyed);
  // From inside a handler the same call may be repeated by our caller: no proof, no repeat.
  if (!unharmed && !repeatable) return never;
  if (!couldHelp(error, terms.codes, repeatable, unharmed)) return never;
  if (!unharmed && ownedElsewhere) return { kind: 'refused', reason: 'not-owner' };
  const pushback = pushbackOf(attempt);
  if (pushback === 'stop') return stopped;
  const left = (attempt.outer ?? attempt).deadline?.remaining() ?? Number.POSITIVE_INFINITY;
  if (pushback !== undefined) {
    return pushback >= left ? { kind: 'refused', reason: 'deadline' } : { kind: 'again', delay: pushback, exact: true };
  }
  const asked = retryInfo(error);
  const throttled = error.code === 'RESOURCE_EXHAUSTED';
  const base = throttled ? Math.max(throttledBackoff, terms.initialBackoff) : terms.initialBackoff;
  const own = random.next() * Math.min(Math.max(terms.maxBackoff, terms.initialBackoff), base * 2 ** retries);
  // The server's word is a minimum; jitter beyond it gives way to the deadline, it does not fail the call.
  const delay = asked === undefined ? own : Math.max(asked, own) < left ? Math.max(asked, own) : asked;
  return delay >= left ? { kind: 'refused', reason: 'deadline' } : { kind: 'again', delay, exact: false };
}

function couldHelp(error: RpcError, codes: ReadonlySet<Code>, repeatable: boolean, unharmed: boolean): boolean {
  switch (error.code) {
    case 'UNAVAILABLE':
      return codes.has('UNAVAILABLE') || unharmed;
    case 'RESOURCE_EXHAUSTED':
      return retryInfo(error) !== undefined;
    case 'ABORTED':
      return isOwn(error, 'IDEMPOTENCY_IN_PROGRESS');
    case 'DEADLINE_EXCEEDED':
      return true; // of an attempt: the call's own ends the call, and is not asked about
    case 'INTERNAL':
    case 'UNKNOWN':
      return repeatable && codes.has(error.code);
    default:
      return false;
  }
}

/** ms that the server asks to wait; `stop` when it asks for no more, or not in a way that can be read. */
function pushbackOf(attempt: Call): number | 'stop' | undefined {
  if (!attempt.hasResponseTrailers) return undefined;
  const values = attempt.responseTrailers.getAll(pushbackHeader);
  if (values.length === 0) return undefined;
  const [value] = values;
  if (values.length > 1 || typeof value !== 'string' || !/^\d{1,10}$/.test(value)) return 'stop';
  const ms = Number(value);
  return ms <= 0x7fff_ffff ? ms : 'stop';
}

/** ms of a google.rpc.RetryInfo, if the error has one. */
function retryInfo(error: RpcError): number | undefined {
  const delay = error.find('google.rpc.RetryInfo', RetryInfo)?.retryDelay;
  if (delay === undefined) return undefined;
  const ms = Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
  return ms >= 0 ? ms : undefined;
}
