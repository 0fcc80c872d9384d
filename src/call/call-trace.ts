/**
 * What the rest of the runtime may say to the trace of a call, without knowing who traces. A call that nobody traces has
 * none (`call.trace` is undefined), so a remark costs `call.trace?.event(...)` and nothing more.
 */
export type TraceAttributes = Readonly<Record<string, string | number | boolean>>;

export interface CallTrace {
  /** 32 hex digits */
  readonly traceId: string;
  /** 16 hex digits */
  readonly spanId: string;
  /** This call as others name it: what is stored with a record, so that a replay can link to who ran. */
  readonly traceparent: string;
  annotate(attributes: TraceAttributes): void;
  /** Something happened at this moment. */
  event(name: string, attributes?: TraceAttributes): void;
  /** Points to another call: the one that executed, the stream that this one resumes. A malformed traceparent is ignored. */
  link(traceparent: string, attributes?: TraceAttributes): void;
}
