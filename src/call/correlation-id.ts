/** The correlation id of a call. One that came and is no id is as if it had not come: it ends up in other people's logs. */
import type { Call } from './call.js';
import { type RawHeaders, rawText } from './headers.js';
import { randomHex } from './random-hex.js';
import { traceparentOf } from './trace-context.js';

export const correlationHeader = 'x-correlation-id';
/** What others call the same thing. */
const requestIdHeader = 'x-request-id';
/** Nothing that a log, a shell or a query could take for more than an id. */
const legal = /[A-Za-z0-9._:-]/;
const mostLong = 128;
const isLegal = Uint8Array.from({ length: 128 }, (_, code) => Number(legal.test(String.fromCharCode(code))));

/** The caller's id, else that of the trace that the call belongs to, else a new one that looks like a trace's. */
export function correlationIdOf(headers: RawHeaders, traceId: string | undefined): string {
  return (
    single(headers, correlationHeader) ??
    single(headers, requestIdHeader) ??
    traceId ??
    traceparentOf(headers)?.traceId ??
    randomHex(16)
  );
}

/** Two are one too many: who sent the second may have meant to take over the first's log lines. */
function single(headers: RawHeaders, name: string): string | undefined {
  const value = rawText(headers, name);
  return value !== undefined && isId(value) ? value : undefined;
}

/** By hand: read on every call, and a regular expression takes three times as long. */
function isId(text: string): boolean {
  if (text.length > mostLong) return false;
  for (let i = 0; i < text.length; i++) if (isLegal[text.charCodeAt(i)] !== 1) return false;
  return text !== '';
}

/** See interceptors/hello.ts; a Thrift connection hands it on that was said once. */
export const helloHeader = 'hawser-hello';

/** Says that someone further out repeats this call, so that no one further in multiplies it. */
export const ownerHeader = 'hawser-retry-owner';

/** Headers of every answer that the runtime writes by itself, each of them for one call. */
export const answerHeaders = [correlationHeader, helloHeader, 'deprecation', 'sunset'] as const;

/** For transports, before a stream has a message: whether the handler has set headers, which the caller may wait for. */
export function hasOwnHeaders(call: Call): boolean {
  if (!call.hasResponseHeaders) return false;
  const { responseHeaders } = call;
  return responseHeaders.size > answerHeaders.filter((name) => responseHeaders.has(name)).length;
}

/**
 * For transports, before they answer with a failure: whether headers go first. A failure without headers may be tried again
 * by any gRPC client (gRFC A6), so what the runtime says with every answer is no reason for them, and goes with the trailers.
 */
export function headersComeFirst(call: Call): boolean {
  if (!call.hasResponseHeaders) return false;
  const { responseHeaders, responseTrailers } = call;
  const own = answerHeaders.filter((name) => responseHeaders.has(name));
  if (responseHeaders.size > own.length) return true;
  for (const name of own) {
    responseTrailers.set(name, responseHeaders.get(name) as string);
    responseHeaders.delete(name);
  }
  return false;
}
