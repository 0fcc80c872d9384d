/**
 * What goes along with a call through its whole tree: one correlation id, in every log line of every service; and the
 * trace of whoever traces, handed on unchanged where nobody does here, so that a service that is not instrumented leaves
 * no hole in it.
 * Source: W3C Trace Context, "Processing Model"; W3C Baggage.
 */
import { sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import { correlationHeader } from '../call/correlation-id.js';
import { rawText } from '../call/headers.js';
import type { Interceptor } from '../call/interceptor.js';
import {
  baggageHeader,
  baggageOf,
  traceparentHeader,
  traceparentOf,
  tracestateHeader,
  tracestateOf,
} from '../call/trace-context.js';

/** Client, stage `trace`, inside whoever traces: the id of a trace is the correlation id of its calls. */
export const clientPropagation: Interceptor = sharing((_method, next) => (call) => {
  const { parent } = call;
  if (parent !== undefined && !(call.hasHeaders && call.headers.has(correlationHeader))) {
    call.correlationId = parent.correlationId;
  }
  if (!call.carriesHeaders) return next(call);
  // Also where the call has one: what is no id is not sent.
  call.headers.set(correlationHeader, call.correlationId);
  if (parent !== undefined && call.trace === undefined) passTraceOn(parent, call);
  return next(call);
});

/** Server, stage `trace`: the caller learns the id, to give it to whoever helps. */
export const serverPropagation: Interceptor = sharing((method, next) => {
  if (method.kind === 'oneway') return next;
  return (call) => {
    if (call.carriesHeaders) call.responseHeaders.set(correlationHeader, call.correlationId);
    return next(call);
  };
});

function passTraceOn(parent: Call, call: Call): void {
  const headers = parent.rawHeaders;
  if (!call.headers.has(traceparentHeader) && traceparentOf(headers) !== undefined) {
    call.headers.set(traceparentHeader, (rawText(headers, traceparentHeader) as string).trim());
    const state = tracestateOf(headers);
    if (state !== undefined) call.headers.set(tracestateHeader, state);
  }
  passBaggageOn(parent, call);
}

/** Members that are well-formed, within the limits; a call's own baggage takes their place. */
export function passBaggageOn(parent: Call, call: Call): void {
  if (call.headers.has(baggageHeader)) return;
  const baggage = baggageOf(parent.rawHeaders);
  if (baggage !== undefined) call.headers.set(baggageHeader, baggage);
}
