/** The error for a message above a limit of either side: the same words for every transport that names its limits in this way. */
import { ownError } from './own-error.js';
import type { RpcError } from './rpc-error.js';

/** A request message above the client's own limit. */
export function requestAboveOwnLimit(path: string, bytes: number, limit: number): RpcError {
  return ownError(
    'MESSAGE_TOO_LARGE',
    `a request message of ${path} has ${bytes} bytes, more than this client sends at once (${limit}); raise maxSendBytes or split it`,
    { disposition: 'not-executed' },
  );
}

/** A request message above the server's limit. `numbers`: the size and the limit. */
export function requestAboveLimit(numbers: string): RpcError {
  return ownError(
    'MESSAGE_TOO_LARGE',
    `a request is larger than this server takes (${numbers}); raise maxReceiveBytes`,
    { disposition: 'not-executed' },
  );
}

/** A response message above the server's own limit. */
export function responseAboveOwnLimit(path: string, bytes: number, limit: number): RpcError {
  return ownError(
    'MESSAGE_TOO_LARGE',
    `a response message of ${path} has ${bytes} bytes, more than this server sends at once (${limit}); raise maxSendBytes or split it`,
    { disposition: 'executed' },
  );
}

/** A response message above the client's limit. `numbers`: the size and the limit. */
export function responseAboveLimit(numbers: string): RpcError {
  return ownError(
    'MESSAGE_TOO_LARGE',
    `a response is larger than this client takes (${numbers}); raise maxReceiveBytes`,
    { disposition: 'executed' },
  );
}
