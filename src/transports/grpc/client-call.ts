/** What attempts of every kind share: the grpc-js call beneath, its request headers, who can end them. */
import { type Channel, Metadata } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import { formatTimeout, spentBeforeSent } from '../../call/deadline.js';
import { RpcError } from '../../call/rpc-error.js';
import { addHeaders } from './metadata.js';

/** The lowest public call of grpc-js. */
export type GrpcCall = ReturnType<Channel['createCall']>;

/** The attempts in flight of one client. */
export class Attempts extends Set<{ cancel(reason: RpcError): void }> {
  #onEmpty: (() => void) | undefined;

  constructor(readonly address: string) {
    super();
  }

  /** Runs `fn` once, when none is left. */
  onEmpty(fn: () => void): void {
    this.#onEmpty = fn;
  }

  override delete(attempt: { cancel(reason: RpcError): void }): boolean {
    const had = super.delete(attempt);
    if (this.size === 0 && this.#onEmpty !== undefined) {
      this.#onEmpty();
      this.#onEmpty = undefined;
    }
    return had;
  }
}

/** grpc-js clones what it is given, so calls without headers share this. */
const noMetadata = new Metadata();

/**
 * The deadline goes out as the time that is left now. grpc-js is not told of it: it would set
 * a second timer, on the wall clock; whoever set the deadline aborts the call when it passes.
 */
export function requestMetadata(call: Call): Metadata {
  if (call.deadline === undefined && !call.hasHeaders) return noMetadata;
  const metadata = new Metadata();
  if (call.hasHeaders) addHeaders(metadata, call.headers);
  if (call.deadline !== undefined) {
    metadata.set('grpc-timeout', formatTimeout(call.deadline.remaining()));
  }
  return metadata;
}

/** Why a call is not even begun, if there is a reason. */
export function refusal(call: Call): RpcError | undefined {
  if (call.aborted !== undefined) return call.aborted;
  return call.deadline?.spent === true ? spentBeforeSent(call.method.path) : undefined;
}

/** The error for a request message above the client's own limit. */
export function requestTooLarge(call: Call, bytes: number, limit: number): RpcError {
  return new RpcError(
    'RESOURCE_EXHAUSTED',
    `a request message of ${call.method.path} has ${bytes} bytes, more than this client sends at once (${limit}); raise maxSendBytes or split it`,
    { reason: 'MESSAGE_TOO_LARGE', disposition: 'not-executed' },
  );
}
