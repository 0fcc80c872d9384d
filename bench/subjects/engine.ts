/**
 * gRPC's wire by hand over Hawser's HTTP/2 engine, the same messages: what is left when all that Hawser does for a call is
 * taken away. No deadline, no status but OK, no metadata. The engine is no export of the package, so it is run from its source.
 */
import { type AddressInfo, createServer, connect as openTcp, type Socket } from 'node:net';
import { createServer as createTlsServer, connect as openTls } from 'node:tls';
import { Connection } from '../../src/http2/connection.js';
import { uint32 } from '../../src/http2/frame.js';
import type { HeaderList } from '../../src/http2/header-list.js';
import type { Stream, StreamReceiver, Trailers, WriteFields } from '../../src/http2/stream.js';
import { nodeHost } from '../../src/transports/pipes/node-host.js';
import { SocketPipe } from '../../src/transports/pipes/socket-pipe.js';
import { Payload, PourRequest } from '../gen/bench.js';
import { checkSize, type EchoClient, type EchoSubject } from './echo.js';

const path = '/bench.v1.Echo/';

function framed(message: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(message.length + 5);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

/** Cuts what comes into messages. One that came in pieces is copied once; one that is whole is a view. */
class Messages {
  readonly #each: (message: Uint8Array) => void;
  readonly #prefix = Buffer.alloc(5);
  #prefixed = 0;
  #message: Buffer | undefined;
  #filled = 0;

  constructor(each: (message: Uint8Array) => void) {
    this.#each = each;
  }

  take(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      if (this.#message !== undefined) at = this.#fill(this.#message, bytes, at, to);
      else if (this.#prefixed === 0 && to - at >= 5) {
        const end = at + 5 + uint32(bytes, at + 1);
        if (end <= to) this.#each(bytes.subarray(at + 5, end));
        else this.#message = Buffer.allocUnsafeSlow(end - at - 5);
        at = end <= to ? end : at + 5;
      } else {
        this.#prefix[this.#prefixed++] = bytes[at++] as number;
        if (this.#prefixed === 5) this.#begin(uint32(this.#prefix, 1));
      }
    }
  }

  #begin(length: number): void {
    this.#prefixed = 0;
    if (length === 0) this.#each(empty);
    else this.#message = Buffer.allocUnsafeSlow(length);
  }

  #fill(message: Buffer, bytes: Uint8Array, from: number, to: number): number {
    const end = Math.min(to, from + message.length - this.#filled);
    message.set(bytes.subarray(from, end), this.#filled);
    this.#filled += end - from;
    if (this.#filled === message.length) {
      this.#message = undefined;
      this.#filled = 0;
      this.#each(message);
    }
    return end;
  }
}
const empty = new Uint8Array(0);

/** Sends messages as long as there is room, and goes on when there is again. */
class Source {
  readonly #stream: Stream;
  readonly #frame: () => Uint8Array;
  #left: number;

  constructor(stream: Stream, left: number, frame: () => Uint8Array) {
    this.#stream = stream;
    this.#left = left;
    this.#frame = frame;
  }

  pump(trailers?: Trailers): void {
    while (this.#left > 0) {
      this.#left -= 1;
      if (!this.#stream.send(this.#frame())) return;
    }
    this.#stream.finish(trailers);
  }
}

const responseHead: WriteFields = (encoder, bytes, at) =>
  encoder.field(bytes, encoder.field(bytes, at, ':status', '200'), 'content-type', 'application/grpc+proto');
const ok: Trailers = { maxBytes: 40, write: (encoder, bytes, at) => encoder.field(bytes, at, 'grpc-status', '0') };

class ServedCall implements StreamReceiver {
  readonly #messages: Messages;
  readonly #echoes: boolean;
  #source: Source | undefined;
  #owed = 0;
  #full = false;

  constructor(stream: Stream, headers: HeaderList) {
    const pours = headers.path === `${path}Pour`;
    this.#echoes = !pours;
    this.#messages = new Messages((bytes) => {
      if (pours) {
        const { count, size } = PourRequest.decode(bytes);
        const message: Payload = { body: new Uint8Array(size).fill(1) };
        this.#source = new Source(stream, count, () => framed(Payload.encode(message)));
      } else if (!stream.send(framed(Payload.encode(Payload.decode(bytes))))) this.#full = true;
    });
    stream.sendHead(100, responseHead, false);
  }

  head(): void {}

  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void {
    this.#messages.take(bytes, from, to);
    if (this.#full) this.#owed += to - from;
    else stream.consume(to - from);
  }

  end(stream: Stream): void {
    if (this.#echoes) stream.finish(ok);
    else this.#source?.pump(ok);
  }

  writable(stream: Stream): void {
    this.#source?.pump(ok);
    this.#full = false;
    stream.consume(this.#owed);
    this.#owed = 0;
  }

  failed(): void {}
}

class Asked implements StreamReceiver {
  readonly #messages: Messages;
  readonly #done: (error?: Error) => void;
  source: Source | undefined;

  constructor(each: (message: Uint8Array) => void, done: (error?: Error) => void) {
    this.#messages = new Messages(each);
    this.#done = done;
  }

  head(): void {}
  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void {
    this.#messages.take(bytes, from, to);
    stream.consume(to - from);
  }
  end(): void {
    this.#done();
  }
  failed(_stream: Stream, failure: { readonly message: string }): void {
    this.#done(new Error(failure.message));
  }
  writable(): void {
    this.source?.pump();
  }
}

export const subject: EchoSubject = {
  async serve(_wire, tls) {
    const accept = (socket: Socket): void => {
      new Connection({
        role: 'server',
        pipe: new SocketPipe(socket),
        host: nodeHost,
        events: { accept: (stream, headers) => new ServedCall(stream, headers) },
        limits: { maxConcurrentStreams: 10_000 },
      });
    };
    const options = { allowHalfOpen: true };
    const server =
      tls === undefined
        ? createServer(options, accept)
        : createTlsServer({ ...tls, ...options, ALPNProtocols: ['h2'] }, accept);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  },

  async connect(address, size, _wire, tls): Promise<EchoClient> {
    const [host = '', port] = address.split(':');
    const to = { host, port: Number(port), allowHalfOpen: true };
    const socket =
      tls === undefined
        ? openTcp(to)
        : openTls({ ...to, ca: tls.cert, servername: 'localhost', ALPNProtocols: ['h2'] });
    const connection = await new Promise<Connection>((resolve, reject) => {
      socket.once('error', reject);
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        const made: Connection = new Connection({
          role: 'client',
          pipe: new SocketPipe(socket),
          host: nodeHost,
          events: { ready: () => resolve(made), closed: (error) => reject(error ?? new Error('closed')) },
        });
      });
    });
    const head = (method: string): WriteFields => {
      const fields = [
        [':method', 'POST'],
        [':scheme', tls === undefined ? 'http' : 'https'],
        [':path', path + method],
        [':authority', address],
        ['te', 'trailers'],
        ['content-type', 'application/grpc+proto'],
      ] as const;
      return (encoder, bytes, start) =>
        fields.reduce((at, [name, value]) => encoder.field(bytes, at, name, value), start);
    };
    const heads = { Say: head('Say'), Pour: head('Pour'), Chat: head('Chat') };
    const begin = (method: keyof typeof heads, asked: Asked): Stream => {
      const stream = connection.open(asked);
      if (stream === undefined) throw new Error('the connection takes no more calls');
      stream.sendHead(200, heads[method], false);
      return stream;
    };
    const message: Payload = { body: new Uint8Array(size).fill(1) };
    const frame = (): Uint8Array => framed(Payload.encode(message));
    const counted = (method: 'Pour' | 'Chat', send: (stream: Stream, asked: Asked) => void): Promise<number> =>
      new Promise((resolve, reject) => {
        let came = 0;
        const each = (bytes: Uint8Array): void => {
          if (Payload.decode(bytes).body.length === size) came += 1;
        };
        const asked = new Asked(each, (error) => (error === undefined ? resolve(came) : reject(error)));
        send(begin(method, asked), asked);
      });
    return {
      say: () =>
        new Promise<void>((resolve, reject) => {
          let body: Uint8Array = empty;
          const each = (bytes: Uint8Array): void => {
            ({ body } = Payload.decode(bytes));
          };
          const done = (error?: Error): void => {
            try {
              if (error !== undefined) throw error;
              resolve(checkSize(body, size));
            } catch (fault) {
              reject(fault);
            }
          };
          const stream = begin('Say', new Asked(each, done));
          stream.send(frame());
          stream.finish();
        }),
      pour: (count) =>
        counted('Pour', (stream) => {
          stream.send(framed(PourRequest.encode({ count, size })));
          stream.finish();
        }),
      chat: (count) =>
        counted('Chat', (stream, asked) => {
          asked.source = new Source(stream, count, frame);
          asked.source.pump();
        }),
    };
  },
};
