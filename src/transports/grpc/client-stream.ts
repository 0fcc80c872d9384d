/**
 * A call that streams. Messages are read from the wire only as far ahead as the inbox has room, and the next request is
 * pulled from the caller only when the wire took the last: both ways memory is bounded by the slower end.
 */

import type { Call } from '../../call/call.js';
import { Inbox } from '../../call/inbox.js';
import { ownError, requestStreamFailed } from '../../call/own-error.js';
import { pump, type Source } from '../../call/pump.js';
import { isRpcError, RpcError } from '../../call/rpc-error.js';
import { requestAboveOwnLimit } from '../../call/too-large.js';
import { streamsRequest } from '../../contract/method.js';
import type { Attempts } from './client-call.js';
import { answered } from './client-unary.js';
import type { Exchange, OpenExchange, Receiver } from './exchange.js';
import { zipped } from './gzip.js';

export interface StreamAttemptInit {
  readonly call: Call;
  readonly open: OpenExchange;
  readonly attempts: Attempts;
  readonly maxSendBytes: number;
  readonly gzip: boolean;
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

export class StreamAttempt implements Receiver {
  readonly #init: StreamAttemptInit;
  /** Among the attempts in flight. */
  #place = -1;
  readonly #exchange: Exchange;
  #stopListening = (): void => {};
  #ended = false;

  constructor(init: StreamAttemptInit) {
    this.#init = init;
    this.#exchange = init.open(init.call, this);
  }

  start(): void {
    const { call, attempts, gzip } = this.#init;
    this.#place = attempts.add(this);
    this.#stopListening = call.onAbort((reason) => this.cancel(reason));
    if (streamsRequest(call.method.kind)) this.#exchange.start(undefined, gzip);
    else {
      const bytes = this.#sent(call.request as Uint8Array);
      if (bytes instanceof Uint8Array) this.#exchange.start(bytes, gzip);
      else {
        bytes.then(
          (one) => {
            if (!this.#ended) this.#exchange.start(one, gzip);
          },
          (error: unknown) => this.cancel(requestStreamFailed(error, call.method.path)),
        );
      }
    }
  }

  begun(): void {
    const { call } = this.#init;
    pump(call, call.request as Source<unknown>, (message) => this.#write(call.encodeItem(message))).then(
      () => this.#exchange.endRequests(),
      (error: unknown) => this.cancel(requestStreamFailed(error, call.method.path)),
    );
  }

  readOn(): void {
    this.#exchange.readOn();
  }

  /** Ends the call here and at the peer; does nothing once it has ended. What was not read is dropped. */
  cancel(reason: RpcError): void {
    if (this.#ended) return;
    this.#init.sink.abort(reason);
    this.breakOff(reason);
  }

  /** As `cancel`, but the error comes after what was not read yet. */
  breakOff(reason: RpcError): void {
    if (this.#ended) return;
    this.#exchange.cancel();
    this.failed(reason);
  }

  message(bytes: Buffer): boolean {
    return this.#ended || this.#init.sink.push(bytes);
  }

  ended(): void {
    if (this.#ended) return;
    this.#end();
    this.#init.sink.end();
    this.#init.call.finish();
  }

  failed(error: RpcError): void {
    if (this.#ended) return;
    this.#end();
    this.#init.sink.fail(error);
    this.#init.call.finish();
  }

  #write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#ended) return undefined;
    const { call, maxSendBytes, gzip } = this.#init;
    if (bytes.byteLength > maxSendBytes) throw requestAboveOwnLimit(call.method.path, bytes.byteLength, maxSendBytes);
    const sent = this.#sent(bytes);
    return sent instanceof Uint8Array
      ? this.#exchange.write(sent, gzip)
      : sent.then((one) => this.#exchange.write(one, gzip));
  }

  #sent(message: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#init.gzip ? zipped(message) : message;
  }

  #end(): void {
    this.#ended = true;
    this.#stopListening();
    this.#init.attempts.remove(this.#place, this);
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
          attempt.cancel(answered(attempts.address, call, 'with more than one message'));
          return false;
        }
        response = bytes;
        return true;
      },
      end: () => {
        if (response !== undefined) resolve(response);
        else reject(answered(attempts.address, call, 'without a message'));
      },
      fail: reject,
      abort: reject,
    };
    const attempt = new StreamAttempt({ ...init, sink });
    attempt.start();
  });
}

function undecodable(call: Call, error: unknown): RpcError {
  if (isRpcError(error)) return error;
  const what = error instanceof Error ? error.message : String(error);
  return ownError('RESPONSE_MALFORMED', `a response of ${call.method.path} does not decode: ${what}`, {
    disposition: 'executed',
    cause: error,
  });
}
