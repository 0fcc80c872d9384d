/**
 * One stream of a connection, as one attempt of a call: headers and messages out, headers, messages and a status back. A
 * listener is a function that all streams share, and finds its exchange on the stream, so that a call costs no closures.
 *
 * A stream that the server says it never looked at is tried once more, unseen, on whatever connection there is then: a
 * connection that the server was just retiring is no failure of the call.
 * Source: gRFC A6, "Transparent Retries".
 */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { Call } from '../../call/call.js';
import { formatTimeout, timeoutHeader } from '../../call/deadline.js';
import type { RpcError } from '../../call/rpc-error.js';
import { framed } from './client-call.js';
import type { Exchange, Receiver } from './exchange.js';
import type { Link, Waiting } from './link.js';
import { MessageReader, responses } from './message-reader.js';
import { addOutgoing } from './metadata.js';
import type { NodeConnection } from './node-connection.js';
import { NodeHeaders, type ReceivedHeaders } from './received-headers.js';
import { connectionLost, errorOf, foreign, notBegun, refusedStream, withoutStatus } from './received-status.js';

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM } = constants;

/** What exchanges of one method have in common. */
export interface NodeExchangeTerms {
  readonly link: Link<NodeConnection>;
  /** Of every request. */
  readonly headers: OutgoingHttpHeaders;
  readonly maxReceiveBytes: number;
}

interface OwnStream extends ClientHttp2Stream {
  exchange: NodeExchange;
  connection: NodeConnection;
}

export class NodeExchange implements Exchange, Waiting<NodeConnection> {
  readonly #call: Call;
  readonly #terms: NodeExchangeTerms;
  readonly #receiver: Receiver;
  readonly #reader: MessageReader;
  /** The only request, framed; undefined where requests are written one by one. */
  #request: Buffer | undefined;
  #stream: OwnStream | undefined;
  #heard = 0;
  #timeouts = 0;
  #answered = false;
  #trailers: ReceivedHeaders | undefined;
  #paused = false;
  #repeated = false;
  /** All that comes has come, and was read. */
  #ended = false;
  #over = false;

  constructor(call: Call, terms: NodeExchangeTerms, receiver: Receiver) {
    this.#call = call;
    this.#terms = terms;
    this.#receiver = receiver;
    this.#reader = new MessageReader(this, terms.maxReceiveBytes, responses);
  }

  start(request: Uint8Array | undefined, compressed: boolean): void {
    this.#request = request === undefined ? undefined : framed(request, compressed ? 1 : 0);
    this.#terms.link.take(this);
  }

  begin(connection: NodeConnection): void {
    if (this.#over) return;
    let stream: OwnStream;
    try {
      stream = connection.request(this.#headers()) as OwnStream;
    } catch (error) {
      this.#fail(notBegun(this.#terms.link.address, error));
      return;
    }
    this.#stream = stream;
    stream.exchange = this;
    stream.connection = connection;
    this.#heard = connection.heard;
    this.#timeouts = connection.silence.timeouts;
    stream.on('response', onResponse);
    stream.on('trailers', onTrailers);
    stream.on('data', onData);
    stream.on('end', onEnd);
    stream.on('error', onError);
    stream.on('close', onClose);
    if (this.#request !== undefined) stream.end(this.#request);
    else this.#receiver.begun?.();
  }

  cannotBegin(error: RpcError): void {
    this.#fail(error);
  }

  write(request: Uint8Array, compressed: boolean): Promise<void> | undefined {
    const stream = this.#stream;
    if (this.#over || stream === undefined) return undefined;
    return new Promise((resolve) => stream.write(framed(request, compressed ? 1 : 0), () => resolve()));
  }

  /** No more requests will come. */
  endRequests(): void {
    if (!this.#over) this.#stream?.end();
  }

  readOn(): void {
    this.#paused = false;
    if (!this.#over && !this.#reader.busy) this.#stream?.resume();
  }

  /** Ends the exchange here and at the peer; the receiver hears nothing more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#terms.link.forget(this);
    this.#leave();
    if (this.#call.aborted?.code === 'DEADLINE_EXCEEDED') {
      this.#stream?.connection.silence.timedOut(this.#heard, this.#timeouts);
    }
  }

  /** For the reader. */
  message(bytes: Buffer): void {
    if (this.#over || this.#receiver.message(bytes)) return;
    this.#paused = true;
    this.#stream?.pause();
  }

  /** For the reader. */
  broken(error: RpcError): void {
    this.#leave();
    this.#fail(error);
  }

  /** For the reader. */
  inflating(busy: boolean): void {
    const stream = this.#stream as OwnStream;
    if (busy) stream.pause();
    else if (this.#ended) this.#conclude(stream);
    else if (!this.#paused) stream.resume();
  }

  responded(headers: ReceivedHeaders, last: boolean): void {
    if (this.#over) return;
    const { link } = this.#terms;
    const error = foreign(headers, link.address);
    if (error !== undefined) this.broken(error);
    else if (last) {
      this.#trailers = headers;
      this.#finish();
    } else {
      this.#answered = true;
      this.#reader.encoding = headers.text('grpc-encoding');
      this.#call.peer = (this.#stream as OwnStream).connection.peer;
      this.#call.receiveHeaders(headers.map, headers);
    }
  }

  trailed(trailers: ReceivedHeaders): void {
    this.#trailers = trailers;
    // What is left to read, if anything is, comes first.
    if (!this.#over && !this.#paused && this.#reader.empty && this.#stream?.readableLength === 0) this.#finish();
  }

  received(chunk: Buffer): void {
    if (!this.#over) this.#reader.take(chunk);
  }

  /** Node does not close a stream that the peer has ended or reset with NO_ERROR while a write waits. */
  ended(stream: OwnStream): void {
    if (stream !== this.#stream) return;
    this.#ended = true;
    if (!this.#over && !this.#reader.busy) this.#conclude(stream);
  }

  closed(stream: OwnStream): void {
    stream.connection.release();
    if (this.#over || stream !== this.#stream) return;
    // What had come, and was not read yet.
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) this.received(chunk);
    this.#ended = true;
    if (!this.#over && !this.#reader.busy) this.#conclude(stream);
  }

  /** All that came on the stream was read. */
  #conclude(stream: OwnStream): void {
    if (this.#over) return;
    if (this.#trailers !== undefined) {
      this.#finish();
      return;
    }
    const { address } = this.#terms.link;
    const { connection, rstCode } = stream;
    this.#leave();
    if (connection.unprocessed(stream) && !this.#answered) this.#repeat(refusedStream(address));
    else if (connection.lost) this.#fail(connectionLost(address));
    // Node says 0 where none came, too.
    else this.#fail(withoutStatus(address, rstCode === 0 ? undefined : rstCode, this.#call));
  }

  #repeat(refused: RpcError): void {
    if (this.#repeated || this.#request === undefined) {
      this.#fail(refused);
      return;
    }
    this.#repeated = true;
    this.#ended = false;
    this.#stream = undefined;
    this.#terms.link.take(this);
  }

  #finish(): void {
    const trailers = this.#trailers as ReceivedHeaders;
    if (!this.#answered) this.#call.peer = (this.#stream as OwnStream).connection.peer;
    this.#over = true;
    if (this.#stream?.writableFinished === false) this.#leave();
    this.#call.receiveTrailers(trailers.map, trailers);
    const { address } = this.#terms.link;
    const error = errorOf(trailers, this.#call) ?? (this.#reader.empty ? undefined : withoutStatus(address, 2));
    if (error === undefined) this.#receiver.ended();
    else this.#receiver.failed(error);
  }

  #fail(error: RpcError): void {
    if (this.#over) return;
    this.#over = true;
    this.#receiver.failed(error);
  }

  /** Frees the stream, here and at the peer. Node keeps one that is closed until it is read to its end, which this one never is. */
  #leave(): void {
    const stream = this.#stream;
    if (stream?.closed === true) stream.destroy();
    else stream?.close(NGHTTP2_CANCEL);
  }

  /** The deadline goes out as the time that is left now. */
  #headers(): OutgoingHttpHeaders {
    const call = this.#call;
    const headers = { ...this.#terms.headers };
    if (call.hasHeaders) addOutgoing(headers, call.headers);
    if (call.deadline !== undefined) headers[timeoutHeader] = formatTimeout(call.deadline.remaining());
    return headers;
  }
}

function onResponse(this: unknown, parsed: IncomingHttpHeaders, flags: number, raw?: readonly string[]): void {
  const last = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
  (this as OwnStream).exchange.responded(new NodeHeaders(parsed, raw), last);
}

function onTrailers(this: unknown, parsed: IncomingHttpHeaders, _flags: number, raw?: readonly string[]): void {
  (this as OwnStream).exchange.trailed(new NodeHeaders(parsed, raw));
}

function onData(this: unknown, chunk: Buffer): void {
  (this as OwnStream).exchange.received(chunk);
}

function onEnd(this: unknown): void {
  const stream = this as OwnStream;
  stream.exchange.ended(stream);
}

/** What is to be said of it, the code of the stream and the state of the connection say. */
function onError(): void {}

function onClose(this: unknown): void {
  const stream = this as OwnStream;
  stream.exchange.closed(stream);
}
