/** What the Thrift tests share: a served Parley, a peer made of raw bytes, and messages written by hand. */
import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { createServer, type Server, type ServerOptions } from 'hawser';
import { readMessageHeader, TMessageType, writeMessage } from 'hawser/thrift';
import type { Call } from '../../../src/call/call.js';
import type { ListenAddress } from '../../../src/server/types.js';
import { Harbour, Parley, Refusal } from './parley.js';

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

type Fields = Record<string, unknown>;
type Handlers = Record<string, (request: Fields, call: Call) => unknown>;

export interface Served {
  readonly server: Server;
  /** `127.0.0.1:12345` or `unix:/path` */
  readonly address: string;
  readonly port: number;
  readonly log: LogLine[];
  readonly notes: string[];
  /** Calls of `slow` wait here until they are let go, by their text. */
  readonly slow: Map<string, () => void>;
  /** The calls of `slow`, by their text. */
  readonly slowCalls: Map<string, Call>;
}

export function recordingLogger(log: LogLine[]) {
  const write = (level: string) => (_fields: object, message: string) => void log.push({ level, message });
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export function parleyHandlers(served: Pick<Served, 'notes' | 'slow' | 'slowCalls'>): Handlers {
  return {
    ping: async () => undefined,
    echo: async ({ text }) => text,
    add: async ({ a, b }) => (a as number) + (b as number),
    blob: async ({ size }) => Buffer.alloc(size as number, 7),
    slow: ({ text }, call) =>
      new Promise((resolve) => {
        served.slow.set(text as string, () => resolve(text));
        served.slowCalls.set(text as string, call);
      }),
    refuse: async ({ why }) => {
      throw new Refusal(why as string, 7);
    },
    fail: async ({ message }) => {
      throw new Error(message as string);
    },
    header: async ({ name }, call) => {
      call.responseHeaders.set('x-answer', `to ${name}`);
      return call.headers.get(name as string) ?? '';
    },
    note: async ({ text }) => {
      if (text === 'fail') throw new Error('a oneway handler failed');
      served.notes.push(text as string);
    },
  };
}

const open: { close(): unknown }[] = [];

/** For afterEach: closes what the helpers here opened. */
export async function closeAll(): Promise<void> {
  for (const one of open.splice(0).reverse()) await one.close();
}

export function closing<T extends { close(): unknown }>(one: T): T {
  open.push(one);
  return one;
}

export async function serveParley(
  thrift: ServerOptions['thrift'] = {},
  {
    listen = '127.0.0.1:0',
    handlers = {},
    harbour = false,
    ...options
  }: ServerOptions & { listen?: ListenAddress; handlers?: Handlers; harbour?: boolean } = {},
): Promise<Served> {
  const log: LogLine[] = [];
  const parts = { log, notes: [], slow: new Map(), slowCalls: new Map() };
  const server = createServer({
    ...options,
    logger: recordingLogger(log),
    ...(thrift === undefined ? {} : { thrift }),
  });
  server.add(Parley, { ...parleyHandlers(parts), ...handlers } as never);
  if (harbour) {
    server.add(Harbour, { echo: async () => 'the harbour', berth: async ({ number }) => `berth ${number}` });
  }
  const bound = await server.listen({ thrift: listen });
  closing({ close: () => server.close({ grace: 0 }) });
  return { server, address: bound.thrift, port: Number(bound.thrift.split(':').at(-1)), ...parts };
}

/** A peer that is nothing but bytes. */
export class RawPeer {
  received = Buffer.alloc(0);
  ended = false;
  closed = false;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const peer = closing(new RawPeer(socket));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return peer;
  }

  send(...parts: readonly (Buffer | readonly number[])[]): this {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
    return this;
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.closed)
        throw new Error(`closed after ${this.received.length} bytes: ${this.received.toString('hex', 0, 64)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async bytes(count: number): Promise<Buffer> {
    await this.until(() => this.received.length >= count);
    const taken = this.received.subarray(0, count);
    this.received = this.received.subarray(count);
    return taken;
  }

  /** The next frame, without its length. */
  async frame(): Promise<Buffer> {
    const length = (await this.bytes(4)).readInt32BE(0);
    return this.bytes(length);
  }

  /** Until the other side has closed the connection. */
  async gone(): Promise<void> {
    while (!this.ended && !this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket.destroy();
  }

  #wake(): void {
    for (const one of this.#waiting.splice(0)) one();
  }
}

/** A server made of raw bytes: each connection is handed to `serve`. */
export async function rawServer(
  serve: (peer: RawPeer, index: number) => void,
): Promise<{ port: number; peers: RawPeer[]; server: TcpServer }> {
  const peers: RawPeer[] = [];
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket);
    peers.push(peer);
    serve(peer, peers.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing({
    close: () => {
      for (const peer of peers) peer.close();
      server.close();
    },
  });
  return { port: (server.address() as { port: number }).port, peers, server };
}

export function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(message.length);
  return Buffer.concat([length, message]);
}

/** A message of `echo(text)`, without a frame. */
export function echoMessage(
  text: string,
  {
    seqid = 1,
    protocol = 'binary',
    type = TMessageType.CALL,
    name = 'echo',
  }: {
    seqid?: number;
    protocol?: 'binary' | 'compact';
    type?: number;
    name?: string;
  } = {},
): Buffer {
  return writeMessage(protocol, name, type, seqid, Parley.methods.echo.request.encode({ text }, protocol));
}

/** A reply to `echo`, without a frame: whatever `result` it is, under whatever name. */
export function replyMessage(
  text: string,
  {
    seqid = 1,
    protocol = 'binary',
    type = TMessageType.REPLY,
    name = 'echo',
  }: {
    seqid?: number;
    protocol?: 'binary' | 'compact';
    type?: number;
    name?: string;
  } = {},
): Buffer {
  return writeMessage(protocol, name, type, seqid, Parley.methods.echo.response.encode(text, protocol));
}

export interface Answer {
  readonly name: string;
  readonly type: number;
  readonly seqid: number;
  readonly body: Buffer;
}

export function readAnswer(message: Buffer, protocol: 'binary' | 'compact' = 'binary'): Answer {
  const { name, type, seqid, bodyOffset } = readMessageHeader(message, protocol);
  return { name, type, seqid, body: message.subarray(bodyOffset) };
}

/** Proves that the server still serves. */
export async function stillServes(port: number): Promise<void> {
  const peer = await RawPeer.connect(port);
  peer.send(framed(echoMessage('still here', { seqid: 42 })));
  const answer = readAnswer(await peer.frame());
  if (answer.seqid !== 42 || Parley.methods.echo.response.decode(answer.body, 'binary') !== 'still here') {
    throw new Error('the server answered something else');
  }
  peer.close();
}
