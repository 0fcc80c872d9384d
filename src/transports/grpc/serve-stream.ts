/**
 * Calls that stream requests, responses or both. Reading and writing each stop while the other end
 * is slow: a request is read from the wire only while the inbox has room, and the next
 * response is pulled from the handler only when the last one was taken.
 */

import type { ServerDuplexStream, ServerReadableStream, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Call } from '../../call/call.js';
import { hasOwnHeaders, headersComeFirst } from '../../call/correlation-id.js';
import { runInCall } from '../../call/current.js';
import { Inbox } from '../../call/inbox.js';
import { pump, type Source } from '../../call/pump.js';
import { isPushSource } from '../../call/push-source.js';
import { RpcError } from '../../call/rpc-error.js';
import { responseAboveOwnLimit } from '../../call/too-large.js';
import type { Route } from '../../call/transport.js';
import { accept, cancelled, responseHeaders, type Serving, statusObject, trailerMetadata } from './accept.js';
import { compressed, type Outgoing } from './compression.js';
import { DirectWriter } from './direct-writer.js';
import { failedStatus } from './failed-status.js';
import { asBuffer } from './metadata.js';

type Reader = ServerReadableStream<Buffer, Outgoing> | ServerDuplexStream<Buffer, Outgoing>;
type Writer = ServerWritableStream<Buffer, Outgoing> | ServerDuplexStream<Buffer, Outgoing>;

export function serveServerStream(serving: Serving, route: Route): (rpc: Writer & { request: Buffer }) => void {
  return (rpc) => new ServedStream(serving, route, rpc, rpc.request).run(undefined, rpc, undefined);
}

export function serveClientStream(
  serving: Serving,
  route: Route,
): (rpc: ServerReadableStream<Buffer, Outgoing>, callback: sendUnaryData<Outgoing>) => void {
  return (rpc, callback) => new ServedStream(serving, route, rpc, undefined).run(rpc, undefined, callback);
}

export function serveBidi(serving: Serving, route: Route): (rpc: ServerDuplexStream<Buffer, Outgoing>) => void {
  return (rpc) => new ServedStream(serving, route, rpc, undefined).run(rpc, rpc, undefined);
}

class ServedStream {
  readonly #serving: Serving;
  /** Among the calls in flight. */
  #place = -1;
  readonly #route: Route;
  readonly #rpc: Reader | Writer;
  readonly #call: Call;
  readonly #gzip: boolean;
  readonly #refusal: RpcError | undefined;
  #headersSent = false;
  #ended = false;

  constructor(serving: Serving, route: Route, rpc: Reader | Writer, request: unknown) {
    const { call, acceptsGzip, refusal } = accept(serving, route, rpc, request);
    this.#serving = serving;
    this.#route = route;
    this.#rpc = rpc;
    this.#call = call;
    this.#gzip = acceptsGzip;
    this.#refusal = refusal;
  }

  run(reader: Reader | undefined, writer: Writer | undefined, callback: sendUnaryData<Outgoing> | undefined): void {
    const call = this.#call;
    const fail = (reason: unknown): void => this.#fail(reason, callback);
    if (this.#refusal !== undefined) {
      fail(this.#refusal);
      return;
    }
    this.#place = this.#serving.calls.add(call);
    if (reader !== undefined) call.request = requests(call, reader);
    call.onAbort(fail);
    // Comes after every call, also a successful one.
    this.#rpc.on('cancelled', () => {
      if (!call.finished) call.abort(cancelled(call));
    });
    runInCall(call, async () => {
      try {
        const response = await this.#handled();
        if (writer !== undefined) {
          await this.#respond(response as Source<unknown>, writer);
          this.#succeed(() => writer.end(trailerMetadata(call)));
        } else {
          const message = await this.#outgoing(response as Uint8Array);
          this.#succeed(() => callback?.(null, message, trailerMetadata(call)));
        }
      } catch (error) {
        fail(error);
      }
    });
  }

  async #handled(): Promise<unknown> {
    try {
      return await this.#route.handle(this.#call);
    } catch (error) {
      throw this.#route.failed(this.#call, error);
    }
  }

  #respond(stream: Source<unknown>, writer: Writer): Promise<void> {
    const call = this.#call;
    const direct = this.#serving.direct && !this.#gzip ? DirectWriter.of(writer) : undefined;
    const shared = isPushSource(stream);
    const write = (item: unknown): Promise<void> | undefined => {
      const bytes = call.encodeItem(item);
      if (direct !== undefined) return this.#writeDirect(direct, bytes, shared);
      const message = this.#outgoing(bytes);
      if (message instanceof Promise) return message.then((ready) => this.#write(writer, ready));
      return this.#write(writer, message);
    };
    const sent = pump(call, stream, write, (error) => this.#route.failed(call, error));
    // Headers that the handler set before its first wait need not wait for a message, which may be long in coming.
    setImmediate(() => {
      if (hasOwnHeaders(call)) this.#sendHeaders();
    });
    return sent;
  }

  #write(writer: Writer, message: Outgoing): Promise<void> | undefined {
    if (this.#ended) return undefined;
    this.#sendHeaders();
    if (writer.write(message)) return undefined;
    return new Promise((resolve) => writer.once('drain', resolve));
  }

  #writeDirect(writer: DirectWriter, message: Uint8Array, shared: boolean): Promise<void> | undefined {
    this.#checkSize(message);
    if (this.#ended || this.#rpc.cancelled) return undefined;
    this.#sendHeaders();
    return writer.write(message, shared);
  }

  #checkSize(message: Uint8Array): void {
    const { maxSendBytes } = this.#serving;
    if (message.byteLength > maxSendBytes)
      throw responseAboveOwnLimit(this.#call.method.path, message.byteLength, maxSendBytes);
  }

  #outgoing(message: Uint8Array): Promise<Outgoing> | Outgoing {
    this.#checkSize(message);
    return this.#gzip ? compressed(asBuffer(message)) : asBuffer(message);
  }

  #sendHeaders(): void {
    if (this.#headersSent || this.#ended || this.#rpc.cancelled) return;
    this.#headersSent = true;
    this.#rpc.sendMetadata(responseHeaders(this.#call, this.#gzip));
    this.#call.sealResponseHeaders();
  }

  #succeed(send: () => void): void {
    if (this.#ended) return;
    this.#sendHeaders();
    if (!this.#rpc.cancelled) send();
    this.#end();
    this.#call.finish();
  }

  #fail(reason: unknown, callback: sendUnaryData<Outgoing> | undefined): void {
    if (this.#ended) return;
    if (!this.#headersSent && headersComeFirst(this.#call)) this.#sendHeaders();
    this.#end();
    if (!this.#rpc.cancelled) {
      const status = statusObject(failedStatus(this.#call, reason, this.#serving.dispatcher.logger));
      if (callback !== undefined) callback(status);
      else this.#rpc.emit('error', status);
    }
    this.#call.finish();
  }

  #end(): void {
    this.#ended = true;
    this.#serving.calls.remove(this.#place, this.#call);
  }
}

/** The caller's messages, decoded as they come. */
function requests(call: Call, reader: Reader): Inbox<unknown> {
  const inbox = new Inbox<unknown>({
    onDrain: () => reader.resume(),
    // The handler wants no more; the caller's next messages stay on the wire, and go with the call.
    onReturn: () => reader.pause(),
  });
  reader.on('data', (bytes: Buffer) => {
    let message: unknown;
    try {
      message = call.decodeItem(bytes);
    } catch (error) {
      inbox.fail(error);
      reader.pause();
      return;
    }
    if (!inbox.push(message)) reader.pause();
  });
  reader.on('end', () => inbox.end());
  reader.on('close', () =>
    inbox.fail(new RpcError('CANCELLED', 'the call ended before the caller had sent everything')),
  );
  call.onAbort((reason) => inbox.abort(reason));
  return inbox;
}
