/**
 * The OpenTelemetry set-up of the example. Hawser needs nothing of it: it finds what is registered here. Spans and metrics go to a
 * collector where OTEL_EXPORTER_OTLP_ENDPOINT names one; metrics can be read by Prometheus besides.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, type MetricReader, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';

export interface TelemetryTargets {
  /** Where Prometheus reads, `host:port`; another port when that one is taken. */
  readonly prometheus?: string | undefined;
  /** Gets every span as it ends. */
  readonly spans?: SpanExporter;
}

export interface Telemetry {
  /** `http://127.0.0.1:9464/metrics` */
  readonly prometheus: string | undefined;
  /** Sends what is left. */
  stop(): Promise<void>;
}

export async function startTelemetry({ prometheus, spans }: TelemetryTargets): Promise<Telemetry> {
  const resource = resourceFromAttributes({ 'service.name': 'fish-market' });
  const collector = process.env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
  const processors: SpanProcessor[] = [];
  const readers: MetricReader[] = [];
  if (spans !== undefined) processors.push(new SimpleSpanProcessor(spans));
  if (collector) {
    processors.push(new BatchSpanProcessor(new OTLPTraceExporter()));
    readers.push(new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() }));
  }
  const page = prometheus === undefined ? undefined : await servePage(prometheus);
  if (page !== undefined) readers.push(page.reader);

  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  const tracers = new BasicTracerProvider({ resource, spanProcessors: processors });
  if (processors.length > 0) trace.setGlobalTracerProvider(tracers);
  const meters = new MeterProvider({ resource, readers });
  if (readers.length > 0) metrics.setGlobalMeterProvider(meters);
  return {
    prometheus: page?.url,
    async stop() {
      // A collector that is not there is no reason to fail on the way out.
      await Promise.allSettled([tracers.shutdown(), meters.shutdown()]);
      page?.close();
    },
  };
}

async function servePage(address: string) {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const server = createServer((request, response) => {
    if (request.url === '/metrics') reader.getMetricsRequestHandler(request, response);
    else response.writeHead(404).end('see /metrics\n');
  });
  const [host = '127.0.0.1', port = '0'] = address.split(':');
  const listen = (number: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(number, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  await listen(Number(port)).catch(() => listen(0));
  const url = `http://${host}:${(server.address() as AddressInfo).port}/metrics`;
  // Its package brings a copy of the SDK of its own, whose types are others by name.
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { reader: reader as unknown as MetricReader, url, close };
}
