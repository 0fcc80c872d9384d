/**
 * A deadline is a point on the local monotonic clock; on the wire it travels as the time that
 * is left (`grpc-timeout`), so no two clocks are ever compared.
 * Source: gRPC over HTTP/2, "Timeout": at most 8 digits and a unit.
 */
import type { Clock } from './clock.js';

export class Deadline {
  constructor(
    /** On the clock's scale, ms. */
    readonly at: number,
    readonly clock: Clock,
  ) {}

  static after(ms: number, clock: Clock): Deadline {
    return new Deadline(clock.now() + ms, clock);
  }

  /** Milliseconds left; 0 or less when it has passed. */
  remaining(): number {
    return this.at - this.clock.now();
  }
}

const notation = /^(\d{1,8})([HMSmun])$/;
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header, or undefined when it is malformed. */
export function parseTimeout(header: string): number | undefined {
  const match = notation.exec(header);
  if (match === null) return undefined;
  return Number(match[1]) * (unitMs[match[2] as string] as number);
}

/** `ms` as a `grpc-timeout` header, rounded down to the finest unit whose number fits 8 digits. */
export function formatTimeout(ms: number): string {
  if (!(ms > 0)) return '0n';
  for (const unit of ['n', 'u', 'm', 'S', 'M', 'H']) {
    const count = Math.floor(ms / (unitMs[unit] as number) + 1e-9);
    if (count <= 99_999_999) return `${count}${unit}`;
  }
  return '99999999H';
}
