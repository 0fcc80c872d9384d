/** How long something takes: always the same, anything between two bounds, or mostly short with a tail. */
import type { Random } from '../../call/random.js';

/**
 * Milliseconds: a number; `{ uniform: [2, 8] }`, each value as likely; or a heavy tail (log-normal) with its
 * median and 99th percentile, cut off at `max` (default 10 x p99).
 */
export type Latency =
  | number
  | { readonly uniform: readonly [min: number, max: number] }
  | { readonly median: number; readonly p99: number; readonly max?: number };

/** Standard deviations from the median to the 99th percentile of a normal distribution. */
const z99 = 2.3263478740408408;

/** Throws a RangeError that names `what` for a value that cannot be meant. */
export function checkLatency(what: string, latency: Latency): void {
  const numbers =
    typeof latency === 'number'
      ? [latency]
      : 'uniform' in latency
        ? [0, ...latency.uniform]
        : [0, latency.median, latency.p99, latency.max ?? latency.p99 * 10];
  const rises = numbers.every((ms, i) => Number.isFinite(ms) && ms >= 0 && ms >= (numbers[i - 1] ?? 0));
  if (rises && !(typeof latency === 'object' && 'median' in latency && latency.median === 0)) return;
  throw new RangeError(
    `${what} is ${JSON.stringify(latency)}; write ms as 5, { uniform: [2, 8] } or { median: 5, p99: 50, max: 500 }, none negative and each no less than the one before`,
  );
}

/** One draw, ms. */
export function sample(latency: Latency, random: Random): number {
  if (typeof latency === 'number') return latency;
  if ('uniform' in latency) {
    const [min, max] = latency.uniform;
    return min + random.next() * (max - min);
  }
  const { median, p99, max = p99 * 10 } = latency;
  return Math.min(max, median * Math.exp((Math.log(p99 / median) / z99) * normal(random)));
}

/** Box and Muller's. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
