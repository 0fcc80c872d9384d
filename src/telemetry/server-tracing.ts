/**
 * The server's half of tracing: a SERVER span under the attempt that the caller made, active wherever the handler's code runs,
 * each step of a stream included.
 * Source: OpenTelemetry semantic conventions for RPC, 1.45.
 */
import type { Attributes } from '@opentelemetry/api';
import { sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Interceptor } from '../call/interceptor.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import type { ServerEventHub } from '../interceptors/server-events.js';
import { ofMethod, server } from './client-metrics.js';
import { attribute, hostAndPort, methodName } from './conventions.js';
import type { Instruments } from './instruments.js';
import { recordRefusals } from './instruments.js';
import { observed, type Tracing, tracing } from './open-telemetry.js';
import { longStream, type TelemetryOptions } from './options.js';
import { outcomeAttributes, serverOutcome, showOutcome } from './outcome.js';
import { ServerMetrics } from './server-metrics.js';
import { receivedContext, SpanTrace } from './span-trace.js';
import { StreamSpan } from './stream-span.js';
import { type Watcher, watch } from './watch.js';

export interface ServerTelemetry {
  readonly clock: Clock;
  readonly metrics: ServerMetrics;
  /** ms; see StreamSpan */
  readonly longStream: number;
}

/** Throws a TypeError or RangeError for an option that cannot be meant. */
export function serverTelemetry(
  options: TelemetryOptions | false | undefined,
  clock: Clock,
  events: ServerEventHub,
): ServerTelemetry | undefined {
  if (options === false) return undefined;
  recordRefusals();
  return { clock, metrics: new ServerMetrics(events), longStream: longStream(options) };
}

/** Server, stage `trace`, outermost. */
export function serverTracing(telemetry: ServerTelemetry): Interceptor {
  return sharing((method, next) => (call) => {
    if (!observed() && !telemetry.metrics.listening) return next(call);
    const traces = tracing();
    const metrics = telemetry.metrics.current;
    if (traces === undefined && metrics === undefined) return next(call);
    return watch(call, next, new ServedCall(telemetry, method, call, traces, metrics), telemetry.clock);
  });
}

class ServedCall implements Watcher {
  readonly #clock: Clock;
  readonly #call: Call;
  readonly #metrics: Instruments | undefined;
  readonly #trace: SpanTrace | undefined;
  readonly #stream: StreamSpan | undefined;
  readonly #startedAt: number;

  constructor(
    { clock, longStream }: ServerTelemetry,
    method: MethodType,
    call: Call,
    traces: Tracing | undefined,
    metrics: Instruments | undefined,
  ) {
    this.#clock = clock;
    this.#call = call;
    this.#metrics = metrics;
    this.#startedAt = clock.now();
    if (traces === undefined) return;
    const name = methodName(method);
    const kind = traces.api.SpanKind.SERVER;
    const attributes = { ...ofMethod(method), ...ends(call) };
    const trace = new SpanTrace(traces, { name, kind, attributes }, receivedContext(traces, call));
    this.#trace = trace;
    call.trace = trace;
    if (streamsRequest(method.kind) || streamsResponse(method.kind)) {
      this.#stream = new StreamSpan({ trace, name, kind, attributes }, clock, longStream);
    }
  }

  run<T>(step: () => T): T {
    return this.#trace === undefined ? step() : this.#trace.run(step);
  }

  end(error: unknown): void {
    const call = this.#call;
    const outcome = serverOutcome(call, error);
    const seconds = (this.#clock.now() - this.#startedAt) / 1000;
    const trace = this.#stream?.close(seconds) ?? this.#trace;
    if (trace !== undefined) {
      const { span, tracing } = trace;
      span.setAttribute(attribute.correlationId, call.correlationId);
      if (call.queued !== undefined) span.setAttribute(attribute.queueDelay, call.queued / 1000);
      showOutcome(span, outcome, tracing.api.SpanStatusCode.ERROR);
      span.end();
    }
    this.#metrics?.serverDuration.record(
      seconds,
      { ...ofMethod(call.method), ...outcomeAttributes(outcome) },
      this.#trace?.context,
    );
  }
}

/** Both ends of the connection. */
function ends({ local, peer }: Call): Attributes {
  const { host, port } = hostAndPort(peer.address);
  return {
    ...(local === undefined || local === 'unknown' ? {} : server(local)),
    [attribute.clientAddress]: host,
    [attribute.peerAddress]: host,
    ...(port === undefined ? {} : { [attribute.clientPort]: port, [attribute.peerPort]: port }),
  };
}
