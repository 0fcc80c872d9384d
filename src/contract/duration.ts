/**
 * One notation for durations, in both IDLs, in options and on the command line:
 * a number of milliseconds, or a string of a number and a unit.
 */
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
      `${name} is ${JSON.stringify(value)}; write a number of milliseconds or a string such as "500ms", "2s", "1h"`,
    );
  }
  return Number(match[1]) * (units[match[2] ?? 'ms'] ?? 1);
}

/** ms; what an option may say at most: a year. */
const longest = 365 * 86_400_000;

/** ms of an option that means a time to wait. Throws a TypeError or RangeError that names it for zero, a negative and a huge one. */
export function duration(value: Duration | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const ms = milliseconds(value, name);
  if (!(ms > 0 && ms <= longest)) {
    throw new RangeError(`${name} is ${ms} ms; it is more than 0 and at most 365 days`);
  }
  return ms;
}
