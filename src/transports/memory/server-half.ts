/**
 * The server's half: finds the method, runs it, and answers in frames. A call is answered when it
 * is aborted here too (shutdown), even while its handler still thinks.
 */

import { type AnswerStep, answerTo } from '../../call/answer-steps.js';
import { Call } from '../../call/call.js';
import { hasOwnHeaders, headersComeFirst } from '../../call/correlation-id.js';
import { runInCall } from '../../call/current.js';
import { Deadline } from '../../call/deadline.js';
import { HeaderMap } from '../../call/headers.js';
import { InFlight } from '../../call/in-flight.js';
import { ofService, ownError } from '../../call/own-error.js';
import type { Peer } from '../../call/peer.js';
import { pump } from '../../call/pump.js';
import { isRpcError, RpcError } from '../../call/rpc-error.js';
import { declarationOf, encodeStatus, errorOfStatus, statusOfDeclared } from '../../call/status.js';
import type { Dispatcher, Listener, Route } from '../../call/transport.js';
import { codeNumber } from '../../contract/code.js';
import { streamsRequest, streamsResponse } from '../../contract/method.js';
import { type MessageInbox, messageInbox } from './message-inbox.js';
import { copy, type RequestFrame, type RequestPath, type ResponsePath } from './paths.js';

/** A server that listens in memory. */
export interface Binding extends Listener {
  /** The server's end of one attempt. `peer` is what the handler sees of the caller. */
  accept(peer: Peer, back: ResponsePath): RequestPath;
}

/** `onClose` runs when the server stops accepting. */
export function bindServer(address: string, dispatcher: Dispatcher, onClose: () => void): Binding {
  const calls = new InFlight<Call>();
  const serving: Serving = { dispatcher, calls, local: () => address };
  return {
    address,
    accept: (peer, back) => new ServerHalf(serving, peer, back),
    close: async (graceMs) => {
      onClose();
      await drained(calls, dispatcher, graceMs);
    },
  };
}

/** Waits for the calls to end; aborts those that are left after `graceMs`. */
async function drained(calls: InFlight<Call>, { clock }: Dispatcher, graceMs: number): Promise<void> {
  if (calls.size === 0) return;
  await new Promise<void>((resolve) => {
    const cancel = clock.setTimer(() => {
      for (const call of calls) {
        call.abort(ownError('SHUTDOWN', 'the server is shutting down'));
      }
      resolve();
    }, graceMs);
    for (const call of calls) {
      call.onFinish(() => {
        if (calls.size > 0) return;
        cancel();
        resolve();
      });
    }
  });
}

/** What all calls of a server have in common. */
interface Serving {
  readonly dispatcher: Dispatcher;
  readonly calls: InFlight<Call>;
  readonly local: () => string;
}

class ServerHalf implements RequestPath, AnswerStep {
  outer: AnswerStep | undefined = undefined;
  readonly #serving: Serving;
  readonly #peer: Peer;
  readonly #back: ResponsePath;
  #call: Call | undefined;
  #route: Route | undefined;
  #requests: MessageInbox | undefined;
  /** Among the calls in flight. */
  #place = -1;
  #headersSent = false;
  #answered = false;

  constructor(serving: Serving, peer: Peer, back: ResponsePath) {
    this.#serving = serving;
    this.#peer = peer;
    this.#back = back;
  }

  open(frame: RequestFrame): void {
    const { dispatcher, calls, local } = this.#serving;
    const route = dispatcher.find(frame.path, frame.idl);
    if (route === undefined) {
      this.#back.end(
        undefined,
        ownError('UNKNOWN_METHOD', `the server has no method ${frame.path}`, { disposition: 'not-executed' }),
      );
      return;
    }
    const { method } = route;
    const call = new Call({
      method,
      side: 'server',
      encoding: method.service.idl === 'proto' ? 'proto' : 'binary',
      headers: frame.headers,
      peer: this.#peer,
      local,
      request: frame.message,
      deadline: frame.timeout === undefined ? undefined : Deadline.after(frame.timeout, dispatcher.clock),
    });
    this.#call = call;
    this.#route = route;
    if (streamsRequest(method.kind)) call.request = this.#receiveRequests(call);
    this.#place = calls.add(call);
    call.onAbort((reason) => this.#fail(call, reason));
    runInCall(call, answerTo, route.handle, call, this);
  }

  message(bytes: Uint8Array): Promise<void> | undefined {
    return this.#call?.finished === false ? this.#requests?.write(bytes) : undefined;
  }

  end(): void {
    this.#requests?.inbox.end();
  }

  cancel(): void {
    this.#stop(new RpcError('CANCELLED', 'the caller cancelled'));
  }

  lost(): void {
    this.#stop(new RpcError('CANCELLED', 'the connection to the caller was lost'));
  }

  /** Nobody is left to answer. */
  #stop(reason: RpcError): void {
    const call = this.#call;
    if (call === undefined || call.finished) return;
    this.#answered = true;
    call.abort(reason);
    this.#finish(call);
  }

  #finish(call: Call): void {
    this.#serving.calls.remove(this.#place, call);
    call.finish();
  }

  answered(response: unknown, call: Call): void {
    if (!streamsResponse(call.method.kind)) this.#answer(call, response as Uint8Array | undefined);
    else this.#stream(call, response as AsyncIterable<unknown>).catch((error: unknown) => this.#fail(call, error));
  }

  failed(error: unknown, call: Call): void {
    this.#fail(call, (this.#route as Route).failed(call, error));
  }

  #answer(call: Call, response: Uint8Array | undefined): void {
    if (this.#answered) return;
    try {
      this.#sendHeaders(call);
      if (response !== undefined) this.#back.message(copy(response));
      this.#end(call, undefined);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  async #stream(call: Call, response: AsyncIterable<unknown>): Promise<void> {
    if (this.#answered) return;
    // Headers that the handler set before its first wait need not wait for a message, which may be long in coming. Not at once:
    // a stream that fails at once is answered by its status alone (gRFC A6), and may be begun again.
    process.nextTick(() => {
      if (hasOwnHeaders(call)) this.#sendHeaders(call);
    });
    const write = (message: unknown): Promise<void> | undefined => {
      this.#sendHeaders(call);
      return this.#back.message(copy(call.encodeItem(message)));
    };
    await pump(call, response, write, (error) => (this.#route as Route).failed(call, error));
    this.#sendHeaders(call);
    this.#end(call, undefined);
  }

  #receiveRequests(call: Call): AsyncIterable<unknown> {
    const requests = messageInbox(
      (bytes) => call.decodeItem(bytes),
      () => {},
    );
    this.#requests = requests;
    call.onAbort((reason) => requests.inbox.abort(reason));
    call.onFinish(() => requests.inbox.end());
    return requests.inbox;
  }

  #sendHeaders(call: Call): void {
    if (this.#headersSent || this.#answered) return;
    this.#headersSent = true;
    this.#back.headers(new HeaderMap(call.responseHeaders));
    call.sealResponseHeaders();
  }

  #fail(call: Call, error: unknown): void {
    if (this.#answered) return;
    if (!this.#headersSent && headersComeFirst(call)) this.#sendHeaders(call);
    this.#end(call, overTheWire(error, call));
  }

  #end(call: Call, error: RpcError | undefined): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#finish(call);
    this.#back.end(call.hasResponseTrailers ? new HeaderMap(call.responseTrailers) : undefined, error);
  }
}

/** The error as the other side reads it: through the same bytes as on gRPC. */
function overTheWire(error: unknown, call: Call): RpcError {
  const declaration = declarationOf(call.method, error);
  const sent =
    declaration !== undefined
      ? statusOfDeclared(error as Error, declaration, call.encoding)
      : isRpcError(error)
        ? ofService(error, call.method.service.name)
        : ownError('HANDLER_FAILED', 'the server failed', { disposition: 'executed', cause: error });
  return errorOfStatus({
    code: codeNumber(sent.code),
    message: sent.message,
    details: encodeStatus(sent),
    disposition: sent.disposition,
  });
}
