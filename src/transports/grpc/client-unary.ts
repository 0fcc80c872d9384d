/**
 * One request, one response, on grpc-js's lowest public call (`createCall`): its own
 * makeUnaryRequest captures an Error per call and runs interceptors that we do not have. The
 * attempt is one object that is also grpc-js's listener, so a call costs one promise.
 */
import { type InterceptingListener, type Metadata, type StatusObject, status as statusCodes } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import { RpcError } from '../../call/rpc-error.js';
import { type Attempts, type GrpcCall, requestMetadata } from './client-call.js';
import { asBuffer, headersOf } from './metadata.js';
import { errorOf } from './received-status.js';

const ignore = (): void => {};

export class UnaryAttempt implements InterceptingListener {
  readonly #call: Call;
  readonly #rpc: GrpcCall;
  readonly #attempts: Attempts;
  readonly #resolve: (response: unknown) => void;
  readonly #reject: (error: RpcError) => void;
  #stopListening: () => void = ignore;
  #response: Buffer | undefined;
  #answered = false;
  #settled = false;

  constructor(
    call: Call,
    rpc: GrpcCall,
    attempts: Attempts,
    resolve: (response: unknown) => void,
    reject: (error: RpcError) => void,
  ) {
    this.#call = call;
    this.#rpc = rpc;
    this.#attempts = attempts;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const rpc = this.#rpc;
    this.#attempts.add(this);
    this.#stopListening = this.#call.onAbort((reason) => this.cancel(reason));
    rpc.start(requestMetadata(this.#call), this);
    rpc.startRead();
    rpc.sendMessageWithContext({}, asBuffer(this.#call.request as Uint8Array));
    rpc.halfClose();
  }

  /** Ends the attempt here and at the peer; does nothing once it has ended. */
  cancel(reason: RpcError): void {
    if (this.#settled) return;
    this.#settle();
    this.#rpc.cancelWithStatus(statusCodes.CANCELLED, reason.message);
    this.#reject(reason);
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#settled) return;
    this.#answered = true;
    this.#call.peer = { address: this.#rpc.getPeer() };
    this.#call.receiveHeaders(() => headersOf(metadata), metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#settled) return;
    if (this.#response !== undefined) {
      const path = this.#call.method.path;
      this.cancel(new RpcError('INTERNAL', `${this.#attempts.address} answered ${path} with more than one message`));
      return;
    }
    this.#response = message;
    // Reads on, to the end of the stream: the status comes after it.
    this.#rpc.startRead();
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.#settled) return;
    this.#settle();
    const call = this.#call;
    if (!this.#answered) {
      const peer = this.#rpc.getPeer();
      if (peer !== 'unknown') call.peer = { address: peer };
    }
    call.receiveTrailers(() => headersOf(status.metadata), status.metadata);
    if (status.code !== statusCodes.OK) {
      this.#reject(errorOf(status, this.#attempts.address, this.#answered));
    } else if (this.#response === undefined) {
      this.#reject(
        new RpcError('INTERNAL', `${this.#attempts.address} answered ${call.method.path} without a message`),
      );
    } else this.#resolve(this.#response);
  }

  #settle(): void {
    this.#settled = true;
    this.#stopListening();
    this.#attempts.delete(this);
  }
}
