/**
 * The span of a stream. One that lasts for long is not to be seen only on the day that it ends: its span is closed after
 * a while, and its end gets a short span of its own, linked to the first. What happens between belongs to the first.
 */
import type { Attributes, SpanKind } from '@opentelemetry/api';
import type { Clock } from '../call/clock.js';
import { attribute } from './conventions.js';
import { SpanTrace } from './span-trace.js';

export interface StreamSpanInit {
  readonly trace: SpanTrace;
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

export class StreamSpan {
  readonly #init: StreamSpanInit;
  readonly #cancelTimer: () => void;
  #opened = false;

  constructor(init: StreamSpanInit, clock: Clock, ms: number) {
    this.#init = init;
    this.#cancelTimer = clock.setTimer(() => this.#open(), ms);
  }

  #open(): void {
    this.#opened = true;
    const { span } = this.#init.trace;
    span.setAttribute(attribute.streamPhase, 'open');
    span.end();
  }

  /** The stream is over: the span that is to tell how. Its caller ends it. */
  close(seconds: number): SpanTrace {
    this.#cancelTimer();
    const { trace, name, kind, attributes } = this.#init;
    if (!this.#opened) return trace;
    const init = {
      name,
      kind,
      attributes: { ...attributes, [attribute.streamPhase]: 'close', [attribute.streamDuration]: seconds },
      links: [{ context: trace.span.spanContext(), attributes: { [attribute.link]: 'stream' } }],
    };
    // Of its own trace: the first may be long stored, and no tool shows a trace of a day.
    return new SpanTrace(trace.tracing, init, trace.tracing.api.ROOT_CONTEXT);
  }
}
