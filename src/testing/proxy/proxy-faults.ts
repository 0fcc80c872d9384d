/** What a TCP proxy does to the connections through it. Holds for those that are open too, from the moment it is set. */
import { checkLatency, type Latency } from '../network/latency.js';

export type Direction = 'toTarget' | 'toClient' | 'both';

export interface ProxyFaults {
  /** One way, ms. */
  readonly latency?: Latency;
  /** Bytes a second, each way of each connection. */
  readonly bandwidth?: number;
  /** Bytes that are written at a time, `every` so many ms (default 0: the next turn of the event loop). */
  readonly dribble?: number | { readonly bytes: number; readonly every: number };
  /** Nothing is read or written that way; goes on where it stood when it is taken away. */
  readonly stall?: Direction;
  /** What comes that way vanishes, its end too; a connection that lost anything stays so. The other side sees it open. */
  readonly halfOpen?: Direction;
  /** Bytes of one connection, both ways together, after which it is reset (RST) on both sides. */
  readonly resetAfter?: number;
  /** Nobody listens: new connections are refused, open ones live on. */
  readonly refuse?: boolean;
}

const names: Readonly<Record<keyof ProxyFaults, true>> = {
  latency: true,
  bandwidth: true,
  dribble: true,
  stall: true,
  halfOpen: true,
  resetAfter: true,
  refuse: true,
};

/** Throws a TypeError or RangeError that names the fault that cannot be meant. */
export function checkProxyFaults(faults: ProxyFaults): ProxyFaults {
  for (const name of Object.keys(faults)) {
    if (!Object.hasOwn(names, name)) {
      throw new TypeError(`there is no fault ${JSON.stringify(name)}; the faults are ${Object.keys(names).join(', ')}`);
    }
  }
  const { latency, bandwidth, dribble, resetAfter } = faults;
  if (latency !== undefined) checkLatency('latency', latency);
  if (bandwidth !== undefined && !(bandwidth > 0)) {
    throw new RangeError(
      `bandwidth is a number of bytes a second, more than 0, not ${bandwidth}; to stop all use stall`,
    );
  }
  if (dribble !== undefined) {
    const { bytes, every } = dribbling(dribble);
    if (!Number.isInteger(bytes) || bytes < 1 || !(every >= 0 && every < Number.POSITIVE_INFINITY)) {
      throw new RangeError(
        `dribble is a whole number of bytes, 1 or more, with ms between, 0 or more; not ${JSON.stringify(dribble)}`,
      );
    }
  }
  for (const name of ['stall', 'halfOpen'] as const) {
    const value = faults[name];
    if (value !== undefined && !['toTarget', 'toClient', 'both'].includes(value)) {
      throw new TypeError(`${name} is 'toTarget', 'toClient' or 'both', not ${JSON.stringify(value)}`);
    }
  }
  if (resetAfter !== undefined && !(Number.isInteger(resetAfter) && resetAfter >= 0)) {
    throw new RangeError(`resetAfter is a whole number of bytes, 0 or more, not ${resetAfter}`);
  }
  return faults;
}

export function dribbling(dribble: NonNullable<ProxyFaults['dribble']>): { bytes: number; every: number } {
  return typeof dribble === 'number' ? { bytes: dribble, every: 0 } : dribble;
}
