/** The client's half of one attempt: sends the request's frames and makes a response, or a stream, of the answer's. */
import type { Call } from '../../call/call.js';
import { HeaderMap } from '../../call/headers.js';
import type { InFlight } from '../../call/in-flight.js';
import { requestStreamFailed } from '../../call/own-error.js';
import type { Peer } from '../../call/peer.js';
import { pump, type Source } from '../../call/pump.js';
import type { RpcError } from '../../call/rpc-error.js';
import { streamsRequest, streamsResponse } from '../../contract/method.js';
import { type MessageInbox, messageInbox } from './message-inbox.js';
import { copy, type RequestPath, type ResponsePath } from './paths.js';

const none = (): HeaderMap => new HeaderMap();

/** What all attempts of a client have in common. */
export interface AttemptInit {
  /** The server. */
  readonly peer: Peer;
  /** The way to the server, given the way back. */
  readonly connect: (back: ResponsePath, call: Call) => RequestPath;
  readonly attempts: InFlight<Attempt>;
}

export interface Attempt {
  /** Sends the request. The response's bytes, or its stream. */
  start(): Promise<unknown>;
  /** Ends the attempt here and at the server; does nothing once it has ended. */
  cancel(reason: RpcError): void;
}

export function attemptOf(call: Call, init: AttemptInit): Attempt {
  return streamsResponse(call.method.kind) ? new StreamHalf(call, init) : new UnaryHalf(call, init);
}

abstract class ClientHalf implements ResponsePath, Attempt {
  protected abstract readonly response: Promise<unknown>;
  protected readonly call: Call;
  readonly #init: AttemptInit;
  readonly #forward: RequestPath;
  #stopListening: (() => void) | undefined;
  /** Among the attempts in flight. */
  readonly #place: number;
  #over = false;

  constructor(call: Call, init: AttemptInit) {
    this.call = call;
    this.#init = init;
    this.#forward = init.connect(this, call);
    this.#place = init.attempts.add(this);
  }

  abstract message(bytes: Uint8Array): Promise<void> | undefined;
  protected abstract succeed(): void;
  protected abstract fail(error: unknown): void;
  /** As `fail`, but drops what was not read. */
  protected abstract drop(error: RpcError): void;

  protected get over(): boolean {
    return this.#over;
  }

  start(): Promise<unknown> {
    this.#stopListening = this.call.onAbort((reason) => this.cancel(reason));
    if (!this.#over) this.#send(); // else it was aborted already
    return this.response;
  }

  #send(): void {
    const { call } = this;
    const many = streamsRequest(call.method.kind);
    this.#forward.open({
      path: call.method.path,
      idl: call.method.service.idl,
      headers: new HeaderMap(call.hasHeaders ? call.headers : undefined),
      timeout: call.deadline?.remaining(),
      message: many ? undefined : copy(call.request as Uint8Array),
    });
    if (!many) return;
    const write = (message: unknown) => (this.#over ? undefined : this.#forward.message(call.encodeItem(message)));
    pump(call, call.request as Source<unknown>, write).then(
      () => {
        if (!this.#over) this.#forward.end();
      },
      (error: unknown) => this.cancel(requestStreamFailed(error, call.method.path)),
    );
  }

  cancel(reason: RpcError): void {
    if (this.#over) return;
    this.#end();
    this.#forward.cancel();
    this.drop(reason);
  }

  /** Ends the attempt at the server; the reader gets what came before, then the error that is there already. */
  protected breakOff(): void {
    if (this.#over) return;
    this.#end();
    this.#forward.cancel();
  }

  headers(headers: HeaderMap): void {
    if (this.#over) return;
    this.call.peer = this.#init.peer;
    this.call.receiveHeaders(headers);
  }

  end(trailers: HeaderMap | undefined, error: RpcError | undefined): void {
    if (this.#over) return;
    this.#end();
    this.call.peer = this.#init.peer;
    this.call.receiveTrailers(trailers ?? none);
    if (error === undefined) this.succeed();
    else this.fail(error);
    this.#finishStream();
  }

  lost(error: RpcError): void {
    if (this.#over) return;
    this.#end();
    this.fail(error);
    this.#finishStream();
  }

  /** A request that still streams has nobody to read it any more. */
  #finishStream(): void {
    if (streamsRequest(this.call.method.kind)) this.call.finish();
  }

  #end(): void {
    this.#over = true;
    this.#stopListening?.();
    this.#init.attempts.remove(this.#place, this);
  }
}

class UnaryHalf extends ClientHalf {
  protected readonly response: Promise<unknown>;
  #resolve!: (response: unknown) => void;
  #reject!: (error: unknown) => void;
  #message: Uint8Array | undefined;

  constructor(call: Call, init: AttemptInit) {
    super(call, init);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  message(bytes: Uint8Array): undefined {
    this.#message = bytes;
  }

  protected succeed(): void {
    this.#resolve(this.#message);
  }

  protected fail(error: unknown): void {
    this.#reject(error);
  }

  protected drop(error: RpcError): void {
    this.#reject(error);
  }
}

class StreamHalf extends ClientHalf {
  protected readonly response: Promise<unknown>;
  readonly #received: MessageInbox;

  constructor(call: Call, init: AttemptInit) {
    super(call, init);
    this.#received = messageInbox(
      (bytes) => call.decodeItem(bytes),
      () => this.breakOff(),
      () => this.breakOff(),
    );
    this.response = Promise.resolve(this.#received.inbox);
  }

  message(bytes: Uint8Array): Promise<void> | undefined {
    return this.over ? undefined : this.#received.write(bytes);
  }

  protected succeed(): void {
    this.#received.inbox.end();
  }

  protected fail(error: unknown): void {
    this.#received.inbox.fail(error);
  }

  protected drop(error: RpcError): void {
    this.#received.inbox.abort(error);
  }
}
