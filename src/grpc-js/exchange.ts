/** One attempt of a call on a channel of grpc-js: a bidi stream there, whatever the method's kind. */
import { type CallOptions, type Client, type ClientDuplexStream, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Call } from '../call/call.js';
import { responseAboveLimit } from '../call/too-large.js';
import type { Exchange, Receiver } from '../transports/grpc/exchange.js';
import { asBuffer, metadataOf } from '../transports/grpc/metadata.js';
import { learnMetadata } from '../transports/grpc/new-metadata.js';
import { errorOf } from '../transports/grpc/received-status.js';
import { MetadataHeaders } from './metadata-headers.js';

type Stream = ClientDuplexStream<Uint8Array, Buffer>;

/** grpc-js counts deadlines in 32 bits of ms. */
const longestDeadline = 2 ** 31 - 1;

export class ChannelExchange implements Exchange {
  readonly #client: Client;
  readonly #path: string;
  readonly #maxReceiveBytes: number;
  readonly #call: Call;
  readonly #receiver: Receiver;
  #stream: Stream | undefined;
  #status: StatusObject | undefined;
  /** Ends the wait for room. */
  #waiting: (() => void) | undefined;
  #over = false;

  constructor(client: Client, path: string, maxReceiveBytes: number, call: Call, receiver: Receiver) {
    this.#client = client;
    this.#path = path;
    this.#maxReceiveBytes = maxReceiveBytes;
    this.#call = call;
    this.#receiver = receiver;
  }

  start(request: Uint8Array | undefined): void {
    const call = this.#call;
    learnMetadata(new Metadata());
    const options: CallOptions = {};
    if (call.deadline !== undefined) {
      options.deadline = Date.now() + Math.min(longestDeadline, Math.ceil(call.deadline.remaining()));
    }
    const metadata = call.hasHeaders ? metadataOf(call.headers) : new Metadata();
    const stream = this.#client.makeBidiStreamRequest(this.#path, asBuffer, asItIs, metadata, options);
    this.#stream = stream;
    stream.on('metadata', (headers) => this.#responded(headers));
    stream.on('data', (message) => this.#received(message));
    stream.on('status', (status) => {
      this.#status = status;
      this.#wake();
      if (stream.readableEnded) this.#finish();
    });
    // Its status tells more.
    stream.on('error', () => {});
    stream.on('end', () => this.#finish());
    if (request === undefined) this.#receiver.begun?.();
    else {
      stream.write(request);
      stream.end();
    }
  }

  write(request: Uint8Array): Promise<void> | undefined {
    const stream = this.#stream;
    if (this.#over || stream === undefined || this.#status !== undefined) return undefined;
    return new Promise((resolve) => {
      // grpc-js forgets the callback of a message that it cannot send any more.
      this.#waiting = resolve;
      stream.write(request, () => this.#wake());
    });
  }

  endRequests(): void {
    if (!this.#over) this.#stream?.end();
  }

  readOn(): void {
    if (!this.#over) this.#stream?.resume();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wake();
    this.#stream?.cancel();
  }

  #responded(metadata: Metadata): void {
    if (this.#over) return;
    this.#call.peer = { address: this.#stream?.getPeer() ?? '' };
    const headers = new MetadataHeaders(metadata);
    this.#call.receiveHeaders(headers.map, headers);
  }

  #received(message: Buffer): void {
    if (this.#over) return;
    if (message.byteLength > this.#maxReceiveBytes) {
      this.cancel();
      this.#receiver.failed(responseAboveLimit(`${message.byteLength} bytes, the limit is ${this.#maxReceiveBytes}`));
    } else if (!this.#receiver.message(message)) this.#stream?.pause();
  }

  /** All messages were read, and the status is there: the two come in either order. */
  #finish(): void {
    const status = this.#status;
    if (this.#over || status === undefined) return;
    this.#over = true;
    const trailers = new MetadataHeaders(status.metadata, status);
    this.#call.receiveTrailers(trailers.map, trailers);
    const error = errorOf(trailers, this.#call);
    if (error === undefined) this.#receiver.ended();
    else this.#receiver.failed(error);
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
