/**
 * Messages of the npm package as bytes. Its protocols lose the sign of -0.0 and the bytes of text that is not
 * UTF-8, and wait for ever where a frame ends too early; so bodies pass its transports, never its protocols.
 */
import { ThriftBinaryReader } from '../contract/thrift/binary-reader.js';
import { ThriftCompactReader } from '../contract/thrift/compact-reader.js';
import { TType } from '../contract/thrift/protocol.js';
import { ThriftProtocolError } from '../contract/thrift/protocol-error.js';
import type { ApacheTransport } from './apache-types.js';

export type ApacheEncoding = 'binary' | 'compact';

/** The encoding of a protocol class or of an instance of one. Throws a TypeError for others. */
export function encodingOf(protocol: object): ApacheEncoding {
  for (let at: object | null = protocol; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const name = typeof at === 'function' ? at.name : (at as { constructor?: { name?: string } }).constructor?.name;
    if (name === 'TBinaryProtocol') return 'binary';
    if (name === 'TCompactProtocol') return 'compact';
  }
  const given = typeof protocol === 'function' ? protocol.name : protocol.constructor.name;
  throw new TypeError(
    `the adapter speaks TBinaryProtocol and TCompactProtocol, not ${given}; for THeader use hawser's own server and client`,
  );
}

/**
 * Takes the struct that follows a message header out of a transport. A frame ends where it ends, so all of it is the
 * body; in a stream of messages the struct's end is looked for. Throws the package's own
 * InputBufferUnderrunError when a stream does not hold it all yet, a ThriftProtocolError when it never will.
 */
export function takeBody(transport: ApacheTransport, encoding: ApacheEncoding): Buffer {
  const { buf, readIndex, writeIndex } = transport.borrow();
  const rest = buf.subarray(readIndex, writeIndex);
  const length = transport.readPos !== undefined ? rest.length : structLength(rest, encoding);
  if (length === undefined) {
    transport.ensureAvailable(rest.length + 1);
    throw new Error('the transport has more bytes than it lent');
  }
  // The transport may use its buffer again.
  const body = Buffer.from(rest.subarray(0, length));
  transport.consume(length);
  return body;
}

function structLength(bytes: Buffer, encoding: ApacheEncoding): number | undefined {
  const reader = encoding === 'binary' ? new ThriftBinaryReader(bytes) : new ThriftCompactReader(bytes);
  try {
    reader.skip(TType.STRUCT);
    return reader.offset;
  } catch (error) {
    if (error instanceof ThriftProtocolError && error.truncated) return undefined;
    throw error;
  }
}
