/**
 * Deprecation, announced where it is noticed: a server says with every answer of a deprecated method since when it is and
 * when it will be gone, and a client, also one whose stub is older than that, warns once a day for each method.
 * Sources: RFC 9745 (Deprecation), RFC 8594 (Sunset).
 */
import { sharing } from '../call/answer-steps.js';
import type { Clock } from '../call/clock.js';
import { type RawHeaders, rawValues } from '../call/headers.js';
import type { Interceptor } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import type { MethodType } from '../contract/method.js';
import type { Deprecation } from '../contract/policy.js';
import type { ClientEventHub } from './client-events.js';

export const deprecationHeader = 'deprecation';
export const sunsetHeader = 'sunset';

const day = 86_400_000;

/** Server, stage `negotiate`. */
export const serverDeprecation: Interceptor = sharing((method, next) => {
  const { deprecated } = method.policy;
  if (deprecated === undefined || method.kind === 'oneway') return next;
  const since = sinceHeader(deprecated);
  const sunset = sunsetOf(deprecated);
  return (call) => {
    const { responseHeaders } = call;
    responseHeaders.set(deprecationHeader, since);
    if (sunset !== undefined) responseHeaders.set(sunsetHeader, sunset);
    return next(call);
  };
});

/** `@` and seconds since 1970. Where the IDL gives a version and no date: `@0`, for some time ago. */
function sinceHeader({ since = '' }: Deprecation): string {
  const ms = /^\d{4}-\d{2}-\d{2}/.test(since) ? Date.parse(since) : 0;
  return `@${Number.isNaN(ms) ? 0 : Math.floor(ms / 1_000)}`;
}

function sunsetOf({ sunset }: Deprecation): string | undefined {
  const ms = sunset === undefined ? Number.NaN : Date.parse(sunset);
  return Number.isNaN(ms) ? undefined : new Date(ms).toUTCString();
}

/** The notices of one client. */
export class DeprecationNotices {
  readonly #events: ClientEventHub;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #told: Map<string, number> | undefined;

  constructor(events: ClientEventHub, logger: Logger, clock: Clock) {
    this.#events = events;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** The headers of an answer have come. */
  received(headers: RawHeaders, method: MethodType): void {
    const value = rawValues(headers, deprecationHeader)[0];
    if (value === undefined) return;
    const today = Math.floor(this.#clock.wallTime() / day);
    if (this.#told?.get(method.path) === today) return;
    this.#told ??= new Map();
    this.#told.set(method.path, today);
    this.#tell(method, dateOfDeprecation(value), dateOfSunset(rawValues(headers, sunsetHeader)[0]));
  }

  #tell(method: MethodType, since: Date | undefined, sunset: Date | undefined): void {
    const { replacement } = method.policy.deprecated ?? {};
    const parts = [
      `${method.path} is deprecated${since === undefined ? '' : ` since ${dateText(since)}`}`,
      ...(sunset === undefined ? [] : [`it may be gone after ${dateText(sunset)}`]),
      ...(replacement === undefined ? [] : [`use ${replacement}`]),
    ];
    this.#logger.warn({ method: method.path }, parts.join('; '));
    if (this.#events.wants('deprecated')) this.#events.emit('deprecated', { method, since, sunset, replacement });
  }
}

/** Undefined for `@0` and below, and for what is no such header: then only the fact is known. */
function dateOfDeprecation(value: unknown): Date | undefined {
  const match = typeof value === 'string' ? /^@(\d{1,12})$/.exec(value.trim()) : null;
  return match === null || Number(match[1]) === 0 ? undefined : valid(Number(match[1]) * 1_000);
}

function dateOfSunset(value: unknown): Date | undefined {
  return typeof value === 'string' && value.length < 64 ? valid(Date.parse(value)) : undefined;
}

function valid(ms: number): Date | undefined {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function dateText(date: Date): string {
  return date.toISOString().slice(0, 10);
}
