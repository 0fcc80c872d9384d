/** What both Thrift writers share over the growing buffer: limits, uuids, and what is said of values that do not fit. */
import { Sink } from '../bytes/sink.js';
import { shown } from '../bytes/wrong-value.js';
import { type ThriftLimits, thriftLimits } from './limits.js';

export abstract class ByteSink extends Sink {
  declare protected bytes: Buffer<ArrayBuffer>;
  protected depth = 0;
  protected maxDepth: number;
  protected maxElements: number;

  constructor(limits: ThriftLimits = thriftLimits()) {
    super();
    this.maxDepth = limits.depth;
    this.maxElements = limits.elements;
  }

  /** Forgets what was written; also the room that a message took which was never finished. */
  reset(limits: ThriftLimits): void {
    this.empty();
    this.depth = 0;
    this.maxDepth = limits.depth;
    this.maxElements = limits.elements;
  }

  override finish(): Buffer<ArrayBuffer> {
    return super.finish() as Buffer<ArrayBuffer>;
  }

  /** The 16 bytes of a uuid in its text form. Room must be there. */
  protected uuidBytes(value: string): void {
    if (typeof value !== 'string' || !uuidForm.test(value)) {
      throw new TypeError(`${shown(value)} is not a uuid; write it as 00112233-4455-6677-8899-aabbccddeeff`);
    }
    this.bytes.write(value.replaceAll('-', ''), this.pos, 16, 'hex');
    this.pos += 16;
  }

  protected tooDeep(): never {
    throw new RangeError(
      `the value nests structs more than ${this.maxDepth} deep; readers refuse that (a value that contains itself never ends)`,
    );
  }

  /** An array handed in for a Set has no `size`; the like must not become a wrong count on the wire. */
  protected badSize(size: unknown): never {
    if (typeof size !== 'number') {
      throw new TypeError(
        'the value is not the container that is wanted: a list is an array, a set a Set, a map a Map',
      );
    }
    throw new RangeError(
      `a container of ${size} elements is outside 0..${this.maxElements}; split it, or raise limits.elements on both sides`,
    );
  }
}

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Throws for an integer that is not one, or outside its type's range. */
export function notInteger(type: string, bits: 8 | 16 | 32, value: unknown): never {
  const half = 2 ** (bits - 1);
  const message = `${shown(value)} is not an ${type}; it must be an integer from ${-half} to ${half - 1}`;
  throw typeof value === 'number' ? new RangeError(message) : new TypeError(message);
}

export function notI64(value: unknown): never {
  const message = `${shown(value)} is not an i64; it must be a bigint from -9223372036854775808n to 9223372036854775807n`;
  throw typeof value === 'bigint' ? new RangeError(message) : new TypeError(message);
}
