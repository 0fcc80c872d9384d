/** How the end of a subscription, and a failure, are told to a client. */
import { plainReason } from '../../call/own-error.js';
import { isDownstream, isRpcError } from '../../call/rpc-error.js';
import { codeNumber } from '../../contract/code.js';
import type { WirePosition } from '../position.js';
import { item } from './wire.js';

/** Why something cannot be, as a client is told. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** The number of the code of gRPC; undefined where the code alone says what it is. */
  readonly status?: number;
}

export function unsubscribed(
  sub: number,
  { code, message, retryable, status }: Refusal,
  position: WirePosition | undefined,
  retryAfterMs = 0,
): Uint8Array {
  return item({ $case: 'unsubscribed', value: { sub, code, retryable, retryAfterMs, position, message, status } });
}

/** In good order: nothing is wrong. */
export const asAsked: Refusal = { code: '', message: '', retryable: false };

/**
 * What a client is told of a failure: an RpcError as it is, of anything else nothing. A service that `authorize` asked is
 * another server, and its words are not ours.
 */
export function refusalOf(error: unknown): Refusal {
  if (!isRpcError(error)) return { code: 'INTERNAL', message: 'the server failed', retryable: true };
  if (isDownstream(error)) {
    return { code: 'DEPENDENCY_FAILED', message: 'a service that this one depends on failed', retryable: true };
  }
  const retryable = error.code === 'UNAVAILABLE' || error.code === 'RESOURCE_EXHAUSTED';
  return { code: plainReason(error), message: error.message, retryable, status: codeNumber(error.code) };
}
