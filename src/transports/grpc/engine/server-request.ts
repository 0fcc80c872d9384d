/**
 * What a request must be before a call is made of it: gRPC by its method and content type, of a method that there is, in an
 * encoding that is known, with headers below the limit.
 * Source: gRPC over HTTP/2, "Requests"; "Statuses" for the codes.
 */

import { parseTimeout, timeoutHeader } from '../../../call/deadline.js';
import { ownError } from '../../../call/own-error.js';
import { RpcError } from '../../../call/rpc-error.js';
import { requestAboveLimit } from '../../../call/too-large.js';
import type { HeaderList } from '../../../http2/header-list.js';
import type { ReaderSide } from '../message-reader.js';

/** What is no gRPC at all; undefined for what is. */
export function httpRefusal(
  list: HeaderList,
): { readonly status: number; readonly headers: [string, string][] } | undefined {
  if (list.method !== 'POST') return { status: 405, headers: [['allow', 'POST']] };
  const type = list.get('content-type') ?? '';
  // `application/grpc+json` and the like are other codecs.
  if (/^application\/grpc(\+proto)?\s*(;|$)/i.test(type)) return undefined;
  return { status: 415, headers: [['accept-post', 'application/grpc']] };
}

export function headersTooLarge(size: number, limit: number): RpcError {
  return ownError(
    'HEADERS_TOO_LARGE',
    `the headers of the call have ${size} bytes; the limit is ${limit} (grpc.maxHeaderBytes)`,
    { disposition: 'not-executed' },
  );
}

export function unknownMethod(path: string | undefined): RpcError {
  return ownError('UNKNOWN_METHOD', `the server has no method ${path?.slice(0, 200) ?? 'of this name'}`, {
    disposition: 'not-executed',
  });
}

/** ms; Infinity without a deadline; undefined when the header is malformed. */
export function timeoutOf(list: HeaderList): number | undefined {
  const text = list.get(timeoutHeader);
  return text === undefined ? Number.POSITIVE_INFINITY : parseTimeout(text);
}

export function acceptsGzip(list: HeaderList): boolean {
  const header = list.get('grpc-accept-encoding');
  return header !== undefined && /(^|[\s,])gzip([\s,]|$)/.test(header);
}

const notExecuted = { disposition: 'not-executed' } as const;

/** A server reads requests. */
export const requests: ReaderSide = {
  tooLarge: requestAboveLimit,
  malformed: (what) => new RpcError('INTERNAL', `the caller sent ${what}`, notExecuted),
  unknownEncoding: (encoding) =>
    encoding === undefined || encoding === 'identity'
      ? requests.malformed('a message that is compressed, without a grpc-encoding')
      : new RpcError('UNIMPLEMENTED', `the server does not know the encoding ${encoding}`, notExecuted),
};

export function isKnownEncoding(encoding: string | undefined): boolean {
  return encoding === undefined || encoding === 'identity' || encoding === 'gzip' || encoding === 'deflate';
}
