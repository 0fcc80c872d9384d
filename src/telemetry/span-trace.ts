/** A call's place in a trace: its span, the context that carries it, and how both travel in headers. */
import type { Attributes, Context, Link, Span, SpanContext, SpanKind } from '@opentelemetry/api';
import type { Call } from '../call/call.js';
import type { CallTrace, TraceAttributes } from '../call/call-trace.js';
import { currentCall } from '../call/current.js';
import type { HeaderMap } from '../call/headers.js';
import {
  baggageHeader,
  baggageOf,
  formatTraceparent,
  parseTraceparent,
  traceparentHeader,
  traceparentOf,
  tracestateHeader,
  tracestateOf,
} from '../call/trace-context.js';
import type { Tracing } from './open-telemetry.js';

/** Characters of a header of another propagator: b3, uber-trace-id. */
const mostForeign = 4_096;

export interface SpanInit {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly links?: Link[];
}

export class SpanTrace implements CallTrace {
  readonly tracing: Tracing;
  readonly span: Span;
  readonly context: Context;

  constructor(tracing: Tracing, init: SpanInit, parent: Context) {
    const { name, ...options } = init;
    this.tracing = tracing;
    this.span = tracing.tracer.startSpan(name, options, parent);
    this.context = tracing.api.trace.setSpan(parent, this.span);
  }

  get traceId(): string {
    return this.span.spanContext().traceId;
  }

  get spanId(): string {
    return this.span.spanContext().spanId;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return formatTraceparent({ traceId, spanId, flags: traceFlags });
  }

  annotate(attributes: TraceAttributes): void {
    this.span.setAttributes(attributes);
  }

  event(name: string, attributes?: TraceAttributes): void {
    this.span.addEvent(name, attributes);
  }

  link(traceparent: string, attributes: TraceAttributes = {}): void {
    const parsed = parseTraceparent(traceparent);
    if (parsed === undefined) return;
    const { traceId, spanId, flags } = parsed;
    this.span.addLink({ context: { traceId, spanId, traceFlags: flags, isRemote: true }, attributes });
  }

  /** Runs `fn` as part of the span. */
  run<T>(fn: () => T): T {
    return this.tracing.api.context.with(this.context, fn);
  }
}

/** What a call made by the running code is part of. */
export function activeContext(tracing: Tracing): Context {
  const active = tracing.active();
  if (active !== undefined) return active;
  // Without a context manager the call that is being served still knows its span.
  const serving = currentCall()?.trace;
  return serving instanceof SpanTrace ? serving.context : tracing.api.ROOT_CONTEXT;
}

/**
 * What a received call is part of: what the registered propagator reads in its headers, by W3C where there is none. Not of
 * the context that the server happened to be made in.
 */
export function receivedContext(tracing: Tracing, call: Call): Context {
  const { api } = tracing;
  if (!call.hasHeaders) return api.ROOT_CONTEXT;
  if (tracing.propagates) return api.propagation.extract(api.ROOT_CONTEXT, call.headers, carefulGetter);
  const parent = traceparentOf(call.headers);
  if (parent === undefined) return api.ROOT_CONTEXT;
  const state = tracestateOf(call.headers);
  const context: SpanContext = {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.flags & 3,
    isRemote: true,
    ...(state === undefined ? {} : { traceState: api.createTraceState(state) }),
  };
  return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
}

/** Writes a span's context into the headers of what goes out under it. */
export function inject({ tracing, context, span, traceparent }: SpanTrace, headers: HeaderMap): void {
  if (tracing.propagates) {
    tracing.api.propagation.inject(context, headers, carefulSetter);
    return;
  }
  if (!tracing.api.trace.isSpanContextValid(span.spanContext())) return;
  headers.set(traceparentHeader, traceparent);
  const state = span.spanContext().traceState?.serialize();
  if (state !== undefined && state !== '') headers.set(tracestateHeader, state);
  else headers.delete(tracestateHeader);
}

/** A propagator sees only what keeps to the rules: a header that came twice, is endless or malformed did not come. */
const carefulGetter = {
  keys: (headers: HeaderMap): string[] => [...new Set([...headers].map(([name]) => name))],
  get(headers: HeaderMap, name: string): string | undefined {
    switch (name.toLowerCase()) {
      case traceparentHeader: {
        const parent = traceparentOf(headers);
        return parent === undefined ? undefined : formatTraceparent(parent);
      }
      case tracestateHeader:
        return tracestateOf(headers);
      case baggageHeader:
        return baggageOf(headers);
      default: {
        const values = headers.getAll(name);
        const [value] = values;
        return values.length === 1 && typeof value === 'string' && value.length <= mostForeign ? value : undefined;
      }
    }
  },
};

const carefulSetter = {
  set(headers: HeaderMap, name: string, value: string): void {
    try {
      headers.set(name, value);
    } catch {
      // What cannot be a header is no reason to fail the call.
    }
  },
};
