/** What others attach to a call for as long as it lasts: the endpoint it went to, its place at a limit, who looks at its answer. */
import type { Call } from './call.js';
import type { RawHeaders } from './headers.js';

/** What an attempt holds of the endpoint that it went to. Whoever began the attempt gives it back. */
export interface Lease {
  /** The address, for events and messages. */
  readonly address: string;
  /**
   * How the attempt went, once: the error, or undefined when the server answered. `hadTime`: whether a deadline that it failed by
   * left the time that an answer may take.
   */
  report(error: unknown, hadTime: boolean): void;
  /** The attempt is over, once. `abandoned`: given up for being slow, so the server may still be at it. */
  release(abandoned: boolean): void;
}

/** A place that a call has taken at a limit; one object for all calls, so that none needs a closure of its own. */
export interface Permit {
  /** The call is over. */
  release(call: Call): void;
}

/** What a caller has said of the contract that it was built with (server). */
export interface CallerContract {
  /** `1.4.0` */
  readonly version: string;
  /** What both ends understand and use. */
  readonly features: readonly string[];
}

/** Looks at the headers of every response; one object for many calls (client). */
export interface ResponseWatch {
  /** `ended`: these are the trailers of an answer that had no headers. */
  received(headers: RawHeaders, call: Call, ended: boolean): void;
}

/** Why an attempt was begun. */
export type AttemptKind = 'first' | 'retry' | 'hedge';
