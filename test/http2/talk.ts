/** Two connections over memory: a client, and a server that echoes; and a raw peer that writes frames by hand. */
import { Connection, type ConnectionEvents } from '../../src/http2/connection.js';
import { FrameType, preface, putFrameHeader, uint31, uint32 } from '../../src/http2/frame.js';
import type { HeaderList } from '../../src/http2/header-list.js';
import type { ConnectionLimits } from '../../src/http2/limits.js';
import type { Stream, StreamFailure, StreamReceiver } from '../../src/http2/stream.js';
import { Loop, type MemoryPipe, pipePair } from './loop.js';

export const requestFields: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/echo'],
  [':authority', 'here'],
];

export function sendHead(stream: Stream, fields: readonly (readonly [string, string])[], end = false): void {
  const room = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 12, 0);
  stream.sendHead(
    room,
    (encoder, bytes, start) => fields.reduce((at, [name, value]) => encoder.field(bytes, at, name, value), start),
    end,
  );
}

/** Sends back what comes, as it comes, and consumes it when the way back has room. */
export class Echo implements StreamReceiver {
  #owed = 0;

  head(): void {}
  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void {
    if (stream.send(bytes.slice(from, to))) stream.consume(to - from);
    else this.#owed += to - from;
  }
  end(stream: Stream): void {
    stream.finish();
  }
  failed(): void {}
  writable(stream: Stream): void {
    stream.consume(this.#owed);
    this.#owed = 0;
  }
}

export function echoEvents(more: ConnectionEvents = {}): ConnectionEvents {
  return {
    accept(stream, _headers, end) {
      sendHead(stream, [[':status', '200']]);
      if (end) stream.finish();
      return new Echo();
    },
    ...more,
  };
}

/** What a client got on one stream. */
export class Answer implements StreamReceiver {
  status = 0;
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  ended = false;
  trailers: HeaderList | undefined;
  failure: StreamFailure | undefined;
  writables = 0;
  /** Whether what comes is consumed. */
  reads = true;

  head(_stream: Stream, headers: HeaderList, end: boolean): void {
    this.status = headers.status;
    this.ended ||= end;
  }
  data(stream: Stream, bytes: Uint8Array, from: number, to: number): void {
    this.chunks.push(bytes.slice(from, to));
    this.bytes += to - from;
    if (this.reads) stream.consume(to - from);
  }
  end(_stream: Stream, trailers: HeaderList | undefined): void {
    this.ended = true;
    this.trailers = trailers;
  }
  failed(_stream: Stream, failure: StreamFailure): void {
    this.failure = failure;
  }
  writable(): void {
    this.writables++;
  }
}

export interface Talk {
  readonly loop: Loop;
  readonly client: Connection;
  readonly server: Connection;
  readonly clientPipe: MemoryPipe;
  readonly serverPipe: MemoryPipe;
  readonly closed: { client?: Error | undefined | 'well'; server?: Error | undefined | 'well' };
}

export interface TalkInit {
  readonly cut?: (bytes: number) => number;
  readonly server?: ConnectionEvents;
  readonly client?: ConnectionEvents;
  readonly serverLimits?: Partial<ConnectionLimits>;
  readonly clientLimits?: Partial<ConnectionLimits>;
  readonly keepalive?: { readonly time: number; readonly timeout: number };
  readonly serverKeepalive?: { readonly time: number; readonly timeout: number };
}

export function talk(init: TalkInit = {}): Talk {
  const loop = new Loop();
  const [clientPipe, serverPipe] = pipePair(loop, init.cut);
  const closed: Talk['closed'] = {};
  const server = new Connection({
    role: 'server',
    pipe: serverPipe,
    host: loop,
    limits: init.serverLimits ?? {},
    events: echoEvents({ closed: (error) => Object.assign(closed, { server: error ?? 'well' }), ...init.server }),
    ...(init.serverKeepalive === undefined ? {} : { keepalive: init.serverKeepalive }),
  });
  const client = new Connection({
    role: 'client',
    pipe: clientPipe,
    host: loop,
    limits: init.clientLimits ?? {},
    events: { closed: (error) => Object.assign(closed, { client: error ?? 'well' }), ...init.client },
    ...(init.keepalive === undefined ? {} : { keepalive: init.keepalive }),
  });
  loop.settle();
  return { loop, client, server, clientPipe, serverPipe, closed };
}

/** Opens a stream, sends the head and, if there is one, the whole body. */
export function request(
  client: Connection,
  body?: Uint8Array,
  answer = new Answer(),
): { stream: Stream; answer: Answer } {
  const stream = client.open(answer);
  if (stream === undefined) throw new Error('no room for a stream');
  sendHead(stream, requestFields, body === undefined ? false : body.length === 0);
  if (body !== undefined && body.length > 0) {
    stream.send(body);
    stream.finish();
  }
  return { stream, answer };
}

// A peer that writes frames by hand

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array | readonly number[] = [],
): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  bytes.set(payload, putFrameHeader(bytes, 0, payload.length, type, flags, id));
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** `:method POST`, `:scheme http`, `:path /`. */
export const rawRequest = [0x83, 0x86, 0x84];
export const greeting = joined(preface, frame(FrameType.SETTINGS, 0, 0));

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

/** A peer made of bytes: what it sends is put together by hand, and what it gets is there to be looked at. */
class RawPeer {
  readonly loop = new Loop();
  /** The end that our connection stands on. */
  protected readonly near: MemoryPipe;
  readonly #pipe: MemoryPipe;
  #parts: Uint8Array[] = [];
  ended = false;

  constructor() {
    const [pipe, near] = pipePair(this.loop);
    this.#pipe = pipe;
    this.near = near;
    pipe.receiver = {
      received: (bytes) => {
        this.#parts.push(bytes);
      },
      written: () => {},
      ended: () => {
        this.ended = true;
      },
      lost: () => {
        this.ended = true;
      },
    };
  }

  /** Puts bytes into the hands of our connection, as one chunk. */
  send(...parts: readonly Uint8Array[]): void {
    this.near.arrive(joined(...parts));
  }

  close(): void {
    this.#pipe.destroy();
  }

  frames(): SeenFrame[] {
    const bytes = joined(...this.#parts);
    this.#parts = [bytes];
    const frames: SeenFrame[] = [];
    for (let at = this.preface(bytes); at + 9 <= bytes.length; ) {
      const length = (uint32(bytes, at) >>> 8) & 0xffffff;
      const payload = bytes.subarray(at + 9, at + 9 + length);
      frames.push({
        type: bytes[at + 3] as number,
        flags: bytes[at + 4] as number,
        id: uint31(bytes, at + 5),
        payload,
      });
      at += 9 + length;
    }
    return frames;
  }

  /** Bytes in front of the first frame. */
  protected preface(_bytes: Uint8Array): number {
    return 0;
  }

  /** The code of the GOAWAY that came, if one did. */
  goAway(): number | undefined {
    const last = this.frames().findLast(({ type }) => type === FrameType.GOAWAY);
    return last === undefined ? undefined : uint32(last.payload, 4);
  }

  resets(): number[] {
    return this.frames()
      .filter(({ type }) => type === FrameType.RST_STREAM)
      .map(({ payload }) => uint32(payload, 0));
  }
}

export class RawClient extends RawPeer {
  readonly server: Connection;

  constructor(events: ConnectionEvents = echoEvents(), limits: Partial<ConnectionLimits> = {}) {
    super();
    this.server = new Connection({ role: 'server', pipe: this.near, host: this.loop, events, limits });
    this.loop.settle();
  }

  get serverPipe(): MemoryPipe {
    return this.near;
  }
}

/** `:status 200`. */
export const rawResponse = [0x88];

export class RawServer extends RawPeer {
  readonly client: Connection;
  closed: Error | 'well' | undefined;

  constructor(events: ConnectionEvents = {}, limits: Partial<ConnectionLimits> = {}) {
    super();
    const closed = (error: Error | undefined): void => {
      this.closed = error ?? 'well';
    };
    this.client = new Connection({
      role: 'client',
      pipe: this.near,
      host: this.loop,
      events: { closed, ...events },
      limits,
    });
    this.loop.settle();
  }

  get clientPipe(): MemoryPipe {
    return this.near;
  }

  protected override preface(): number {
    return preface.length;
  }

  /** Sends SETTINGS, and takes the client's. */
  greet(settings: readonly number[] = []): this {
    this.send(frame(FrameType.SETTINGS, 0, 0, settings), frame(FrameType.SETTINGS, 1, 0));
    this.loop.settle();
    return this;
  }

  /** The client opens a stream; what comes back of it. */
  ask(body?: Uint8Array): { stream: Stream; answer: Answer } {
    const asked = request(this.client, body);
    this.loop.settle();
    return asked;
  }
}
