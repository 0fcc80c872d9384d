/** What a call is told that waited in vain for the answer of its key: the effect may still come, so it is to ask again. */
import { RetryInfo } from '../../gen/google/rpc/error_details.js';
import type { Call } from '../call/call.js';
import { ownError } from '../call/own-error.js';
import type { RpcError } from '../call/rpc-error.js';

/** ms until it should be tried again. */
const tryAgainAfter = 100;

export function inProgress({ method, idempotencyKey }: Call): RpcError {
  const delay = { seconds: 0n, nanos: tryAgainAfter * 1e6 };
  return ownError(
    'IDEMPOTENCY_IN_PROGRESS',
    `${method.path} with the idempotency key ${JSON.stringify(idempotencyKey)} is still being executed; repeat the call to get its answer`,
    {
      details: [{ type: 'google.rpc.RetryInfo', value: RetryInfo.encode(RetryInfo.create({ retryDelay: delay })) }],
      disposition: 'unknown',
    },
  );
}
