/**
 * TApplicationException: how a call that failed for no declared reason ends. Ours carry three
 * more fields, which every reader skips that does not know them, so that an RpcError of
 * another Hawser arrives whole even where the wire has no headers. Bytes travel as base64: Apache's Python library decodes a
 * binary field that it skips as UTF-8, and drops the connection when it is not.
 */
import type { Encoding } from '../codec.js';
import { decodeWith, encodeWith } from './pool.js';
import type { ThriftReader, ThriftWriter } from './protocol.js';

/** Types of a TApplicationException, as numbered by Apache Thrift. */
export const ApplicationFault = {
  UNKNOWN: 0,
  UNKNOWN_METHOD: 1,
  INVALID_MESSAGE_TYPE: 2,
  WRONG_METHOD_NAME: 3,
  BAD_SEQUENCE_ID: 4,
  MISSING_RESULT: 5,
  INTERNAL_ERROR: 6,
  PROTOCOL_ERROR: 7,
  INVALID_TRANSFORM: 8,
  INVALID_PROTOCOL: 9,
  UNSUPPORTED_CLIENT_TYPE: 10,
} as const;
export type ApplicationFault = (typeof ApplicationFault)[keyof typeof ApplicationFault];

export interface ApplicationException {
  readonly message: string;
  /** An ApplicationFault, or a number that is none. 0 when the peer sent none, as npm thrift's servers do. */
  readonly type: number;
  /** gRPC's status code. */
  readonly code?: number | undefined;
  /** A google.rpc.Status, encoded. */
  readonly details?: Uint8Array | undefined;
  /** `not-executed` or `executed` */
  readonly disposition?: string | undefined;
}

/** The struct that follows a message header of type EXCEPTION. */
export function encodeApplicationException(exception: ApplicationException, encoding: Encoding): Buffer {
  return encodeWith(encoding, exception, writeApplicationException);
}

/** Reads exactly `bytes`. Throws a ThriftProtocolError when they are malformed. */
export function decodeApplicationException(bytes: Uint8Array, encoding: Encoding): ApplicationException {
  return decodeWith(encoding, bytes, readApplicationException);
}

function writeApplicationException(writer: ThriftWriter, exception: ApplicationException): void {
  const { message, type, code, details, disposition } = exception;
  writer.structBegin();
  writer.field(11, 1);
  writer.string(message);
  writer.field(8, 2);
  writer.i32(type);
  if (code !== undefined) {
    writer.field(8, 100);
    writer.i32(code);
  }
  if (disposition !== undefined) {
    writer.field(11, 102);
    writer.string(disposition);
  }
  if (details !== undefined) {
    writer.field(11, 103);
    writer.string(Buffer.from(details.buffer, details.byteOffset, details.byteLength).toString('base64'));
  }
  writer.structEnd();
}

function readApplicationException(reader: ThriftReader): ApplicationException {
  let message = '';
  let type = 0;
  let code: number | undefined;
  let details: Uint8Array | undefined;
  let disposition: string | undefined;
  reader.structBegin(104);
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    switch (field) {
      case (1 << 8) | 11:
        message = reader.string();
        break;
      case (2 << 8) | 8:
        type = reader.i32();
        break;
      case (100 << 8) | 8:
        code = reader.i32();
        break;
      case (101 << 8) | 11:
        details = reader.binary(); // from a Hawser of before
        break;
      case (102 << 8) | 11:
        disposition = reader.string();
        break;
      case (103 << 8) | 11:
        details = new Uint8Array(Buffer.from(reader.string(), 'base64'));
        break;
      default:
        reader.skip(field & 0xff);
    }
  }
  reader.structEnd();
  return { message, type, code, details, disposition };
}
