/**
 * `google.protobuf.Timestamp` and `Duration`, between seconds with nanoseconds and what JavaScript has. A Date and a number of
 * milliseconds hold less than they do: what is finer than a millisecond is cut from a Date, and kept as a fraction in a number.
 */

/** What both types are in TypeScript. Code made with `--int64 string` has the seconds as text. */
export interface Seconds {
  readonly seconds: bigint | string;
  readonly nanos: number;
}
export interface SecondsAndNanos {
  seconds: bigint;
  nanos: number;
}

const nanosInSecond = 1_000_000_000;
/** Of a Date: 100 million days around 1970. */
const mostMs = 8_640_000_000_000_000;

/** @example await client.list({ since: timestampFromDate(new Date()) }) */
export function timestampFromDate(date: Date): SecondsAndNanos {
  return timestampFromMs(date.getTime());
}

/** `ms` since 1970. Throws a RangeError for what is no time that a Date can hold. */
export function timestampFromMs(ms: number): SecondsAndNanos {
  if (!(Math.abs(ms) <= mostMs)) throw new RangeError(`${ms} is no time in milliseconds since 1970`);
  let seconds = Math.floor(ms / 1_000);
  let nanos = Math.round((ms - seconds * 1_000) * 1_000_000);
  if (nanos === nanosInSecond) {
    seconds++;
    nanos = 0;
  }
  return { seconds: BigInt(seconds), nanos };
}

/** Throws a RangeError for a time that a Date cannot hold. */
export function timestampDate(timestamp: Seconds): Date {
  const ms = Math.floor(timestampMs(timestamp));
  if (!(Math.abs(ms) <= mostMs))
    throw new RangeError(`${timestamp.seconds} seconds since 1970 are beyond what a Date holds`);
  return new Date(ms);
}

/** Milliseconds since 1970, with what is finer as a fraction. */
export function timestampMs(timestamp: Seconds): number {
  return milliseconds(timestamp);
}

/** Throws a RangeError for a number that is not finite, or of more than 10,000 years. */
export function durationFromMs(ms: number): SecondsAndNanos {
  if (!(Math.abs(ms) <= 315_576_000_000_000))
    throw new RangeError(`${ms} ms are no Duration, which is at most 10,000 years`);
  let seconds = Math.trunc(ms / 1_000);
  let nanos = Math.round((ms - seconds * 1_000) * 1_000_000);
  if (Math.abs(nanos) === nanosInSecond) {
    seconds += Math.sign(nanos);
    nanos = 0;
  }
  // No -0, which is not equal to 0.
  return { seconds: BigInt(seconds), nanos: nanos + 0 };
}

/** Milliseconds, with what is finer as a fraction. */
export function durationMs(duration: Seconds): number {
  return milliseconds(duration);
}

function milliseconds({ seconds, nanos }: Seconds): number {
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}
