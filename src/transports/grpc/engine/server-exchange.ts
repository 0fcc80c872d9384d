/**
 * One call as a server has it, on one stream: requests in, responses and a status out. Reading and writing each stop while the
 * other end is slow: what a handler does not read stays behind the stream's window, and the next response is pulled from the
 * handler only when the last one found room.
 */

import { type AnswerStep, answerTo } from '../../../call/answer-steps.js';
import { Call } from '../../../call/call.js';
import { hasOwnHeaders, headersComeFirst } from '../../../call/correlation-id.js';
import { runInCall } from '../../../call/current.js';
import { Deadline } from '../../../call/deadline.js';
import { Inbox } from '../../../call/inbox.js';
import { ownError } from '../../../call/own-error.js';
import { pump, type Source } from '../../../call/pump.js';
import { RpcError } from '../../../call/rpc-error.js';
import { responseAboveOwnLimit } from '../../../call/too-large.js';
import type { Route } from '../../../call/transport.js';
import { streamsRequest, streamsResponse } from '../../../contract/method.js';
import type { HeaderList } from '../../../http2/header-list.js';
import type { Stream, StreamFailure, StreamReceiver } from '../../../http2/stream.js';
import type { SocketPeer } from '../../socket-peer.js';
import { cancelled } from '../accept.js';
import { type CallStatus, failedStatus, trailersOf } from '../failed-status.js';
import { zipped } from '../gzip.js';
import { MessageReader } from '../message-reader.js';
import { asBuffer } from '../metadata.js';
import { sendMessage } from './client-exchange.js';
import { ListedHeaders } from './listed-headers.js';
import type { ServedConnection } from './served-connection.js';
import { sendHead, sendOk, sendStatus } from './served-fields.js';
import type { EngineServing } from './server-connection.js';
import { acceptsGzip, requests, timeoutOf } from './server-request.js';

/** Below this many bytes a message is sent as it is: the gzip frame would eat the gain. */
const smallestZipped = 1_024;

/** A larger request is a good part of the chunk that it stands in. */
const copyBelow = 4_096;

export class ServerExchange implements StreamReceiver {
  readonly #serving: EngineServing;
  readonly #route: Route;
  readonly #stream: Stream;
  readonly #call: Call;
  readonly #reader: MessageReader;
  readonly #gzip: boolean;
  readonly #malformedTimeout: boolean;
  /** Of a method whose requests are one message. */
  #request: Buffer | undefined;
  /** Of a method whose requests stream. */
  #inbox: Inbox<unknown> | undefined;
  #paused = false;
  /** Bytes that came while the handler had no room. */
  #unread = 0;
  #requestEnded = false;
  #headSent = false;
  #ended = false;
  #wroteOn: (() => void) | undefined;
  /** Among the calls in flight. */
  #place = -1;

  constructor(
    serving: EngineServing,
    route: Route,
    stream: Stream,
    list: HeaderList,
    peer: SocketPeer,
    served: ServedConnection,
  ) {
    this.#serving = serving;
    this.#route = route;
    this.#stream = stream;
    const timeout = timeoutOf(list);
    const headers = new ListedHeaders(list);
    const { clock } = serving.dispatcher;
    this.#malformedTimeout = timeout === undefined;
    this.#gzip = serving.gzip && acceptsGzip(list);
    this.#reader = new MessageReader(this, serving.maxReceiveBytes, requests);
    this.#reader.encoding = list.get('grpc-encoding');
    this.#call = new Call({
      method: route.method,
      side: 'server',
      encoding: 'proto',
      headers: headers.map,
      rawHeaders: headers,
      peer: () => peer.peer,
      local: serving.address,
      request: undefined,
      ...(timeout === undefined || timeout === Number.POSITIVE_INFINITY
        ? {}
        : { deadline: new Deadline(served.arrivedAt(clock) + timeout, clock) }),
    });
  }

  /** `end`: the request has no message. */
  start(end: boolean): void {
    if (this.#malformedTimeout) {
      this.#refuse(
        ownError(
          'TIMEOUT_MALFORMED',
          `the grpc-timeout header of the call to ${this.#route.method.path} is malformed`,
          { code: 'INTERNAL', disposition: 'not-executed' },
        ),
      );
      return;
    }
    if (streamsRequest(this.#route.method.kind)) {
      this.#call.request = this.#openInbox();
      this.#begin();
    }
    if (end) this.end(this.#stream);
  }

  // The stream

  head(): void {}

  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void {
    if (this.#ended) return;
    this.#reader.take(asBuffer(bytes).subarray(from, to));
    if (this.#paused || this.#reader.busy) this.#unread += to - from;
    else stream.consume(to - from);
  }

  end(_stream: Stream): void {
    this.#requestEnded = true;
    if (!this.#reader.busy) this.#requestsEnded();
  }

  failed(_stream: Stream, _failure: StreamFailure): void {
    this.#inbox?.fail(new RpcError('CANCELLED', 'the call ended before the caller had sent everything'));
    const call = this.#call;
    if (!this.#ended && !call.finished) {
      call.abort(cancelled(call));
      this.#finish();
    }
    this.writable();
  }

  writable(): void {
    const go = this.#wroteOn;
    this.#wroteOn = undefined;
    go?.();
  }

  // The reader of requests

  message(bytes: Buffer): void {
    if (this.#ended) return;
    if (this.#inbox !== undefined) this.#push(this.#inbox, bytes);
    else if (this.#request === undefined) {
      // A view of a chunk must not keep it for as long as the caller leaves the end of its request out.
      this.#request = this.#stream.remoteClosed || bytes.byteLength >= copyBelow ? bytes : Buffer.from(bytes);
    } else this.#refuse(this.#cardinality('a second request message'));
  }

  broken(error: RpcError): void {
    if (this.#inbox !== undefined) this.#inbox.fail(error);
    this.#refuse(error);
  }

  inflating(busy: boolean): void {
    if (busy) return;
    if (this.#requestEnded) this.#requestsEnded();
    else if (!this.#paused) this.#takeUp();
  }

  // The call

  #openInbox(): Inbox<unknown> {
    const call = this.#call;
    const inbox = new Inbox<unknown>({
      onDrain: () => {
        this.#paused = false;
        if (!this.#reader.busy) this.#takeUp();
      },
      // The handler wants no more; the caller's next messages stay behind the window, and go with the call.
      onReturn: () => {
        this.#paused = true;
      },
    });
    this.#inbox = inbox;
    call.onAbort((reason) => inbox.abort(reason));
    return inbox;
  }

  #push(inbox: Inbox<unknown>, bytes: Buffer): void {
    let message: unknown;
    try {
      message = this.#call.decodeItem(bytes);
    } catch (error) {
      inbox.fail(error);
      this.#paused = true;
      return;
    }
    if (!inbox.push(message)) this.#paused = true;
  }

  /** The handler has room again. */
  #takeUp(): void {
    const unread = this.#unread;
    this.#unread = 0;
    if (unread > 0) this.#stream.consume(unread);
  }

  #requestsEnded(): void {
    if (this.#ended) return;
    if (!this.#reader.empty) {
      this.broken(requests.malformed('a message that ends before its length'));
      return;
    }
    if (this.#inbox !== undefined) this.#inbox.end();
    else if (this.#request === undefined) this.#refuse(this.#cardinality('no request message'));
    else {
      this.#call.request = this.#request;
      this.#begin();
    }
  }

  #begin(): void {
    const call = this.#call;
    this.#stream.working = true;
    this.#place = this.#serving.calls.add(call);
    call.onAbort((reason) => this.#fail(reason));
    if (streamsResponse(this.#route.method.kind)) runInCall(call, () => void this.#respond());
    else runInCall(call, answerTo, this.#route.handle, call, new OneAnswer(this));
  }

  /** For `OneAnswer`. */
  answer(response: unknown): void {
    this.#stream.workDone();
    const bytes = asBuffer(response as Uint8Array);
    const { maxSendBytes } = this.#serving;
    if (bytes.byteLength > maxSendBytes)
      this.fail(responseAboveOwnLimit(this.#call.method.path, bytes.byteLength, maxSendBytes));
    else if (!this.#gzip || bytes.byteLength < smallestZipped) this.#sendOnly(bytes, false);
    else {
      Promise.resolve(zipped(bytes)).then(
        (small) => this.#sendOnly(smaller(small, bytes), small.byteLength < bytes.byteLength),
        (error: unknown) => this.fail(error),
      );
    }
  }

  /** For `OneAnswer`: what the handler failed with. */
  handlerFailed(error: unknown): void {
    this.#stream.workDone();
    this.#fail(this.#route.failed(this.#call, error));
  }

  fail(error: unknown): void {
    this.#fail(error);
  }

  #sendOnly(message: Uint8Array, compressed: boolean): void {
    if (this.#ended) return;
    this.#sendHead();
    sendMessage(this.#stream, message, compressed, false);
    this.#succeed();
  }

  async #respond(): Promise<void> {
    const call = this.#call;
    try {
      const responses = (await this.#handled()) as Source<unknown>;
      const write = (item: unknown): Promise<void> | undefined => this.#write(call.encodeItem(item));
      const sent = pump(call, responses, write, (error) => this.#route.failed(call, error));
      // Headers that the handler set before its first wait need not wait for a message, which may be long in coming.
      setImmediate(() => {
        if (hasOwnHeaders(call)) this.#sendHead();
      });
      await sent;
      this.#stream.workDone();
      this.#sendHead();
      this.#succeed();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#stream.workDone();
    }
  }

  async #handled(): Promise<unknown> {
    try {
      return await this.#route.handle(this.#call);
    } catch (error) {
      throw this.#route.failed(this.#call, error);
    }
  }

  #write(bytes: Uint8Array): Promise<void> | undefined {
    const { maxSendBytes } = this.#serving;
    if (bytes.byteLength > maxSendBytes)
      throw responseAboveOwnLimit(this.#call.method.path, bytes.byteLength, maxSendBytes);
    if (!this.#gzip || bytes.byteLength < smallestZipped) return this.#writeMessage(bytes, false);
    const small = zipped(bytes);
    const write = (one: Uint8Array): Promise<void> | undefined =>
      this.#writeMessage(smaller(one, bytes), one.byteLength < bytes.byteLength);
    return small instanceof Uint8Array ? write(small) : small.then(write);
  }

  #writeMessage(message: Uint8Array, compressed: boolean): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#sendHead();
    if (sendMessage(this.#stream, message, compressed, false) !== 'full') return undefined;
    return new Promise((resolve) => {
      this.#wroteOn = resolve;
    });
  }

  #sendHead(): void {
    if (this.#headSent || this.#ended) return;
    this.#headSent = true;
    const call = this.#call;
    const headers = call.hasResponseHeaders ? call.responseHeaders : undefined;
    sendHead(this.#stream, headers, this.#gzip ? 'gzip' : undefined);
    call.sealResponseHeaders();
  }

  #succeed(): void {
    if (this.#ended) return;
    sendOk(this.#stream, trailersOf(this.#call));
    this.#finish();
  }

  #fail(reason: unknown): void {
    if (this.#ended) return;
    const call = this.#call;
    if (!this.#headSent && headersComeFirst(call)) this.#sendHead();
    this.#sendStatus(failedStatus(call, reason, this.#serving.dispatcher.logger));
  }

  #sendStatus(status: CallStatus): void {
    sendStatus(this.#stream, status, this.#headSent);
    this.#finish();
  }

  /** Before there is a handler that could run. */
  #refuse(error: RpcError): void {
    if (this.#ended) return;
    this.#fail(error);
  }

  #cardinality(what: string): RpcError {
    return new RpcError('UNIMPLEMENTED', `${this.#route.method.path} takes one request message, and got ${what}`, {
      disposition: 'not-executed',
    });
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#place >= 0) this.#serving.calls.remove(this.#place, this.#call);
    this.#call.finish();
    this.writable();
  }
}

/** What the handler of a call with one response comes to. */
class OneAnswer implements AnswerStep {
  outer: AnswerStep | undefined = undefined;
  readonly #exchange: ServerExchange;

  constructor(exchange: ServerExchange) {
    this.#exchange = exchange;
  }

  answered(response: unknown): void {
    try {
      this.#exchange.answer(response);
    } catch (error) {
      this.#exchange.fail(error);
    }
  }

  failed(error: unknown): void {
    this.#exchange.handlerFailed(error);
  }
}

function smaller(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.byteLength < other.byteLength ? one : other;
}
