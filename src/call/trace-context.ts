/**
 * The headers of W3C Trace Context (level 1) and W3C Baggage, read strictly: what breaks the rules is treated as if it
 * had not come, because a made-up parent is worse than none. Used to pass a trace on where nobody traces here, and to keep
 * hostile headers from whoever does. Bounded: nothing longer than `mostChars` is looked at.
 */
import { type RawHeaders, rawText, rawValues } from './headers.js';

export const traceparentHeader = 'traceparent';
export const tracestateHeader = 'tracestate';
export const baggageHeader = 'baggage';

export interface Traceparent {
  /** 32 hex digits, not all zero */
  readonly traceId: string;
  /** 16 hex digits, not all zero */
  readonly spanId: string;
  /** 8 bits; 1 is sampled, 2 says that the trace id is random */
  readonly flags: number;
}

/** Characters of a tracestate or baggage (W3C Baggage: 8,192 bytes must be propagated). */
export const mostChars = 8_192;
/** W3C Trace Context 3.3.1.1 */
const mostStates = 32;
/** W3C Baggage 3.3.2: that many must be propagated; what comes after is dropped. */
const mostBaggage = 64;

/** A later version may be longer, after a dash. */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const zeros = /^0+$/;
const longestTraceparent = 512;

/** Undefined for what is no traceparent, or is one of an all-zero id. */
export function parseTraceparent(header: string): Traceparent | undefined {
  if (header.length > longestTraceparent) return undefined;
  const match = form.exec(trimmed(header));
  if (match === null) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (zeros.test(traceId) || zeros.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Version 00, with the flags that it knows. */
export function formatTraceparent({ traceId, spanId, flags }: Traceparent): string {
  return `00-${traceId}-${spanId}-0${flags & 3}`;
}

const stateKey = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const stateValue = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** The members of one or several tracestate headers, in order; undefined when any is malformed, twice there or too many. */
export function readTracestate(headers: readonly string[]): string | undefined {
  const text = headers.join(',');
  if (text.length > mostChars) return undefined;
  const keys = new Set<string>();
  const members: string[] = [];
  for (const part of text.split(',')) {
    const member = trimmed(part);
    if (member === '') continue;
    const equals = member.indexOf('=');
    const key = member.slice(0, Math.max(0, equals));
    if (!stateKey.test(key) || !stateValue.test(member.slice(equals + 1)) || keys.has(key)) return undefined;
    if (keys.size === mostStates) return undefined;
    keys.add(key);
    members.push(member);
  }
  return members.length === 0 ? undefined : members.join(',');
}

/** key = value, then properties; OWS where the grammar has it. */
const baggageMember =
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*)?)*$/;

/** The whole members that are well-formed and within the limits, in order; undefined when none is. */
export function readBaggage(headers: readonly string[]): string | undefined {
  let text = headers.join(',');
  if (text.length > mostChars) text = text.slice(0, text.lastIndexOf(',', mostChars) + 1);
  const members: string[] = [];
  for (const part of text.split(',')) {
    const member = trimmed(part);
    if (!baggageMember.test(member)) continue;
    members.push(member);
    if (members.length === mostBaggage) break;
  }
  return members.length === 0 ? undefined : members.join(',');
}

/** The traceparent of a call's headers, where there is one and only one. */
export function traceparentOf(headers: RawHeaders): Traceparent | undefined {
  const value = rawText(headers, traceparentHeader);
  return value === undefined ? undefined : parseTraceparent(value);
}

/** A tracestate is nothing without its traceparent. */
export function tracestateOf(headers: RawHeaders): string | undefined {
  const values = texts(headers, tracestateHeader);
  return values.length === 0 || traceparentOf(headers) === undefined ? undefined : readTracestate(values);
}

export function baggageOf(headers: RawHeaders): string | undefined {
  const values = texts(headers, baggageHeader);
  return values.length === 0 ? undefined : readBaggage(values);
}

function texts(headers: RawHeaders, name: string): string[] {
  return rawValues(headers, name).filter((value) => typeof value === 'string');
}

/** Without the spaces and tabs that HTTP allows around a value. Not trim(): that takes more away. */
function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && blank(text.charCodeAt(from))) from += 1;
  while (to > from && blank(text.charCodeAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

function blank(char: number): boolean {
  return char === 0x20 || char === 0x09;
}
