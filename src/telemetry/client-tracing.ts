/**
 * The client's half of tracing: one CLIENT span for a call with all its retries, and under it one for each attempt, whose own
 * context goes out, so that a server's span hangs under the attempt that caused it.
 * Source: OpenTelemetry semantic conventions for RPC, 1.45.
 */
import type { Attributes } from '@opentelemetry/api';
import { sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Interceptor } from '../call/interceptor.js';
import { isOwn } from '../call/own-error.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import { passBaggageOn } from '../interceptors/propagation.js';
import { type ClientMetrics, ofMethod, server } from './client-metrics.js';
import { attribute, hostAndPort, methodName } from './conventions.js';
import type { Instruments } from './instruments.js';
import { observed, type Tracing, tracing } from './open-telemetry.js';
import { clientOutcome, outcomeAttributes, showOutcome } from './outcome.js';
import { activeContext, inject, SpanTrace } from './span-trace.js';
import { StreamSpan } from './stream-span.js';
import { type Watcher, watch } from './watch.js';

export interface ClientTelemetry {
  readonly clock: Clock;
  readonly metrics: ClientMetrics;
  /** What the client was made with: one address, or several. */
  readonly target: string;
  /** ms; see StreamSpan */
  readonly longStream: number;
}

/** What is known of a method's calls before there is one. */
interface Subject {
  readonly telemetry: ClientTelemetry;
  readonly name: string;
  readonly attributes: Attributes;
  readonly streams: boolean;
}

function subjectOf(telemetry: ClientTelemetry, method: MethodType, attributes: Attributes): Subject {
  const streams = streamsRequest(method.kind) || streamsResponse(method.kind);
  return { telemetry, name: methodName(method), attributes: { ...ofMethod(method), ...attributes }, streams };
}

/** Client, stage `trace`, outermost. */
export function clientTracing(telemetry: ClientTelemetry): Interceptor {
  return sharing((method, next) => {
    const subject = subjectOf(telemetry, method, server(telemetry.target));
    return (call) => {
      if (!observed() && !telemetry.metrics.listening) return next(call);
      const traces = tracing();
      const metrics = telemetry.metrics.current;
      if (traces === undefined && metrics === undefined) return next(call);
      return watch(call, next, new ClientCall(subject, call, traces, metrics), telemetry.clock);
    };
  });
}

class ClientCall implements Watcher {
  readonly #subject: Subject;
  readonly #call: Call;
  readonly #metrics: Instruments | undefined;
  readonly #trace: SpanTrace | undefined;
  readonly #stream: StreamSpan | undefined;
  readonly #startedAt: number;

  constructor(subject: Subject, call: Call, traces: Tracing | undefined, metrics: Instruments | undefined) {
    const { telemetry, streams, name, attributes } = subject;
    this.#subject = subject;
    this.#call = call;
    this.#metrics = metrics;
    this.#startedAt = telemetry.clock.now();
    if (traces === undefined) return;
    const kind = traces.api.SpanKind.CLIENT;
    const trace = new SpanTrace(traces, { name, kind, attributes }, activeContext(traces));
    this.#trace = trace;
    call.trace = trace;
    if (streams) {
      this.#stream = new StreamSpan({ trace, name, kind, attributes }, telemetry.clock, telemetry.longStream);
    }
    const { parent } = call;
    if (!traces.propagates && parent !== undefined) passBaggageOn(parent, call);
  }

  /** What the caller's own code does meanwhile, its request stream above all, is part of what the caller does. */
  run<T>(step: () => T): T {
    return step();
  }

  end(error: unknown): void {
    const call = this.#call;
    const outcome = clientOutcome(error);
    const seconds = (this.#subject.telemetry.clock.now() - this.#startedAt) / 1000;
    const trace = this.#stream?.close(seconds) ?? this.#trace;
    if (trace !== undefined) {
      const { span, tracing } = trace;
      span.setAttributes({
        [attribute.correlationId]: call.correlationId,
        [attribute.attempts]: call.attempts,
        ...peer(call),
      });
      showOutcome(span, outcome, tracing.api.SpanStatusCode.ERROR);
      span.end();
    }
    this.#metrics?.clientDuration.record(
      seconds,
      { ...this.#subject.attributes, ...outcomeAttributes(outcome) },
      this.#trace?.context,
    );
  }
}

/** Client, stage `attempt-trace`: also of a call that has but one attempt. */
export function attemptTracing(telemetry: ClientTelemetry): Interceptor {
  return (method, next) => {
    const subject = subjectOf(telemetry, method, {});
    return (call) => {
      const { trace } = call.outer ?? call;
      if (trace === undefined && !observed() && !telemetry.metrics.listening) return next(call);
      const parent = trace instanceof SpanTrace ? trace : undefined;
      const metrics = telemetry.metrics.current;
      if (parent === undefined && metrics === undefined) return next(call);
      return watch(call, next, new TracedAttempt(subject, call, parent, metrics), telemetry.clock);
    };
  };
}

class TracedAttempt implements Watcher {
  readonly #subject: Subject;
  readonly #call: Call;
  readonly #metrics: Instruments | undefined;
  readonly #trace: SpanTrace | undefined;
  readonly #cancelTimer: (() => void) | undefined;

  constructor(subject: Subject, call: Call, parent: SpanTrace | undefined, metrics: Instruments | undefined) {
    const { telemetry, streams, name } = subject;
    this.#subject = subject;
    this.#call = call;
    this.#metrics = metrics;
    if (parent === undefined) return;
    const trace = new SpanTrace(
      parent.tracing,
      {
        name: `${name} attempt`,
        // Not a second CLIENT span: what counts calls by their CLIENT spans would count each twice.
        kind: parent.tracing.api.SpanKind.INTERNAL,
        attributes: {
          ...subject.attributes,
          [attribute.attemptNumber]: call.attempts,
          [attribute.attemptKind]: call.attemptKind ?? 'first',
        },
      },
      parent.context,
    );
    this.#trace = trace;
    if (call.outer !== undefined) call.trace = trace;
    inject(trace, call.headers);
    if (streams) {
      this.#cancelTimer = telemetry.clock.setTimer(() => {
        trace.span.setAttributes({ [attribute.streamPhase]: 'open', ...this.#where() });
        trace.span.end();
      }, telemetry.longStream);
    }
  }

  run<T>(step: () => T): T {
    return step();
  }

  end(error: unknown): void {
    this.#cancelTimer?.();
    const call = this.#call;
    const superseded = isOwn(error, 'SUPERSEDED');
    const outcome = clientOutcome(error);
    const kind = call.attemptKind ?? 'first';
    const metrics = this.#metrics;
    if (metrics !== undefined) {
      const { attributes } = this.#subject;
      metrics.attempts.add(1, { ...attributes, [attribute.attemptKind]: kind, [attribute.status]: outcome.code });
      if (kind === 'hedge' && error === undefined) metrics.hedgesWon.add(1, attributes);
    }
    const trace = this.#trace;
    if (trace === undefined) return;
    const { span, tracing } = trace;
    span.setAttributes(this.#where());
    if (superseded) span.setAttributes({ [attribute.superseded]: true, [attribute.status]: outcome.code });
    else showOutcome(span, outcome, tracing.api.SpanStatusCode.ERROR);
    span.end();
  }

  /** Known only once an address was picked. */
  #where(): Attributes {
    return { ...server(this.#call.lease?.address ?? this.#subject.telemetry.target), ...peer(this.#call) };
  }
}

function peer({ peer: { address } }: Call): Attributes {
  if (address === '') return {};
  const { host, port } = hostAndPort(address);
  return port === undefined
    ? { [attribute.peerAddress]: host }
    : { [attribute.peerAddress]: host, [attribute.peerPort]: port };
}
