/**
 * How a call ended, as the conventions say it: for a client everything but OK is an error; a server is not at fault for what
 * a caller did wrong.
 * Source: OpenTelemetry semantic conventions, gRPC, `rpc.status_code`.
 */
import type { Attributes, Span, SpanStatusCode } from '@opentelemetry/api';
import type { Call } from '../call/call.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import { declaredCode } from '../call/status.js';
import type { Code } from '../contract/code.js';
import { declaredTypeName } from '../contract/declared-error.js';
import { leavingCode } from '../interceptors/failure.js';
import { attribute } from './conventions.js';

export interface Outcome {
  readonly code: Code;
  /** `error.type`, of what counts as an error on this side. */
  readonly errorType: string | undefined;
  readonly error: unknown;
}

const ok: Outcome = { code: 'OK', errorType: undefined, error: undefined };

const serverErrors: ReadonlySet<Code> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

export function clientOutcome(error: unknown): Outcome {
  if (error === undefined) return ok;
  if (isRpcError(error)) return { code: error.code, errorType: error.code, error };
  if (declaredTypeName(error) !== undefined) return { code: declaredCode, errorType: declaredCode, error };
  // Thrown before anything was sent: a request of the wrong type.
  return { code: 'UNKNOWN', errorType: error instanceof Error ? error.name : '_OTHER', error };
}

export function serverOutcome(call: Call, error: unknown): Outcome {
  if (error === undefined) return ok;
  const code = leavingCode(call.method, error);
  return { code, errorType: serverErrors.has(code) ? code : undefined, error };
}

/** The attributes that spans and metrics share. */
export function outcomeAttributes({ code, errorType }: Outcome): Attributes {
  return errorType === undefined
    ? { [attribute.status]: code }
    : { [attribute.status]: code, [attribute.errorType]: errorType };
}

/** Characters of an error's message in a span: it may hold anything. */
const mostMessage = 256;

export function showOutcome(span: Span, outcome: Outcome, error: SpanStatusCode.ERROR): void {
  const { error: cause, errorType } = outcome;
  span.setAttributes(outcomeAttributes(outcome));
  if (cause === undefined) return;
  if (isRpcError(cause)) span.setAttributes(rpcAttributes(cause));
  // What the caller never sees is worth a stack.
  else if (declaredTypeName(cause) === undefined && cause instanceof Error) span.recordException(cause);
  if (errorType === undefined) return;
  span.setStatus({
    code: error,
    message: (cause instanceof Error ? cause.message : String(cause)).slice(0, mostMessage),
  });
}

function rpcAttributes({ reason, disposition }: RpcError): Attributes {
  return { [attribute.reason]: reason, [attribute.disposition]: disposition };
}
