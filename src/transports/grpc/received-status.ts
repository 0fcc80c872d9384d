/**
 * From how a call ended on the wire to an RpcError. The server's own statuses are taken at their word. Where there is none
 * (no connection, a broken one, a stream that was reset, an answer that is not gRPC's) the code is what gRPC over HTTP/2 says,
 * and the disposition tells a call that never left from one that may have run.
 * Sources: gRPC over HTTP/2, "Errors"; "HTTP to gRPC Status Code Mapping".
 */
import { constants } from 'node:http2';
import type { Call } from '../../call/call.js';
import { ownError } from '../../call/own-error.js';
import { RpcError } from '../../call/rpc-error.js';
import { detailsHeader, dispositionHeader, errorOfStatus } from '../../call/status.js';
import type { Code } from '../../contract/code.js';
import { connectFailure } from '../connect-failure.js';
import type { ReceivedHeaders } from './received-headers.js';

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INADEQUATE_SECURITY } = constants;

/** The error that trailers tell of; undefined when they say OK. `call`: the one that a server may have given up at its deadline. */
export function errorOf(trailers: ReceivedHeaders, call?: Call): RpcError | undefined {
  const status = trailers.text('grpc-status');
  if (status === '0') return undefined;
  if (status === undefined)
    return ownError('NO_STATUS', 'the answer ended without a grpc-status', { disposition: 'unknown' });
  const message = unescaped(trailers.text('grpc-message') ?? '');
  const details = trailers.bytes(detailsHeader);
  const disposition = trailers.text(dispositionHeader);
  // A handler of ours has run when it says so; gRPC's libraries refuse a message before one does, and have no other word for it.
  if (status === '8' && details === undefined && disposition === undefined && sizeRefused.test(message)) {
    return ownError('MESSAGE_TOO_LARGE', message);
  }
  // What tonic and others say of a call that they gave up for its deadline.
  if (status === '1' && details === undefined && disposition === undefined && call !== undefined && atDeadline(call)) {
    return cutOff(call, call.peer.address);
  }
  return errorOfStatus({
    code: /^[1-9]\d{0,8}$/.test(status) ? Number(status) : 2,
    message,
    details,
    disposition,
  });
}

/** The sentences of gRPC's libraries (C++, Python, Node, Go; Java, .NET; connect-go; Rust) for a message above their limit, either way. */
const sizeRefused =
  /message (after decompression |that decompresses to a size |with a size )?larger than|message exceeds (the )?maximum|larger than configured max|coded message length too large/i;

/** An answer that is not gRPC's, by its headers; undefined for one that is. */
export function foreign(headers: ReceivedHeaders, address: string): RpcError | undefined {
  if (headers.text('grpc-status') !== undefined) return undefined;
  const { status } = headers;
  const type = headers.text('content-type') ?? '';
  if (status === 200 && type.startsWith('application/grpc')) return undefined;
  return ownError(
    'NO_STATUS',
    `${address} answered with HTTP ${status}${type === '' ? '' : ` and ${type.slice(0, 100)}`}; is it a gRPC server?`,
    { code: status === 200 ? 'UNKNOWN' : (codes[status] ?? 'UNKNOWN'), disposition: 'unknown' },
  );
}

const codes: Readonly<Record<number, Code>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

/** There was no connection to begin the call on. */
export function notConnected(address: string, why: Error | undefined): RpcError {
  return ownError('CONNECT_FAILED', `cannot connect to ${address}: ${connectFailure(why)}`, {
    disposition: 'not-executed',
  });
}

/** node:http2 did not take the call. */
export function notBegun(address: string, error: unknown): RpcError {
  return ownError(
    'NO_STREAM',
    `the call to ${address} could not be begun: ${error instanceof Error ? error.message : String(error)}`,
    {
      disposition: 'not-executed',
      cause: error,
    },
  );
}

/** The server has said that it does not take so many headers. */
export function headersTooLarge(path: string, limit: number): RpcError {
  return ownError(
    'HEADERS_TOO_LARGE',
    `the headers of the call to ${path} have more than the ${limit} bytes that its server takes`,
    { disposition: 'not-executed' },
  );
}

/** The connection broke under the call. */
export function connectionLost(address: string): RpcError {
  return ownError('CONNECTION_LOST', `the connection to ${address} was lost during the call`, {
    disposition: 'unknown',
  });
}

/** The server said that it did not look at the call. */
export function refusedStream(address: string): RpcError {
  return ownError(
    'REFUSED',
    `${address} refused the call before looking at it: it is shutting down, or has too many calls`,
    { disposition: 'not-executed' },
  );
}

/** The server broke HTTP/2, or sent more headers than are taken. `code`: what the stream was reset with. */
export function streamFailed(address: string, code: number, what: string): RpcError {
  return reset(
    code === NGHTTP2_ENHANCE_YOUR_CALM ? 'RESOURCE_EXHAUSTED' : 'INTERNAL',
    `the answer of ${address} is not acceptable: ${what}`,
  );
}

/** ms that the clock of a server's deadline may be ahead of ours. */
const deadlineSlack = 5;

/** The stream ended without a status. `rst`: the code of its RST_STREAM, if one came. `call`: the one that a server may have cut at its deadline. */
export function withoutStatus(address: string, rst: number | undefined, call?: Call): RpcError {
  // Servers on Node end a stream before they reset it.
  const givenUp = rst === NGHTTP2_CANCEL || rst === 0 || rst === undefined;
  if (givenUp && call !== undefined && atDeadline(call)) return cutOff(call, address);
  switch (rst) {
    case undefined:
      return ownError('NO_STATUS', `${address} ended the call without a gRPC status; is it a gRPC server?`, {
        disposition: 'unknown',
      });
    case NGHTTP2_REFUSED_STREAM:
      return refusedStream(address);
    case NGHTTP2_CANCEL:
      return reset('CANCELLED', `${address} cancelled the call`);
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return reset(
        'RESOURCE_EXHAUSTED',
        `${address} broke the call off: it asks for fewer of them (ENHANCE_YOUR_CALM)`,
      );
    case NGHTTP2_INADEQUATE_SECURITY:
      return reset('PERMISSION_DENIED', `${address} broke the call off: the connection is not safe enough for it`);
    default:
      return reset('INTERNAL', `${address} broke the call off without a status: RST_STREAM with code ${rst}`);
  }
}

function atDeadline({ deadline }: Call): boolean {
  return deadline !== undefined && deadline.remaining() <= deadlineSlack;
}

function cutOff(call: Call, address: string): RpcError {
  return new RpcError('DEADLINE_EXCEEDED', `${address} broke ${call.method.path} off at its deadline`, {
    disposition: 'unknown',
  });
}

function reset(code: Code, message: string): RpcError {
  return ownError('STREAM_RESET', message, { code, disposition: 'unknown' });
}

/** Percent-encoded UTF-8; what is not stays as it is. */
function unescaped(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
