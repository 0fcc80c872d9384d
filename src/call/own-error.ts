/**
 * Errors of the runtime's own, and how they are told from all others. What was decided by a reason alone, a handler could forge, or
 * forward by mistake from another server; so a reason counts only together with its domain, and a server lets nothing leave under
 * Hawser's domain but what it made itself.
 */
import type { Code } from '../contract/code.js';
import { isReason, ownDomain, type Reason, type ReasonTerms, reasons, reasonTerms } from '../contract/reasons.js';
import { isRpcError, ownMark, RpcError, type RpcErrorOptions } from './rpc-error.js';

export interface OwnErrorOptions extends Omit<RpcErrorOptions, 'reason' | 'domain'> {
  /** Where the reason has several codes, and it is not the first. */
  readonly code?: Code;
}

/** An error of the runtime's own, for one of the reasons in contract/reasons.ts. Nobody else can make one. */
export function ownError(reason: Reason, message: string, { code, ...options }: OwnErrorOptions = {}): RpcError {
  const error = new RpcError(code ?? reasons[reason].codes[0], message, { ...options, reason, domain: ownDomain });
  ownMark.set(error);
  return error;
}

/** What a frame of ours says by a word that may be a handler's: one of our own where it is one of our reasons. */
export function toldError(reason: string, code: Code, message: string, options: OwnErrorOptions = {}): RpcError {
  if (isReason(reason)) return ownError(reason, message, { ...options, code });
  return new RpcError(code, message, { ...options, reason });
}

/** The reason of an error for a place that has no room for its domain: one of ours only where it is ours. */
export function plainReason(error: RpcError): string {
  return ownMark.isOn(error) || reasonTerms(error.reason) === undefined ? error.reason : error.code;
}

const callersFaults = new WeakSet<object>();

/**
 * For transports: the caller's own request stream threw. An RpcError stays as it is; whatever its code, it is no word on the address,
 * and to send the call again would not help.
 */
export function requestStreamFailed(error: unknown, path: string): RpcError {
  const what = error instanceof Error ? error.message : String(error);
  const failure = isRpcError(error)
    ? error
    : ownError('REQUEST_STREAM_FAILED', `the request stream of ${path} failed: ${what}`, { cause: error });
  callersFaults.add(failure);
  return failure;
}

export function isCallersFault(error: RpcError): boolean {
  return callersFaults.has(error);
}

/**
 * For clients, which decide by it: the terms of the reason, where it is one of Hawser's own. Over a wire every reason has a domain, and
 * a handler's is not ours; only a transport or interceptor of this process may leave it out.
 */
export function ownTerms(error: RpcError): ReasonTerms | undefined {
  const { info, domain } = error;
  return info === undefined || (domain ?? ownDomain) !== ownDomain ? undefined : reasonTerms(info.reason);
}

/** Whether an error is Hawser's own, for this reason. */
export function isOwn(error: unknown, reason: Reason): error is RpcError {
  return isRpcError(error) && error.reason === reason && ownTerms(error) !== undefined;
}

/**
 * For servers: an error as it leaves a service. A reason that the runtime did not give is the service's, also where it says that it
 * is ours: copied from an error of another server, say.
 */
export function ofService(error: RpcError, service: string): RpcError {
  if (ownMark.isOn(error) || error.info === undefined) return error;
  return error.domain === undefined || error.domain === '' || error.domain === ownDomain
    ? error.withDomain(service)
    : error;
}
