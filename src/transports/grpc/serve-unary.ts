/**
 * One request, one response: the path that most calls take. On a listener of ours it stands on
 * grpc-js's interceptor interface, below its handlers, which make a stream object for every unary
 * call and send the status only when the message was flushed; on a server of the user's it
 * is an ordinary handler.
 */

import type {
  handleUnaryCall,
  Metadata,
  MetadataValue,
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
  StatusObject,
} from '@grpc/grpc-js';
import { type AnswerStep, answerTo } from '../../call/answer-steps.js';
import type { Call } from '../../call/call.js';
import { headersComeFirst } from '../../call/correlation-id.js';
import { runInCall } from '../../call/current.js';
import type { Peer } from '../../call/peer.js';
import { dispositionHeader } from '../../call/status.js';
import { responseAboveOwnLimit } from '../../call/too-large.js';
import type { IncomingRequest, Route } from '../../call/transport.js';
import {
  accept,
  cancelled,
  peerOf,
  responseHeaders,
  type ServerRpc,
  type Serving,
  sharedStatusObject,
  statusObject,
  trailerMetadata,
} from './accept.js';
import { compressed, type Outgoing } from './compression.js';
import { failedStatus, refusedStatus } from './failed-status.js';
import { asBuffer } from './metadata.js';
import { learnMetadata, newMetadata } from './new-metadata.js';
import { noteOf } from './request-headers.js';

/** How an answer leaves. */
interface Reply {
  sendMetadata(metadata: Metadata): void;
  succeed(message: Outgoing, trailers: Metadata | undefined): void;
  fail(status: StatusObject): void;
}

class UnaryExchange implements AnswerStep {
  outer: AnswerStep | undefined = undefined;
  readonly #serving: Serving;
  readonly #route: Route;
  readonly #reply: Reply;
  #call: Call | undefined;
  #gzip = false;
  #gone = false;
  /** Among the calls in flight. */
  #place = -1;

  constructor(serving: Serving, route: Route, reply: Reply) {
    this.#serving = serving;
    this.#route = route;
    this.#reply = reply;
  }

  run(rpc: ServerRpc, request: Buffer): void {
    const { call, acceptsGzip, refusal } = accept(this.#serving, this.#route, rpc, request);
    this.#call = call;
    this.#gzip = acceptsGzip;
    if (refusal !== undefined) {
      this.#fail(call, refusal);
      return;
    }
    this.#place = this.#serving.calls.add(call);
    call.onAbort((reason) => this.#fail(call, reason));
    runInCall(call, answerTo, this.#route.handle, call, this);
  }

  answered(response: unknown, call: Call): void {
    try {
      this.#answer(call, response);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  failed(error: unknown, call: Call): void {
    this.#fail(call, this.#route.failed(call, error));
  }

  /** Comes after every call, also a successful one. */
  cancel(): void {
    this.#gone = true;
    const call = this.#call;
    if (call !== undefined && !call.finished) call.abort(cancelled(call));
  }

  #answer(call: Call, response: unknown): void {
    const { maxSendBytes } = this.#serving;
    const bytes = asBuffer(response as Uint8Array);
    if (bytes.byteLength > maxSendBytes)
      this.#fail(call, responseAboveOwnLimit(call.method.path, bytes.byteLength, maxSendBytes));
    else if (this.#gzip) {
      Promise.resolve(compressed(bytes))
        .then((message) => this.#send(call, message))
        .catch((error: unknown) => this.#fail(call, error));
    } else this.#send(call, bytes);
  }

  #send(call: Call, message: Outgoing): void {
    if (call.finished) return;
    if (!this.#gone) {
      if (call.hasResponseHeaders || this.#gzip) this.#reply.sendMetadata(responseHeaders(call, this.#gzip));
      this.#reply.succeed(message, trailerMetadata(call));
    }
    this.#finish(call);
  }

  #fail(call: Call, reason: unknown): void {
    if (call.finished) return;
    if (!this.#gone) {
      if (headersComeFirst(call)) this.#reply.sendMetadata(responseHeaders(call, false));
      this.#reply.fail(statusObject(failedStatus(call, reason, this.#serving.dispatcher.logger)));
    }
    this.#finish(call);
  }

  #finish(call: Call): void {
    this.#serving.calls.remove(this.#place, call);
    call.finish();
  }
}

/** For a server of the user's. */
export function serveUnary(serving: Serving, route: Route): handleUnaryCall<Buffer, Outgoing> {
  return (rpc, callback) => {
    const exchange = new UnaryExchange(serving, route, {
      sendMetadata: (metadata) => rpc.sendMetadata(metadata),
      succeed: (message, trailers) => callback(null, message, trailers),
      fail: (status) => callback(status),
    });
    rpc.on('cancelled', () => exchange.cancel());
    exchange.run(rpc, rpc.request);
  };
}

/** For a listener of ours: takes unary calls over before grpc-js makes handler objects for them. */
export function unaryInterceptor(serving: Serving): ServerInterceptor {
  return (method, next) => {
    const unary = !method.requestStream && !method.responseStream;
    const route = unary ? serving.dispatcher.find(method.path) : undefined;
    // The declared type is grpc-js's class; what it uses of it, for a call that is taken over, is `start`.
    return (route === undefined ? next : new TakenOver(serving, route, next)) as ServerInterceptingCall;
  };
}

class TakenOver implements Reply, IncomingRequest {
  readonly #exchange: UnaryExchange;
  readonly #serving: Serving;
  readonly #route: Route;
  readonly #next: ServerInterceptingCallInterface;
  #metadata: Metadata | undefined;
  #request: Buffer | undefined;

  constructor(serving: Serving, route: Route, next: ServerInterceptingCallInterface) {
    this.#exchange = new UnaryExchange(serving, route, this);
    this.#serving = serving;
    this.#route = route;
    this.#next = next;
  }

  /** grpc-js hands its own listener in; ours goes on instead. */
  start(): void {
    this.#next.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    learnMetadata(metadata);
    this.#metadata = metadata;
    const refusal = this.#route.refuse?.(this);
    if (refusal === undefined) this.#next.startRead();
    // The message is not even read; grpc-js throws away what comes of it.
    else this.#next.sendStatus(sharedStatusObject(refusedStatus(refusal)));
  }

  getAll(name: string): MetadataValue[] {
    return this.metadata.get(name);
  }

  get peer(): Peer {
    return peerOf(this.#serving, this);
  }

  get timeout(): number | undefined {
    return this.#serving.notes ? noteOf(this.metadata).timeout : undefined;
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#request !== undefined) this.#refuse('a second request message');
    else {
      this.#request = message;
      this.#next.startRead();
    }
  }

  onReceiveHalfClose(): void {
    if (this.#metadata === undefined || this.#request === undefined) {
      this.#refuse('no request message');
      return;
    }
    this.#exchange.run(this, this.#request);
  }

  onCancel(): void {
    this.#exchange.cancel();
  }

  get metadata(): Metadata {
    return this.#metadata ?? newMetadata();
  }

  getPeer(): string {
    return this.#next.getPeer();
  }

  getDeadline(): Date | number {
    return this.#next.getDeadline();
  }

  getAuthContext(): ReturnType<ServerInterceptingCallInterface['getAuthContext']> {
    return this.#next.getAuthContext();
  }

  sendMetadata(metadata: Metadata): void {
    this.#next.sendMetadata(metadata);
  }

  succeed(message: Outgoing, trailers: Metadata | undefined): void {
    // The status right behind the message: HTTP/2 keeps their order, and they can leave in one write.
    this.#next.sendMessage(message, () => {});
    this.#next.sendStatus({ code: 0, details: 'OK', metadata: trailers });
  }

  fail(status: StatusObject): void {
    this.#next.sendStatus(status);
  }

  #refuse(what: string): void {
    const metadata = newMetadata();
    metadata.set(dispositionHeader, 'not-executed');
    this.#next.sendStatus({ code: 12, details: `${this.#route.method.path} is unary, and got ${what}`, metadata });
  }
}
