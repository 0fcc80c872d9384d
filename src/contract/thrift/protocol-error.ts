/**
 * The error for Thrift bytes that are not what they should be: malformed, over a limit, or
 * of another version. Its `type` is the number that Apache's TProtocolException gives the kind,
 * so that both sides of a wire name a fault alike.
 */

/** Kinds of fault, as numbered by Apache Thrift's TProtocolException. */
export const ProtocolFault = {
  INVALID_DATA: 1,
  NEGATIVE_SIZE: 2,
  SIZE_LIMIT: 3,
  BAD_VERSION: 4,
  DEPTH_LIMIT: 6,
} as const;
export type ProtocolFault = (typeof ProtocolFault)[keyof typeof ProtocolFault];

export class ThriftProtocolError extends Error {
  readonly type: ProtocolFault;
  /** Whether more bytes could have mended it: the value goes on where the bytes end. */
  readonly truncated: boolean;

  constructor(type: ProtocolFault, message: string, truncated = false) {
    super(message);
    this.type = type;
    this.truncated = truncated;
    Object.defineProperty(this, 'name', { value: 'ThriftProtocolError', configurable: true, writable: true });
  }
}

/** A reply that holds neither a result nor a declared error: Apache's MISSING_RESULT. */
export class MissingResultError extends ThriftProtocolError {
  /** The number of MISSING_RESULT among TApplicationException's types. */
  readonly applicationType = 5;

  constructor(typeName: string) {
    super(
      ProtocolFault.INVALID_DATA,
      `the reply holds neither a result (${typeName}) nor an error that the method declares`,
    );
    Object.defineProperty(this, 'name', { value: 'MissingResultError', configurable: true, writable: true });
  }
}
