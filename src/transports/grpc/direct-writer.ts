/**
 * Messages of a stream straight to its HTTP/2 stream. grpc-js would put a stream of its own in between and copy each message
 * once for each caller, which for a message to many subscribers is most of what it costs; headers, trailers and the end stay
 * with grpc-js, whose own writes go to the same stream and so keep their order. There is no public way to that stream: where
 * this grpc-js keeps it elsewhere, messages go through grpc-js.
 */
import { Buffer } from 'node:buffer';
import type { ServerHttp2Stream } from 'node:http2';

/** Bytes that wait in one stream before its source is told to stop. */
const most = 64 * 1024;

/** A message with its frame, as it goes to everyone who gets the same one next. */
let last: { readonly message: Uint8Array; readonly framed: Buffer } | undefined;

export class DirectWriter {
  readonly #stream: ServerHttp2Stream;

  private constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  /** Undefined where grpc-js has an interceptor or something else of its own in between. */
  static of(rpc: object): DirectWriter | undefined {
    const call: unknown = Reflect.get(rpc, 'call');
    const stream: unknown = typeof call === 'object' && call !== null ? Reflect.get(call, 'stream') : undefined;
    return isHttp2Stream(stream) ? new DirectWriter(stream) : undefined;
  }

  /** Returns a promise to wait for when the stream is full. `shared`: the bytes never change, so one frame may serve many. */
  write(message: Uint8Array, shared: boolean): Promise<void> | undefined {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || stream.writableEnded) return undefined;
    const framed = shared && last?.message === message ? last.framed : frame(message);
    if (shared) last = { message, framed };
    if (stream.write(framed) || stream.writableLength < most) return undefined;
    return new Promise((resolve) => stream.once('drain', resolve));
  }
}

/** gRPC's prefix: not compressed, and the length. */
function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, 5);
  return framed;
}

function isHttp2Stream(value: unknown): value is ServerHttp2Stream {
  return typeof value === 'object' && value !== null && 'respond' in value && 'writableLength' in value;
}
