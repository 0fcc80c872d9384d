/** One attempt of a call on one stream of a connection: what attempts of every kind ask of the HTTP/2 below them. */
import type { Call } from '../../call/call.js';
import type { RpcError } from '../../call/rpc-error.js';

/** Who gets what comes back. */
export interface Receiver {
  /** Requests can be written. */
  begun?(): void;
  /** False asks to pause until `readOn`. */
  message(bytes: Buffer): boolean;
  /** The status is OK. */
  ended(): void;
  failed(error: RpcError): void;
}

export interface Exchange {
  /** `request`: the only one; undefined where requests are written one by one, from `Receiver.begun` on. */
  start(request: Uint8Array | undefined, compressed: boolean): void;
  /** Resolves when there is room for more; undefined when there is already, or when nothing is wanted any more. */
  write(request: Uint8Array, compressed: boolean): Promise<void> | undefined;
  /** No more requests will come. */
  endRequests(): void;
  readOn(): void;
  /** Ends the exchange here and at the peer; the receiver hears nothing more. */
  cancel(): void;
}

/** Makes the exchanges of one method. */
export type OpenExchange = (call: Call, receiver: Receiver) => Exchange;
