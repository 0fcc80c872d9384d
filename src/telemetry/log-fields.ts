/**
 * What ties a log line to its call: the correlation id and the place in the trace of the code that runs now. A mixin of
 * pino as it is, and a plain function for every other logger.
 */
import type { Call } from '../call/call.js';
import { currentCall } from '../call/current.js';
import type { Logger } from '../call/logger.js';
import { traceparentOf } from '../call/trace-context.js';
import { attemptsHeader } from '../interceptors/retry-rules.js';
import { tracing } from './open-telemetry.js';

export interface LogFields {
  /** One id through the whole call tree. */
  correlationId?: string;
  trace_id?: string;
  span_id?: string;
  /** `/market.v1.TradeHistory/GetLastSale` */
  method?: string;
  /** Which attempt of its caller this is, from 1. */
  attempt?: number;
}

/** The correlation id of the call that the running code serves; undefined outside of calls. */
export function correlation(): string | undefined {
  return currentCall()?.correlationId;
}

/**
 * The fields of the running code; empty outside of calls and traces. A new object each time, since loggers write into it.
 *
 * @example
 * const log = pino({ mixin: logFields });
 * console.log(JSON.stringify({ message: 'sold', ...logFields() }));
 */
export function logFields(): LogFields {
  const call = currentCall();
  const fields: LogFields = {};
  if (call !== undefined) {
    fields.correlationId = call.correlationId;
    fields.method = call.method.path;
    fields.attempt = attemptOf(call);
  }
  const traces = tracing();
  const active = traces?.active();
  // The innermost span: the handler may have opened its own.
  const span = active === undefined ? undefined : traces?.api.trace.getSpanContext(active);
  const traceId = span?.traceId ?? call?.trace?.traceId ?? receivedTraceId(call);
  const spanId = span?.spanId ?? call?.trace?.spanId;
  if (traceId !== undefined) fields.trace_id = traceId;
  if (spanId !== undefined) fields.span_id = spanId;
  return fields;
}

/** A logger whose lines carry the fields of the call that they are written in; what a line says itself goes before. */
export function correlated(logger: Logger): Logger {
  return {
    debug: (fields, message) => logger.debug({ ...logFields(), ...fields }, message),
    info: (fields, message) => logger.info({ ...logFields(), ...fields }, message),
    warn: (fields, message) => logger.warn({ ...logFields(), ...fields }, message),
    error: (fields, message) => logger.error({ ...logFields(), ...fields }, message),
  };
}

function attemptOf(call: Call): number {
  const before = call.hasHeaders ? Number(call.headers.get(attemptsHeader) ?? 0) : 0;
  return Number.isSafeInteger(before) && before >= 0 ? before + 1 : 1;
}

/** Where nobody traces here, the caller's trace is still the one to look in. */
function receivedTraceId(call: Call | undefined): string | undefined {
  return call === undefined ? undefined : traceparentOf(call.rawHeaders)?.traceId;
}
