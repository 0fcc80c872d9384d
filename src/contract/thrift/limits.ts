/**
 * The bounds that hold for every frame, whoever sent it. What a frame declares (a length, a
 * size) is compared with what is left of the frame first, so the memory that a malformed frame
 * can claim is proportional to the frame; these bounds come on top.
 */
export interface ThriftLimits {
  /** How deep structs, and containers in skipped fields, may nest. 64, as in Apache Thrift. */
  readonly depth: number;
  /** How many elements one list, set or map may have. */
  readonly elements: number;
}

export const defaultLimits: ThriftLimits = Object.freeze({ depth: 64, elements: 1_000_000 });

let current: ThriftLimits = defaultLimits;

/** The limits that codecs read and write under when they are given none. */
export function thriftLimits(): ThriftLimits {
  return current;
}

/**
 * Changes the limits for the whole process; what `limits` leaves out becomes the default again.
 * The depth is also bounded by the stack: throws a RangeError above 1,000, or for anything but a positive integer.
 */
export function setThriftLimits(limits: Partial<ThriftLimits>): void {
  const { depth, elements } = { ...defaultLimits, ...limits };
  if (!Number.isInteger(depth) || depth < 1 || depth > 1_000) {
    throw new RangeError(`limits.depth is ${depth}; it must be an integer from 1 to 1000`);
  }
  if (!Number.isInteger(elements) || elements < 1 || elements > 0x7fff_ffff) {
    throw new RangeError(`limits.elements is ${elements}; it must be an integer from 1 to 2147483647`);
  }
  current = Object.freeze({ depth, elements });
}

/** The longest method name, `Service:` included, in bytes. */
export const maxNameBytes = 256;
