/**
 * Finds OpenTelemetry by itself: a program that registers an SDK gets spans and metrics without a line of code, at any time,
 * also after the server was made. Its API keeps what is registered under a well-known symbol, so that a call in a
 * program without OpenTelemetry costs one look at that symbol, and `@opentelemetry/api` is loaded only once something is there.
 */
import { createRequire } from 'node:module';
import type { Context, Meter, Tracer } from '@opentelemetry/api';
import { givenApi } from './given-api.js';

export type OpenTelemetryApi = typeof import('@opentelemetry/api');

/** Where every copy of `@opentelemetry/api` 1.x keeps what was registered. */
const registry = Symbol.for('opentelemetry.js.api.1');
const scope = 'hawser';

interface Registered {
  readonly trace?: object;
  readonly context?: object;
  readonly propagation?: object;
  readonly metrics?: object;
}

export interface Tracing {
  readonly api: OpenTelemetryApi;
  readonly tracer: Tracer;
  /** Whether a propagator says which headers go out; else those of W3C do. */
  readonly propagates: boolean;
  /** The context of the running code; undefined where no context manager keeps one. */
  active(): Context | undefined;
}

let loaded: OpenTelemetryApi | false | undefined;
let tracingNow: { readonly of: object | undefined; readonly tracing: Tracing } | undefined;

function registered(): Registered | undefined {
  return (globalThis as { [registry]?: Registered })[registry];
}

/** Whether anything is registered that calls are to be shown to; all that a call costs in a program without an SDK. */
export function observed(): boolean {
  const now = registered();
  return now !== undefined && (now.trace !== undefined || now.propagation !== undefined || now.metrics !== undefined);
}

/** Undefined while nobody has registered a tracer provider or a propagator. */
export function tracing(): Tracing | undefined {
  const now = registered();
  if (now === undefined || (now.trace === undefined && now.propagation === undefined)) return undefined;
  if (tracingNow === undefined || tracingNow.of !== now.trace) {
    const api = load();
    // Not kept: it may still be handed over.
    if (api === undefined) return undefined;
    tracingNow = { of: now.trace, tracing: new RegisteredTracing(api) };
  }
  return tracingNow.tracing;
}

class RegisteredTracing implements Tracing {
  readonly api: OpenTelemetryApi;
  readonly tracer: Tracer;

  constructor(api: OpenTelemetryApi) {
    this.api = api;
    this.tracer = api.trace.getTracer(scope);
  }

  get propagates(): boolean {
    return registered()?.propagation !== undefined;
  }

  active(): Context | undefined {
    return registered()?.context === undefined ? undefined : this.api.context.active();
  }
}

/** What is registered for metrics now; undefined when nothing is. Another object is another provider. */
export function meterProvider(): object | undefined {
  return registered()?.metrics;
}

export function meter(): Meter | undefined {
  return meterProvider() === undefined ? undefined : load()?.metrics.getMeter(scope);
}

function load(): OpenTelemetryApi | undefined {
  const given = givenApi();
  if (given !== undefined) return given as OpenTelemetryApi;
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('@opentelemetry/api') as OpenTelemetryApi;
    } catch {
      loaded = false;
      process.emitWarning(
        'OpenTelemetry is registered in this program, but hawser cannot find @opentelemetry/api, so there will be no spans and metrics of calls; install it beside hawser, or hand it over: useOpenTelemetry(api)',
        { code: 'HAWSER_OPENTELEMETRY' },
      );
    }
  }
  return loaded === false ? undefined : loaded;
}
