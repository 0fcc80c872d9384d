/**
 * RpcErrors as TApplicationExceptions, and back. Our own carry the whole status in extra fields, so
 * our client sees the same error on every wire; for others the type is the nearest that Apache has.
 */
import { HeaderMap } from '../../call/headers.js';
import { ownError } from '../../call/own-error.js';
import { type Disposition, RpcError } from '../../call/rpc-error.js';
import { dispositionHeader, encodeStatus, errorOfStatus } from '../../call/status.js';
import { type Code, codeNumber } from '../../contract/code.js';
import type { Encoding } from '../../contract/codec.js';
import {
  ApplicationFault,
  decodeApplicationException,
  encodeApplicationException,
} from '../../contract/thrift/application-exception.js';

export const statusHeader = 'hawser-status';
export const statusDetailsHeader = 'hawser-status-details-bin';

const names = Object.keys(ApplicationFault) as readonly FaultName[];

type FaultName = keyof typeof ApplicationFault;

/** The name that Apache gives a type. */
export function faultName(type: ApplicationFault): FaultName {
  return names[type] as FaultName;
}

/** The type that a foreign client reads. */
function faultOf(code: Code): ApplicationFault {
  if (code === 'UNIMPLEMENTED') return ApplicationFault.UNKNOWN_METHOD;
  if (code === 'INVALID_ARGUMENT') return ApplicationFault.PROTOCOL_ERROR;
  return ApplicationFault.INTERNAL_ERROR;
}

/** `type` where the wire itself is at fault and has a name for it. */
export function encodeError(error: RpcError, encoding: Encoding, type: ApplicationFault = faultOf(error.code)): Buffer {
  return encodeApplicationException(
    {
      message: error.message,
      type,
      code: codeNumber(error.code),
      details: encodeStatus(error),
      ...(error.disposition === 'unknown' ? {} : { disposition: error.disposition }),
    },
    encoding,
  );
}

/** The response's headers with the status of a failed call among them, for THeader. */
export function withStatusHeaders(headers: HeaderMap | undefined, error: RpcError): HeaderMap {
  const all = new HeaderMap(headers);
  all.set(statusHeader, String(codeNumber(error.code)));
  all.set(statusDetailsHeader, encodeStatus(error));
  if (error.disposition === 'unknown') all.delete(dispositionHeader);
  else all.set(dispositionHeader, error.disposition);
  return all;
}

/** Takes the status out of a reply's headers: what stays is the application's. */
export function withoutStatusHeaders(headers: HeaderMap): HeaderMap {
  for (const name of [statusHeader, statusDetailsHeader, dispositionHeader]) headers.delete(name);
  return headers;
}

interface Meaning {
  readonly code: Code;
  readonly disposition: Disposition;
}

/** What a type means when a foreign server says it. */
const meanings: Readonly<Record<ApplicationFault, Meaning>> = {
  [ApplicationFault.UNKNOWN]: { code: 'UNKNOWN', disposition: 'unknown' },
  [ApplicationFault.UNKNOWN_METHOD]: { code: 'UNIMPLEMENTED', disposition: 'not-executed' },
  [ApplicationFault.INVALID_MESSAGE_TYPE]: { code: 'INTERNAL', disposition: 'unknown' },
  [ApplicationFault.WRONG_METHOD_NAME]: { code: 'INTERNAL', disposition: 'unknown' },
  [ApplicationFault.BAD_SEQUENCE_ID]: { code: 'INTERNAL', disposition: 'unknown' },
  [ApplicationFault.MISSING_RESULT]: { code: 'INTERNAL', disposition: 'executed' },
  [ApplicationFault.INTERNAL_ERROR]: { code: 'UNKNOWN', disposition: 'unknown' },
  [ApplicationFault.PROTOCOL_ERROR]: { code: 'INVALID_ARGUMENT', disposition: 'unknown' },
  [ApplicationFault.INVALID_TRANSFORM]: { code: 'FAILED_PRECONDITION', disposition: 'not-executed' },
  [ApplicationFault.INVALID_PROTOCOL]: { code: 'FAILED_PRECONDITION', disposition: 'not-executed' },
  [ApplicationFault.UNSUPPORTED_CLIENT_TYPE]: { code: 'FAILED_PRECONDITION', disposition: 'not-executed' },
};

/** The error of one EXCEPTION reply, and the type that the server gave it. Throws when it is malformed. */
export function decodeError(
  bytes: Uint8Array,
  encoding: Encoding,
  headers: HeaderMap | undefined,
): { readonly error: RpcError; readonly type: number } {
  const { message, type, code, details, disposition } = decodeApplicationException(bytes, encoding);
  if (code !== undefined) return { type, error: errorOfStatus({ code, message, details, disposition }) };
  const status = headers?.get(statusHeader);
  if (status !== undefined && /^\d{1,2}$/.test(status)) {
    const received = {
      code: Number(status),
      message,
      details: headers?.getBinary(statusDetailsHeader),
      disposition: headers?.get(dispositionHeader),
    };
    return { type, error: errorOfStatus(received) };
  }
  return { type, error: foreignError(type, message) };
}

/** A message that this end refused before any handler saw it. */
export function refusal(type: ApplicationFault, message: string): RpcError {
  return ownError(`THRIFT_${faultName(type)}`, message, { code: meanings[type].code, disposition: 'not-executed' });
}

function foreignError(type: number, message: string): RpcError {
  const name = names[type] ?? String(type);
  const { code, disposition } = meanings[type as ApplicationFault] ?? meanings[ApplicationFault.UNKNOWN];
  return new RpcError(code, message === '' ? `the server answered with ${name} and no message` : message, {
    reason: `THRIFT_${name}`,
    domain: 'thrift.apache.org',
    disposition,
  });
}
