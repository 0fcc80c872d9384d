/**
 * One notation for durations, in both IDLs, in options and on the command line:
 * a number of milliseconds, or a string of a number and a unit.
 */
import { shown } from './option-names.js';

export type Duration = number | string;

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const notation = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/;

/**
 * Milliseconds of a duration: `500`, `"500"`, `"500ms"`, `"2s"`, `"1.5m"`, `"1h"`, `"1d"`.
 * Throws a TypeError for another notation, a RangeError below 0; `name` is how the caller calls it.
 */
export function milliseconds(value: Duration, name = 'duration'): number {
  if (typeof value === 'number') {
    if (Number.isNaN(value) || value < 0) {
      throw new RangeError(`${name} is ${value}; it must be a number of milliseconds, 0 or more`);
    }
    return value;
  }
  const match = typeof value === 'string' ? notation.exec(value.trim()) : null;
  if (match === null) {
    throw new TypeError(
      `${name} is ${shown(value)}; write a number of milliseconds or a string such as "500ms", "2s", "1h"`,
    );
  }
  return Number(match[1]) * (units[match[2] ?? 'ms'] ?? 1);
}

const day = 86_400_000;

/** ms of an option that means a time to wait. Throws a TypeError or RangeError that names it for zero, a negative and a huge one. */
export function duration(value: Duration | undefined, name: string, mostDays = 365): number | undefined {
  if (value === undefined) return undefined;
  const ms = milliseconds(value, name);
  if (!(ms > 0 && ms <= mostDays * day)) {
    throw new RangeError(`${name} is ${ms} ms; it is more than 0 and at most ${mostDays} days`);
  }
  return ms;
}

/** The same of one that ends in `setTimeout`, in grpc-js or here, which takes 2^31 ms and more for none. */
export function timerDuration(value: Duration, name: string): number {
  if (value === undefined)
    throw new TypeError(`${name} is missing; write a number of milliseconds or a string such as "20s"`);
  return duration(value, name, 24) as number;
}
