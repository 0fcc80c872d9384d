/**
 * One stream of a connection of our engine, as one attempt of a call: headers and messages out, headers, messages and a status
 * back.
 *
 * A stream that the server says it never looked at is tried once more, unseen, on whatever connection there is then: a
 * connection that the server was just retiring is no failure of the call.
 * Source: gRFC A6, "Transparent Retries".
 */
import type { Call } from '../../../call/call.js';
import { readingOf } from '../../../call/clock-reading.js';
import { formatTimeout, timeoutHeader } from '../../../call/deadline.js';
import type { RpcError } from '../../../call/rpc-error.js';
import { ErrorCode } from '../../../http2/error-code.js';
import { fieldOverhead, type HeaderList } from '../../../http2/header-list.js';
import type { HpackEncoder } from '../../../http2/hpack-encoder.js';
import type { Stream, StreamFailure, StreamReceiver } from '../../../http2/stream.js';
import type { Exchange, Receiver } from '../exchange.js';
import type { Link, Waiting } from '../link.js';
import { MessageReader, responses } from '../message-reader.js';
import { asBuffer, forEachOutgoing } from '../metadata.js';
import {
  connectionLost,
  errorOf,
  foreign,
  headersTooLarge,
  notBegun,
  refusedStream,
  streamFailed,
  withoutStatus,
} from '../received-status.js';
import type { EngineConnection } from './client-connection.js';
import { ListedHeaders } from './listed-headers.js';

/** What exchanges of one method have in common. */
export interface EngineExchangeTerms {
  readonly link: Link<EngineConnection>;
  /** Of every request: name, value, name, value. */
  readonly headers: readonly string[];
  readonly maxReceiveBytes: number;
}

const userAgent = 'user-agent';
const prefixBytes = 5;
/** Messages up to this size are copied into the connection's outbox, where all that a turn sends leaves in one write. */
const copiedBytes = 16_000;
/** The fields of the head that is being written. One for all: a head is written in one go. */
const fields: string[] = [];

export class EngineExchange implements Exchange, Waiting<EngineConnection>, StreamReceiver {
  readonly #call: Call;
  readonly #terms: EngineExchangeTerms;
  readonly #receiver: Receiver;
  readonly #reader: MessageReader;
  /** The only request; undefined where requests are written one by one. */
  #request: Uint8Array | undefined;
  #compressed = false;
  #connection: EngineConnection | undefined;
  #stream: Stream | undefined;
  #heard = 0;
  #timeouts = 0;
  #answered = false;
  #trailers: ListedHeaders | undefined;
  /** The peer has said all that it will. */
  #ended = false;
  #paused = false;
  /** Bytes that came while the receiver had no room. */
  #unread = 0;
  #wroteOn: (() => void) | undefined;
  #repeated = false;
  /** How the stream ended, while what came before is being inflated. */
  #failure: StreamFailure | undefined;
  #over = false;

  constructor(call: Call, terms: EngineExchangeTerms, receiver: Receiver) {
    this.#call = call;
    this.#terms = terms;
    this.#receiver = receiver;
    this.#reader = new MessageReader(this, terms.maxReceiveBytes, responses);
  }

  start(request: Uint8Array | undefined, compressed: boolean): void {
    this.#request = request;
    this.#compressed = compressed;
    this.#terms.link.take(this);
  }

  begin(connection: EngineConnection): void {
    if (this.#over) return;
    const { maxHeaderBytes } = connection;
    const headBytes = this.#collect();
    if (headBytes > maxHeaderBytes) {
      fields.length = 0;
      this.#fail(headersTooLarge(this.#call.method.path, maxHeaderBytes));
      return;
    }
    const stream = connection.begin(this);
    if (stream === undefined) {
      this.#fail(notBegun(this.#terms.link.address, new Error('its connection has no room')));
      return;
    }
    this.#connection = connection;
    this.#stream = stream;
    this.#heard = connection.heard;
    this.#timeouts = connection.silence.timeouts;
    // `fields` is what `#collect` has just made; what a field takes on the wire is less than what it counts.
    stream.sendHead(headBytes, writeFields, false);
    const request = this.#request;
    if (request === undefined) this.#receiver.begun?.();
    else if (sendMessage(stream, request, this.#compressed, true) !== 'sent') stream.finish();
  }

  cannotBegin(error: RpcError): void {
    this.#fail(error);
  }

  write(request: Uint8Array, compressed: boolean): Promise<void> | undefined {
    const stream = this.#stream;
    if (this.#over || stream === undefined || sendMessage(stream, request, compressed, false) !== 'full')
      return undefined;
    return new Promise((resolve) => {
      this.#wroteOn = resolve;
    });
  }

  endRequests(): void {
    if (!this.#over) this.#stream?.finish();
  }

  readOn(): void {
    this.#paused = false;
    if (!this.#reader.busy) this.#takeUp();
  }

  cancel(): void {
    if (this.#over) return;
    this.#end();
    this.#terms.link.forget(this);
    this.#stream?.reset(ErrorCode.CANCEL);
    if (this.#call.aborted?.code === 'DEADLINE_EXCEEDED') {
      this.#connection?.silence.timedOut(this.#heard, this.#timeouts);
    }
  }

  // For the reader

  message(bytes: Buffer): void {
    if (!this.#over && !this.#receiver.message(bytes)) this.#paused = true;
  }

  broken(error: RpcError): void {
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#fail(error);
  }

  inflating(busy: boolean): void {
    if (busy || this.#over) return;
    if (this.#failure !== undefined) this.#failed(this.#failure);
    else if (this.#ended) this.#conclude();
    else if (!this.#paused) this.#takeUp();
  }

  // The stream

  head(stream: Stream, list: HeaderList, end: boolean): void {
    if (this.#over) return;
    const headers = new ListedHeaders(list);
    const { address } = this.#terms.link;
    const error = foreign(headers, address);
    if (error !== undefined) {
      if (!end) stream.reset(ErrorCode.CANCEL);
      this.#fail(error);
    } else if (end) {
      this.#trailers = headers;
      this.#ended = true;
      this.#conclude();
    } else {
      this.#answered = true;
      this.#reader.encoding = headers.text('grpc-encoding');
      this.#call.peer = (this.#connection as EngineConnection).peer;
      this.#call.receiveHeaders(headers.map, headers);
    }
  }

  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void {
    if (!this.#over) this.#reader.take(asBuffer(bytes).subarray(from, to));
    if (this.#paused || this.#reader.busy) this.#unread += to - from;
    else stream.consume(to - from);
  }

  end(_stream: Stream, trailers: HeaderList | undefined): void {
    if (this.#over) return;
    this.#ended = true;
    if (trailers !== undefined) this.#trailers = new ListedHeaders(trailers);
    if (!this.#reader.busy) this.#conclude();
  }

  failed(_stream: Stream, failure: StreamFailure): void {
    if (this.#over || this.#ended) return;
    if (this.#reader.busy) this.#failure = failure;
    else this.#failed(failure);
  }

  #failed(failure: StreamFailure): void {
    const { address } = this.#terms.link;
    if (failure.unprocessed && !this.#answered) this.#repeat(refusedStream(address));
    else if (failure.by === 'connection') this.#fail(connectionLost(address));
    else if (failure.by === 'us') this.#fail(streamFailed(address, failure.code, failure.message));
    else this.#fail(withoutStatus(address, failure.code, this.#call));
  }

  writable(): void {
    const go = this.#wroteOn;
    this.#wroteOn = undefined;
    go?.();
  }

  // Inside

  /** Puts the head together in `fields`; returns its bytes as HTTP/2 counts them. */
  #collect(): number {
    fields.length = 0;
    const { headers } = this.#terms;
    const call = this.#call;
    // Of all that is common to the calls, this alone may be the caller's own.
    const named = call.hasHeaders && call.headers.has(userAgent);
    for (let i = 0; i < headers.length; i += 2) {
      if (named && headers[i] === userAgent) continue;
      fields.push(headers[i] as string, headers[i + 1] as string);
    }
    if (call.hasHeaders) forEachOutgoing(call.headers, addField);
    const { deadline } = call;
    if (deadline !== undefined) {
      fields.push(timeoutHeader, formatTimeout(deadline.remaining(readingOf(call, deadline.clock))));
    }
    let bytes = 0;
    for (let i = 0; i < fields.length; i++) bytes += (fields[i] as string).length + fieldOverhead / 2;
    return bytes;
  }

  /** The receiver has room again. */
  #takeUp(): void {
    const unread = this.#unread;
    this.#unread = 0;
    if (unread > 0) this.#stream?.consume(unread);
  }

  /** All that came was handed on, or will be by what failed. */
  #conclude(): void {
    if (this.#over) return;
    const trailers = this.#trailers;
    const { address } = this.#terms.link;
    if (trailers === undefined) {
      this.#stream?.reset(ErrorCode.CANCEL);
      this.#fail(withoutStatus(address, undefined, this.#call));
      return;
    }
    if (!this.#answered) this.#call.peer = (this.#connection as EngineConnection).peer;
    this.#end();
    this.#call.receiveTrailers(trailers.map, trailers);
    // The server is done, so what is left of the request is of no use.
    if (this.#stream?.localClosed === false) this.#stream.reset(ErrorCode.CANCEL);
    const error =
      errorOf(trailers, this.#call) ??
      (this.#reader.empty ? undefined : withoutStatus(address, ErrorCode.INTERNAL_ERROR));
    if (error === undefined) this.#receiver.ended();
    else this.#receiver.failed(error);
  }

  #repeat(refused: RpcError): void {
    if (this.#repeated || this.#request === undefined) {
      this.#fail(refused);
      return;
    }
    this.#repeated = true;
    this.#terms.link.take(this);
  }

  #fail(error: RpcError): void {
    if (this.#over) return;
    this.#end();
    this.#receiver.failed(error);
  }

  #end(): void {
    this.#over = true;
    // A sender that waits for room finds that nothing is wanted any more.
    this.writable();
  }
}

const addField = (name: string, value: string): void => {
  fields.push(name, value);
};

function writeFields(encoder: HpackEncoder, bytes: Uint8Array, start: number): number {
  let at = start;
  for (let i = 0; i < fields.length; i += 2)
    at = encoder.field(bytes, at, fields[i] as string, fields[i + 1] as string);
  return at;
}

/**
 * A message with its prefix. `sent`: it and, with `last`, the end of the stream are on their way; `queued`: it waits, or the end
 * is still to be said; `full`: as `queued`, and the sender should wait for `writable`.
 * Source: gRPC over HTTP/2, "Length-Prefixed-Message".
 */
export function sendMessage(
  stream: Stream,
  message: Uint8Array,
  compressed: boolean,
  last: boolean,
): 'sent' | 'queued' | 'full' {
  const { length } = message;
  if (length <= copiedBytes) {
    const at = stream.reserve(prefixBytes + length);
    if (at >= 0) {
      const { chunk } = stream;
      putPrefix(chunk, at, length, compressed);
      chunk.set(message, at + prefixBytes);
      stream.commit(at, prefixBytes + length, last);
      return 'sent';
    }
  }
  const prefix = new Uint8Array(prefixBytes);
  putPrefix(prefix, 0, length, compressed);
  stream.send(prefix);
  return stream.send(message) ? 'queued' : 'full';
}

function putPrefix(bytes: Uint8Array, at: number, length: number, compressed: boolean): void {
  bytes[at] = compressed ? 1 : 0;
  bytes[at + 1] = length >>> 24;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 8;
  bytes[at + 4] = length;
}
