/** A server of both IDLs on one port, and callers of it; closed by the test's end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Client,
  type ClientOptions,
  createClient,
  createServer,
  type ListenAddress,
  type Logger,
  type Server,
  type ServerOptions,
} from 'hawser';
import { onTestFinished } from 'vitest';
import type { Peer } from '../../../src/call/peer.js';
import { Notes, note } from '../grpc/note.js';
import { Parley } from '../thrift/parley.js';

export interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export function logged(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Line['fields'], message });
  };
  return { lines, logger: { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') } };
}

export interface Called {
  readonly peer: Peer;
  readonly principal: string;
}

export interface PortServed {
  readonly address: string;
  readonly server: Server;
  readonly lines: Line[];
  /** What the handlers saw of their callers. */
  readonly calls: Called[];
  /** Lets `slow` and `list` go on. */
  readonly release: () => void;
}

export async function servePort(where: ListenAddress, options: ServerOptions = {}): Promise<PortServed> {
  const { logger, lines } = logged();
  const server = createServer({ logger, ...options });
  const calls: Called[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  server.add(Notes, {
    echo: async (request, call) => {
      calls.push(call);
      if (request.text === 'slow') await released;
      return request;
    },
    async *list(request) {
      for (let i = 1; i <= request.number; i++) yield note(request.text, i);
      if (request.text === 'slow') await released;
    },
    collect: async (requests) => {
      let sum = 0;
      for await (const request of requests) sum += request.number;
      return note('sum', sum);
    },
    async *chat(requests) {
      for await (const request of requests) yield request;
    },
  });
  server.add(Parley, {
    ping: () => undefined,
    echo: (request, call) => {
      calls.push(call);
      return fields(request).text;
    },
    add: (request) => Number(fields(request).a) + Number(fields(request).b),
    blob: (request) => Buffer.alloc(Number(fields(request).size)),
    slow: async (request) => {
      await released;
      return fields(request).text;
    },
    refuse: () => '',
    fail: () => '',
    header: (request, call) => call.headers.get(String(fields(request).name)) ?? '',
    note: () => {},
  });
  const { port } = await server.listen({ port: where });
  onTestFinished(async () => {
    release();
    await server.close({ grace: 0 });
  });
  return { address: port, server, lines, calls, release };
}

/** What the dynamic codecs give. */
function fields(request: unknown): Readonly<Record<string, unknown>> {
  return request as Readonly<Record<string, unknown>>;
}

export function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-port-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `unix:${folder}/s`;
}

/** The ways to speak Thrift: options in the address. */
export const thriftWays = [
  'wire=binary',
  'wire=binary&framing=unframed',
  'wire=compact',
  'wire=compact&framing=unframed',
  'wire=header',
] as const;

export function grpcClient(address: string, options: ClientOptions = {}): Client<typeof Notes> {
  const client = createClient(Notes, url('grpc', address, options), { retry: false, ...options } as ClientOptions);
  onTestFinished(() => client.$close());
  return client;
}

export function thriftClient(
  address: string,
  way: (typeof thriftWays)[number],
  options: ClientOptions = {},
): Client<typeof Parley> {
  const client = createClient(Parley, `${url('thrift', address, options)}?${way}`, options);
  onTestFinished(() => client.$close());
  return client;
}

function url(wire: string, address: string, { tls }: ClientOptions): string {
  const scheme = tls === undefined ? wire : `${wire}s`;
  return address.startsWith('unix:') ? `${scheme}+${address}` : `${scheme}://${address}`;
}

export function rawSocket(address: string): Socket {
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  const socket = address.startsWith('unix:')
    ? connectTcp({ path: address.slice('unix:'.length) })
    : connectTcp({ host, port: Number(port) });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** All that the server sends until it closes. */
export async function until(socket: Socket, event: 'close' | 'end' = 'close'): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.destroyed) await new Promise((resolve) => socket.once(event, resolve));
  return Buffer.concat(chunks);
}
