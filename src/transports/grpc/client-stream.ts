/**
 * A call that streams, on grpc-js's lowest public call. Messages are read from the wire only as
 * far ahead as the inbox has room, and the next request is pulled from the caller only when the
 * wire took the last: both ways memory is bounded by the slower end.
 */
import { type InterceptingListener, type Metadata, type StatusObject, status as statusCodes } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import { Inbox } from '../../call/inbox.js';
import { pump, type Source } from '../../call/pump.js';
import { isRpcError, RpcError } from '../../call/rpc-error.js';
import { clientError } from '../../call/status.js';
import { streamsRequest } from '../../contract/method.js';
import { type Attempts, type GrpcCall, requestMetadata, requestTooLarge } from './client-call.js';
import { holdStatus, releasedStatus } from './held-status.js';
import { asBuffer, headersOf } from './metadata.js';
import { errorOf } from './received-status.js';

export interface StreamAttemptInit {
  readonly call: Call;
  readonly rpc: GrpcCall;
  readonly attempts: Attempts;
  readonly maxSendBytes: number;
  /** Where decoded responses go, and how the stream ends. */
  readonly sink: Sink;
}

/** The receiving half: a stream, or one message. */
export interface Sink {
  /** False asks to pause until `StreamAttempt.readOn`. */
  push(bytes: Buffer): boolean;
  end(): void;
  fail(error: RpcError): void;
  abort(error: RpcError): void;
}

export class StreamAttempt implements InterceptingListener {
  readonly #call: Call;
  readonly #rpc: GrpcCall;
  readonly #attempts: Attempts;
  readonly #maxSendBytes: number;
  readonly #sink: Sink;
  #stopListening = (): void => {};
  #answered = false;
  #ended = false;

  constructor({ call, rpc, attempts, maxSendBytes, sink }: StreamAttemptInit) {
    this.#call = call;
    this.#rpc = rpc;
    this.#attempts = attempts;
    this.#maxSendBytes = maxSendBytes;
    this.#sink = sink;
  }

  start(): void {
    const call = this.#call;
    const rpc = this.#rpc;
    this.#attempts.add(this);
    this.#stopListening = call.onAbort((reason) => this.cancel(reason));
    rpc.start(requestMetadata(call), this);
    // At once: only after its first read does grpc-js hold the server back.
    rpc.startRead();
    if (!streamsRequest(call.method.kind)) {
      rpc.sendMessageWithContext({}, asBuffer(call.request as Uint8Array));
      rpc.halfClose();
      return;
    }
    pump(call, call.request as Source<unknown>, (message) => this.#write(call.encodeItem(message))).then(
      () => {
        if (!this.#ended) rpc.halfClose();
      },
      (error: unknown) => this.cancel(sourceError(call, error)),
    );
  }

  readOn(): void {
    if (!this.#ended) this.#rpc.startRead();
  }

  /** Ends the call here and at the peer; does nothing once it has ended. What was not read is dropped. */
  cancel(reason: RpcError): void {
    if (this.#ended) return;
    this.#sink.abort(reason);
    this.breakOff(reason);
  }

  /** As `cancel`, but the error comes after what was not read yet. */
  breakOff(reason: RpcError): void {
    if (this.#ended) return;
    this.#end();
    this.#rpc.cancelWithStatus(statusCodes.CANCELLED, reason.message);
    this.#sink.fail(reason);
    this.#call.finish();
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#ended) return;
    this.#answered = true;
    holdStatus(this.#rpc);
    this.#call.peer = { address: this.#rpc.getPeer() };
    this.#call.receiveHeaders(() => headersOf(metadata), metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#ended) return;
    if (this.#sink.push(message)) this.readOn();
  }

  onReceiveStatus(received: StatusObject): void {
    if (this.#ended) return;
    this.#end();
    const status = releasedStatus(received);
    const call = this.#call;
    if (!this.#answered) {
      const peer = this.#rpc.getPeer();
      if (peer !== 'unknown') call.peer = { address: peer };
    }
    call.receiveTrailers(() => headersOf(status.metadata), status.metadata);
    if (status.code === statusCodes.OK) this.#sink.end();
    else this.#sink.fail(errorOf(status, this.#attempts.address, this.#answered));
    call.finish();
  }

  /** One at a time: what grpc-js is given before a connection stands would overtake or be lost. */
  #write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#ended) return undefined;
    if (bytes.byteLength > this.#maxSendBytes) throw requestTooLarge(this.#call, bytes.byteLength, this.#maxSendBytes);
    return new Promise((resolve) => this.#rpc.sendMessageWithContext({ callback: () => resolve() }, asBuffer(bytes)));
  }

  #end(): void {
    this.#ended = true;
    this.#stopListening();
    this.#attempts.delete(this);
  }
}

/** The responses as a stream for the caller. Stopping early (`break`) cancels the call. */
export function streamResponses(init: Omit<StreamAttemptInit, 'sink'>): AsyncIterable<unknown> {
  const { call } = init;
  const inbox = new Inbox<unknown>({
    onDrain: () => attempt.readOn(),
    onReturn: () => attempt.cancel(new RpcError('CANCELLED', 'the caller stopped reading')),
  });
  const sink: Sink = {
    push: (bytes) => {
      let message: unknown;
      try {
        message = call.decodeItem(bytes);
      } catch (error) {
        attempt.breakOff(undecodable(call, error));
        return false;
      }
      return inbox.push(message);
    },
    end: () => inbox.end(),
    fail: (error) => inbox.fail(error),
    abort: (error) => inbox.abort(error),
  };
  const attempt = new StreamAttempt({ ...init, sink });
  attempt.start();
  return inbox;
}

/** Many requests, one response. */
export function oneResponse(init: Omit<StreamAttemptInit, 'sink'>): Promise<Uint8Array> {
  const { call, attempts } = init;
  return new Promise((resolve, reject) => {
    let response: Buffer | undefined;
    const sink: Sink = {
      push: (bytes) => {
        if (response !== undefined) {
          attempt.cancel(
            new RpcError('INTERNAL', `${attempts.address} answered ${call.method.path} with more than one message`),
          );
          return false;
        }
        response = bytes;
        return true;
      },
      end: () => {
        if (response !== undefined) resolve(response);
        else reject(new RpcError('INTERNAL', `${attempts.address} answered ${call.method.path} without a message`));
      },
      fail: reject,
      abort: reject,
    };
    const attempt = new StreamAttempt({ ...init, sink });
    attempt.start();
  });
}

function sourceError(call: Call, error: unknown): RpcError {
  const what = error instanceof Error ? error.message : String(error);
  return clientError(error, 'CANCELLED', `the request stream of ${call.method.path} failed: ${what}`, 'unknown');
}

function undecodable(call: Call, error: unknown): RpcError {
  if (isRpcError(error)) return error;
  const what = error instanceof Error ? error.message : String(error);
  return new RpcError('INTERNAL', `a response of ${call.method.path} does not decode: ${what}`, {
    reason: 'RESPONSE_MALFORMED',
    disposition: 'executed',
    cause: error,
  });
}
