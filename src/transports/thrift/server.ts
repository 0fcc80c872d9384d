/** The Thrift side of a server: accepts connections and looks after them until it is closed. */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { ownError } from '../../call/own-error.js';
import type { Dispatcher, Listener } from '../../call/transport.js';
import { formatHostPort } from '../endpoint.js';
import { bind, parseListenAddress } from '../listen-address.js';
import type { ServerTls } from '../tls.js';
import { Connections, type ConnectionsOptions } from './connections.js';
import { serverTlsOptions } from './tls.js';

export { checkThriftServerOptions } from './connections.js';
export type ThriftServerOptions = ConnectionsOptions;

export interface ThriftListenOptions extends ThriftServerOptions {
  /** `host:port` (port 0: any free one), `:port` (every interface) or `unix:/path` */
  readonly address: string;
  readonly tls?: ServerTls;
}

/**
 * Serves binary and compact, framed and unframed, and THeader on one address. Throws a TypeError or RangeError for options that
 * cannot be meant, an Error when the address cannot be bound.
 */
export async function listenThrift(dispatcher: Dispatcher, options: ThriftListenOptions): Promise<Listener> {
  parseListenAddress(options.address, 'Thrift');
  let { address } = options;
  const connections = new Connections(dispatcher, () => address, options);
  // By the peer's address: Node tells of a handshake that is done with another socket than of the connection.
  const handshakes = new Map<string, Socket>();
  let closing: Promise<void> | undefined;
  const accept = (socket: Socket): void => {
    handshakes.delete(formatHostPort(socket.remoteAddress, socket.remotePort));
    connections.accept(socket);
  };

  const server = makeServer(dispatcher, options.tls, accept);
  // With TLS a connection is here before its handshake is done, and must not outlive the server either.
  const raw = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    raw.add(socket);
    socket.on('close', () => raw.delete(socket));
    if (options.tls === undefined) return;
    const from = formatHostPort(socket.remoteAddress, socket.remotePort);
    handshakes.set(from, socket);
    socket.on('close', () => {
      if (handshakes.get(from) === socket) handshakes.delete(from);
    });
  });
  address = await bind(server, options.address, 'Thrift');
  server.on('error', (error) => dispatcher.logger.error({ transport: 'thrift', err: error }, 'the listener failed'));
  return {
    address,
    close: (graceMs) => {
      closing ??= shutDown(server, { connections, handshakes, raw }, dispatcher, graceMs);
      return closing;
    },
  };
}

/** Half open: a client that has said all it wants still gets its answers. */
const socketOptions = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };

function makeServer(dispatcher: Dispatcher, tls: ServerTls | undefined, accept: (socket: Socket) => void): Server {
  if (tls === undefined) return createTcpServer(socketOptions, accept);
  const server = createTlsServer({ ...socketOptions, ...serverTlsOptions(tls) }, accept);
  server.on('tlsClientError', (error, socket) => {
    const peer = formatHostPort(socket.remoteAddress, socket.remotePort);
    dispatcher.logger.warn(
      { transport: 'thrift', peer },
      `closed a connection: its TLS handshake failed: ${error.message}`,
    );
    socket.destroy();
  });
  return server;
}

interface Open {
  readonly connections: Connections;
  readonly handshakes: ReadonlyMap<string, Socket>;
  readonly raw: ReadonlySet<Socket>;
}

async function shutDown(
  server: Server,
  { connections, handshakes, raw }: Open,
  { clock }: Dispatcher,
  graceMs: number,
): Promise<void> {
  // Its callback comes when the last connection is gone.
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  void connections.close();
  // Nothing is in flight there: the grace is not for them, nor for those whose peer has gone unnoticed.
  for (const socket of handshakes.values()) socket.destroy();
  const cancel = clock.setTimer(() => {
    connections.abort(ownError('SHUTDOWN', 'the server is shutting down'));
    setImmediate(() => {
      for (const socket of raw) socket.destroy();
    });
  }, graceMs);
  await closed;
  cancel();
}
