/**
 * From the status that grpc-js reports to an RpcError. The server's own statuses are taken at
 * their word. Those that grpc-js makes up (no connection, a broken one) have no marker, only known
 * texts; they get a sentence, and a disposition that tells a call that never left from one that may have run.
 */
import { type StatusObject, status as statusCodes } from '@grpc/grpc-js';
import { type Disposition, RpcError } from '../../call/rpc-error.js';
import { detailsHeader, dispositionHeader, errorOfStatus } from '../../call/status.js';
import { codeOf } from '../../contract/code.js';
import { bytesOf, textOf } from './metadata.js';

interface Local {
  readonly code: number;
  readonly details: RegExp;
  readonly disposition: Disposition;
  readonly reason: string;
  sentence(address: string, details: string): string;
}

const { UNAVAILABLE, INTERNAL, RESOURCE_EXHAUSTED, CANCELLED, UNKNOWN } = statusCodes;

const locals: readonly Local[] = [
  {
    code: UNAVAILABLE,
    details:
      /^(No connection established|Name resolution failed|Subchannel connection failed|LB policy|.*ECONNREFUSED)/,
    disposition: 'not-executed',
    reason: 'CONNECT_FAILED',
    sentence: (address, details) => `cannot connect to ${address}: ${lastError(details)}`,
  },
  {
    code: UNAVAILABLE,
    details: /^(Channel closed before call started|Channel has been shut down|Channel shutdown)/,
    disposition: 'not-executed',
    reason: 'CONNECT_FAILED',
    sentence: (address) => `cannot connect to ${address}: it did not answer within the connect timeout`,
  },
  {
    code: UNAVAILABLE,
    details: /^Stream refused by server/,
    disposition: 'not-executed',
    reason: 'REFUSED',
    sentence: (address) =>
      `${address} refused the call before looking at it: it is shutting down, or has too many calls`,
  },
  {
    code: UNAVAILABLE,
    details: /^(Connection dropped|Write error|read E|.*ECONNRESET|.*ETIMEDOUT|.*EPIPE)/,
    disposition: 'unknown',
    reason: 'CONNECTION_LOST',
    sentence: (address) => `the connection to ${address} was lost during the call`,
  },
  {
    code: INTERNAL,
    details: /^Failed to start HTTP\/2 stream/,
    disposition: 'not-executed',
    reason: 'NO_STREAM',
    sentence: (address, details) => `the call to ${address} could not be begun: ${details}`,
  },
  {
    code: INTERNAL,
    details: /^Received RST_STREAM/,
    disposition: 'unknown',
    reason: 'STREAM_RESET',
    sentence: (address, details) => `${address} broke the call off without a status: ${details}`,
  },
  {
    code: CANCELLED,
    details: /^Call cancelled$/,
    disposition: 'unknown',
    reason: 'STREAM_RESET',
    sentence: (address) => `${address} cancelled the call`,
  },
  {
    code: RESOURCE_EXHAUSTED,
    details: /^Received message (larger than max|that decompresses to a size larger)/,
    disposition: 'executed',
    reason: 'MESSAGE_TOO_LARGE',
    sentence: (address, details) =>
      `a response of ${address} is larger than this client takes (${numbers(details)} bytes); raise maxReceiveBytes`,
  },
  {
    code: UNKNOWN,
    details: /^No status information received/,
    disposition: 'unknown',
    reason: 'NO_STATUS',
    sentence: (address) => `${address} ended the call without a gRPC status; is it a gRPC server?`,
  },
];

/** `answered`: response headers had come, so the server had begun on the call. */
export function errorOf(status: StatusObject, address: string, answered: boolean): RpcError {
  const details = bytesOf(status.metadata, detailsHeader);
  const disposition = textOf(status.metadata, dispositionHeader);
  if (details === undefined && disposition === undefined) {
    const local = locals.find((one) => one.code === status.code && one.details.test(status.details));
    if (local !== undefined) {
      const known = answered && local.disposition === 'not-executed' ? 'unknown' : local.disposition;
      return new RpcError(codeOf(status.code), local.sentence(address, status.details), {
        reason: local.reason,
        disposition: known,
      });
    }
  }
  return errorOfStatus({ code: status.code, message: status.details, details, disposition });
}

/** `No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1` is about its last part. */
function lastError(details: string): string {
  const match = /Last error: (?:Error: )?(.+?)\.?( Resolution note:.*)?$/.exec(details);
  return match?.[1] ?? details;
}

/** `(5000000 vs 4194304)` or `larger than 4194304` */
function numbers(details: string): string {
  const [first, second] = details.match(/\d+/g) ?? [];
  return second === undefined ? `limit ${first ?? '?'}` : `${first} of at most ${second}`;
}
