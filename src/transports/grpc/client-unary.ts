/** One request, one response: the path that most calls take. */

import type { Call } from '../../call/call.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Attempts } from './client-call.js';
import type { Exchange, OpenExchange, Receiver } from './exchange.js';
import { zipped } from './gzip.js';

const ignore = (): void => {};

export class UnaryAttempt implements Receiver {
  readonly #call: Call;
  readonly #attempts: Attempts;
  /** Among the attempts in flight. */
  #place = -1;
  readonly #exchange: Exchange;
  readonly #resolve: (response: unknown) => void;
  readonly #reject: (error: RpcError) => void;
  #stopListening: () => void = ignore;
  #response: Buffer | undefined;
  #settled = false;

  constructor(
    call: Call,
    open: OpenExchange,
    attempts: Attempts,
    resolve: (response: unknown) => void,
    reject: (error: RpcError) => void,
  ) {
    this.#call = call;
    this.#attempts = attempts;
    this.#exchange = open(call, this);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(gzip: boolean): void {
    this.#place = this.#attempts.add(this);
    this.#stopListening = this.#call.onAbort((reason) => this.cancel(reason));
    const request = this.#call.request as Uint8Array;
    const bytes = gzip ? zipped(request) : request;
    if (bytes instanceof Uint8Array) this.#exchange.start(bytes, gzip);
    else {
      bytes.then(
        (one) => {
          if (!this.#settled) this.#exchange.start(one, gzip);
        },
        (error: unknown) =>
          this.failed(
            ownError('REQUEST_UNSENDABLE', 'the request could not be compressed', {
              disposition: 'not-executed',
              cause: error,
            }),
          ),
      );
    }
  }

  /** Ends the attempt here and at the peer; does nothing once it has ended. */
  cancel(reason: RpcError): void {
    if (this.#settled) return;
    this.#exchange.cancel();
    this.failed(reason);
  }

  message(bytes: Buffer): boolean {
    if (this.#response === undefined) this.#response = bytes;
    else this.cancel(answered(this.#attempts.address, this.#call, 'with more than one message'));
    return true;
  }

  ended(): void {
    if (this.#response === undefined) this.failed(answered(this.#attempts.address, this.#call, 'without a message'));
    else {
      this.#settle();
      this.#resolve(this.#response);
    }
  }

  failed(error: RpcError): void {
    if (this.#settled) return;
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#stopListening();
    this.#attempts.remove(this.#place, this);
  }
}

/** The error for a number of messages that the method does not have. Source: gRPC's status code table. */
export function answered(address: string, call: Call, how: string): RpcError {
  return ownError('RESPONSE_MALFORMED', `${address} answered ${call.method.path} ${how}`, { code: 'UNIMPLEMENTED' });
}
