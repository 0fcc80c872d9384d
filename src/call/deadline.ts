/**
 * A deadline is a point on the local monotonic clock; on the wire it travels as the time that
 * is left (`grpc-timeout`), so no two clocks are ever compared.
 * Source: gRPC over HTTP/2, "Timeout": at most 8 digits and a unit.
 */
import type { Clock } from './clock.js';
import { ownError } from './own-error.js';
import type { RpcError } from './rpc-error.js';

/** ms */
const leastSaid = 1e-6;

export class Deadline {
  constructor(
    /** On the clock's scale, ms. */
    readonly at: number,
    readonly clock: Clock,
  ) {}

  static after(ms: number, clock: Clock): Deadline {
    return new Deadline(clock.now() + ms, clock);
  }

  /** Milliseconds left at `now`, if given; 0 or less when it has passed. */
  remaining(now = this.clock.now()): number {
    return this.at - now;
  }

  /** Whether less is left at `now` than a wire can say: a nanosecond. */
  isSpent(now: number): boolean {
    return this.remaining(now) < leastSaid;
  }
}

export const timeoutHeader = 'grpc-timeout';
/** Finest first: how many of a unit make a millisecond. A power of ten or 1/whole number, so that each count is divided once. */
const perMs = { n: 1e6, u: 1e3, m: 1, S: 1 / 1e3, M: 1 / 6e4, H: 1 / 36e5 } as const;
const units = Object.entries(perMs) as readonly [keyof typeof perMs, number][];
const mostCount = 99_999_999;

/** ms of a number of units, by one multiplication or division of whole numbers: as near as a double can be. */
function inMs(count: number, perMillisecond: number): number {
  return perMillisecond >= 1 ? count / perMillisecond : count * Math.round(1 / perMillisecond);
}

/** Milliseconds of a `grpc-timeout` header, or undefined when it is malformed. */
export function parseTimeout(header: string): number | undefined {
  // By hand: a regular expression with its match costs several times as much, and this is read on every call.
  const digits = header.length - 1;
  const unit = header[digits] as string;
  if (digits < 1 || digits > 8 || !Object.hasOwn(perMs, unit)) return undefined;
  let count = 0;
  for (let i = 0; i < digits; i++) {
    const digit = header.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    count = 10 * count + digit;
  }
  return inMs(count, perMs[unit as keyof typeof perMs]);
}

/**
 * `ms` as a `grpc-timeout` header, in the finest unit whose number fits 8 digits. Never more than is left: what is read is
 * `ms` or up to one unit less. `0n` for a deadline that is spent: one with less than a nanosecond left is.
 */
export function formatTimeout(ms: number): string {
  if (!(ms > 0)) return '0n';
  for (const [unit, perMillisecond] of units) {
    let count = Math.round(ms * perMillisecond);
    if (inMs(count, perMillisecond) > ms) count -= 1;
    if (count <= mostCount) return `${count}${unit}`;
  }
  return `${mostCount}H`;
}

/** For transports: why an attempt does not go out whose deadline has passed while it waited to. */
export function spentBeforeSent(path: string): RpcError {
  return ownError('DEADLINE_BEFORE_SENT', `the deadline of ${path} had passed before it was sent`, {
    disposition: 'not-executed',
  });
}
