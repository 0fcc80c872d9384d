/**
 * Which dialect a peer speaks, from the first bytes. Every dialect marks its messages: strict binary
 * with 0x8001, compact with 0x82, THeader with 0x0FFF; old binary begins with the name's length.
 * Source: Apache Thrift, doc/specs/HeaderFormat.md and thrift-rpc.md.
 */
import { maxNameBytes } from '../../contract/thrift/limits.js';
import { WireError } from './wire-error.js';

/** The encoding of a message's values. */
export type ThriftProtocol = 'binary' | 'compact';

/** What stands in a frame. A framed header is a THeader frame in another frame: THeader on top of TFramedTransport. */
export type FrameKind = ThriftProtocol | 'header' | 'framed-header';

/** What the first four bytes of a connection announce. */
export type Opening = 'framed' | 'unframed-binary' | 'unframed-compact';

const httpStarts = new Set(['GET ', 'POST', 'PUT ', 'HEAD', 'OPTI', 'DELE', 'PATC', 'CONN', 'TRAC', 'HTTP', 'PRI ']);

/** `first` holds at least four bytes. Throws a WireError that says what else is at the other end. */
export function openingOf(first: Buffer): Opening {
  const b0 = first[0] as number;
  const b1 = first[1] as number;
  if (b0 === 0x80 && b1 === 0x01) return 'unframed-binary';
  if (b0 === 0x82 && (b1 & 0x1f) === 1) return 'unframed-compact';
  if (b0 === 0x16 && b1 === 0x03) {
    throw new WireError('the peer speaks TLS, but this end is plain TCP; set `tls` here, or use thrift:// there');
  }
  if (httpStarts.has(first.toString('latin1', 0, 4))) {
    throw new WireError('the peer speaks HTTP, but this end speaks Thrift over TCP (framed or THeader)');
  }
  return 'framed';
}

/** What stands in a complete frame. Throws a WireError when it is nothing that is spoken here. */
export function kindOf(frame: Buffer): FrameKind {
  if (frame.length < 4) {
    throw new WireError(`a frame of ${frame.length} bytes is too short to be a Thrift message`);
  }
  const word = frame.readUInt32BE(0);
  const high = word >>> 16;
  if (high === 0x8001) return 'binary';
  if (high === 0x0fff) return 'header';
  // Old binary, which begins with a length too, has bytes behind what that length covers.
  if (word === frame.length - 4 && word >= 2 && frame.readUInt16BE(4) === 0x0fff) return 'framed-header';
  if (word >>> 24 === 0x82) {
    const version = (word >>> 16) & 0x1f;
    if (version === 1) return 'compact';
    throw new WireError(
      `the peer speaks version ${version} of the compact protocol (fbthrift's is 2); only 1 is spoken here`,
    );
  }
  if (word >>> 31 === 1) {
    throw new WireError(
      `a frame begins with 0x${word.toString(16)}: neither binary (0x8001), compact (0x82) nor THeader (0x0fff)`,
    );
  }
  // Binary from before versions: the name's length and the name, a type byte, a sequence id, and a struct of one byte or more.
  if (word <= maxNameBytes && frame.length >= 4 + word + 1 + 4 + 1 && legalMessageType(frame[4 + word]))
    return 'binary';
  throw new WireError(`a frame begins with 0x${word.toString(16).padStart(8, '0')}: not a Thrift message`);
}

function legalMessageType(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 1 && byte <= 4;
}
