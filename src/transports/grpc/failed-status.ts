/**
 * The status of a failed call as a server sends it. Bounded: a status travels in HTTP/2 trailers, and
 * many clients refuse the whole call when those pass 8 KB (Java, C++ and Python by default), so a long text is cut
 * and details that do not fit are left out, the ErrorInfo last.
 */
import type { Call } from '../../call/call.js';
import { HeaderMap, rawText } from '../../call/headers.js';
import type { Logger } from '../../call/logger.js';
import { ofService, ownError } from '../../call/own-error.js';
import { isRpcError, RpcError } from '../../call/rpc-error.js';
import {
  declarationOf,
  detailsHeader,
  dispositionHeader,
  encodeStatus,
  pushbackHeader,
  statusOfDeclared,
} from '../../call/status.js';
import type { Refusal } from '../../call/transport.js';
import { codeNumber, isCode } from '../../contract/code.js';

/** Characters of `grpc-message`, percent-encoded. */
const longestMessage = 2_000;
/** Bytes of details, before base64: for any client; for our own, whose Node takes 64 KB of headers. */
const foreignDetails = 4_000;
const ownDetails = 32_000;

/** By this name a client says, in `user-agent`, that it is one of ours. */
export const ownUserAgent = 'hawser';

/** How a call ended, on either HTTP/2. */
export interface CallStatus {
  /** gRPC's number. */
  readonly code: number;
  readonly message: string;
  readonly trailers: HeaderMap | undefined;
}

/** `reason` is what the handler rejected with, or why the call was aborted. Never throws: it is the last resort. */
export function failedStatus(call: Call, reason: unknown, logger: Logger): CallStatus {
  try {
    return statusOf(call, asRpcError(call, reason, logger));
  } catch (error) {
    // A declared error whose fields are of the wrong types, say.
    logger.error({ err: error, reason, method: call.method.path }, 'the error of a call cannot be sent');
    return { code: codeNumber('INTERNAL'), message: 'the server failed', trailers: undefined };
  }
}

function statusOf(call: Call, error: RpcError): CallStatus {
  const message = shortened(error.message);
  const trailers = new HeaderMap(trailersOf(call));
  const room = rawText(call.rawHeaders, 'user-agent')?.startsWith(ownUserAgent) ? ownDetails : foreignDetails;
  const details = detailsWithin(error, message, room);
  if (details !== undefined) trailers.put(detailsHeader, details);
  if (error.disposition !== 'unknown') trailers.put(dispositionHeader, error.disposition);
  // A code that TypeScript did not check may be none, and OK is no code for a failure.
  const code = isCode(error.code) && error.code !== 'OK' ? error.code : 'UNKNOWN';
  return { code: codeNumber(code), message, trailers };
}

const refusals = new WeakMap<Refusal, CallStatus>();

/** The status of a call that there was no room for; made once for all that are refused for the same. */
export function refusedStatus(refusal: Refusal): CallStatus {
  let status = refusals.get(refusal);
  if (status === undefined) {
    const { error, pushback } = refusal;
    const trailers = new HeaderMap();
    trailers.put(pushbackHeader, pushback);
    trailers.put(detailsHeader, encodeStatus(error));
    trailers.put(dispositionHeader, error.disposition);
    status = { code: codeNumber(error.code), message: error.message, trailers };
    refusals.set(refusal, status);
  }
  return status;
}

/** The status of a request that no call was made of. */
export function statusOfError(error: RpcError): CallStatus {
  const trailers = new HeaderMap();
  trailers.put(detailsHeader, encodeStatus(error));
  trailers.put(dispositionHeader, error.disposition);
  return { code: codeNumber(error.code), message: shortened(error.message), trailers };
}

/** The handler's own trailers, if there are any. */
export function trailersOf(call: Call): HeaderMap | undefined {
  return call.hasResponseTrailers ? call.responseTrailers : undefined;
}

function asRpcError(call: Call, reason: unknown, logger: Logger): RpcError {
  const declaration = declarationOf(call.method, reason);
  if (declaration !== undefined) return statusOfDeclared(reason as Error, declaration, call.encoding);
  // No one else's word on whether our handler ran: it did, so that is what the caller hears.
  if (isRpcError(reason)) {
    const error = ofService(reason, call.method.service.name);
    return call.handlerStarted || call.verdict !== undefined ? error.withDisposition(call.disposition) : error;
  }
  logger.error({ err: reason, method: call.method.path, peer: call.peer.address }, 'the call failed');
  return ownError('HANDLER_FAILED', 'the server failed', {
    disposition: call.handlerStarted ? 'executed' : 'unknown',
  });
}

function detailsWithin(error: RpcError, message: string, room: number): Uint8Array | undefined {
  const all = encodeStatus(error);
  if (all.byteLength <= room) return all;
  const info = error.details.filter((detail) => detail.type === 'google.rpc.ErrorInfo');
  const least = encodeStatus(new RpcError(error.code, message, { details: info }));
  return least.byteLength <= room ? least : undefined;
}

/** `encodeURI` (grpc-js) throws for half a surrogate pair, in a place where that ends the process. */
function shortened(message: string): string {
  const text = message.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
  if (text.length * 9 <= longestMessage || encodeURI(text).length <= longestMessage) return text;
  let kept = '';
  let room = longestMessage - 3;
  for (const character of text) {
    room -= encodeURI(character).length;
    if (room < 0) break;
    kept += character;
  }
  return `${kept}...`;
}
