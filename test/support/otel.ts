/** An OpenTelemetry SDK that keeps spans and metrics in memory, registered as a program would register it. */
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  MeterProvider,
  MetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { onTestFinished } from 'vitest';

class OnDemand extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }

  protected override async onShutdown(): Promise<void> {}

  protected override async onForceFlush(): Promise<void> {}
}

export interface Recorded {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly value: number | Histogram;
}

export interface Parts {
  readonly spans?: boolean;
  readonly metrics?: boolean;
  readonly contexts?: boolean;
  readonly propagators?: boolean;
}

export class Otel {
  readonly #exporter = new InMemorySpanExporter();
  readonly #reader = new OnDemand();

  constructor({ spans = true, metrics: meters = true, contexts = true, propagators = true }: Parts = {}) {
    if (contexts) context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    if (propagators) {
      const propagator = new CompositePropagator({
        propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
      });
      propagation.setGlobalPropagator(propagator);
    }
    if (spans) {
      const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#exporter)] });
      trace.setGlobalTracerProvider(provider);
    }
    if (meters) metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.#reader] }));
    onTestFinished(() => this.unregister());
  }

  unregister(): void {
    trace.disable();
    context.disable();
    propagation.disable();
    metrics.disable();
  }

  /** In the order in which they began. */
  get spans(): readonly ReadableSpan[] {
    const at = ({ startTime: [seconds, nanos] }: ReadableSpan): number => seconds * 1e9 + nanos;
    return this.#exporter.getFinishedSpans().toSorted((a, b) => at(a) - at(b));
  }

  span(name: string, kind?: number): ReadableSpan {
    const found = this.spans.filter((one) => one.name === name && (kind === undefined || one.kind === kind));
    if (found.length !== 1) throw new Error(`${found.length} spans are called ${name}: ${this.tree()}`);
    return found[0] as ReadableSpan;
  }

  /** Every span with its kind and status, indented under its parent. */
  tree(): string {
    const { spans } = this;
    const known = new Set(spans.map((one) => one.spanContext().spanId));
    const kinds = ['INTERNAL', 'SERVER', 'CLIENT'];
    const show = (one: ReadableSpan, depth: number): string[] => [
      `${'  '.repeat(depth)}${kinds[one.kind]} ${one.name} ${one.attributes['rpc.status_code'] ?? ''}`.trimEnd(),
      ...spans
        .filter((child) => child.parentSpanContext?.spanId === one.spanContext().spanId)
        .flatMap((child) => show(child, depth + 1)),
    ];
    return spans
      .filter((one) => !known.has(one.parentSpanContext?.spanId ?? ''))
      .flatMap((one) => show(one, 0))
      .join('\n');
  }

  /** What a metric has now, by attributes. */
  async metric(name: string): Promise<readonly Recorded[]> {
    const found = (await this.#metrics()).find(({ descriptor }) => descriptor.name === name);
    return (found?.dataPoints ?? []).map(({ attributes, value }: DataPoint<number | Histogram>) => ({
      attributes,
      value,
    }));
  }

  async metricNames(): Promise<readonly string[]> {
    return (await this.#metrics()).map(({ descriptor }) => descriptor.name);
  }

  async unit(name: string): Promise<string | undefined> {
    return (await this.#metrics()).find(({ descriptor }) => descriptor.name === name)?.descriptor.unit;
  }

  async #metrics() {
    const { resourceMetrics } = await this.#reader.collect();
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics as unknown as readonly AnyMetric[]);
  }
}

interface AnyMetric {
  readonly descriptor: { readonly name: string; readonly unit: string };
  readonly dataPoints: readonly DataPoint<number | Histogram>[];
}
