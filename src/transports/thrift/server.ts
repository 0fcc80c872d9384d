/** The Thrift side of a server: a listener of its own, whose connections are looked after until it is closed. */
import type { Dispatcher, Listener } from '../../call/transport.js';
import { listening, type SocketAddress, SocketListener } from '../sockets/socket-listener.js';
import { Connections, type ConnectionsOptions } from './connections.js';

export { checkThriftServerOptions } from './connections.js';
export type ThriftServerOptions = ConnectionsOptions;

export interface ThriftListenOptions extends ThriftServerOptions, SocketAddress {}

/**
 * Serves binary and compact, framed and unframed, and THeader on one address. Throws a TypeError or RangeError for options that
 * cannot be meant, an Error when the address cannot be bound.
 */
export async function listenThrift(dispatcher: Dispatcher, options: ThriftListenOptions): Promise<Listener> {
  const { logger, clock } = dispatcher;
  const connections = new Connections(dispatcher, () => sockets.address, options);
  const sockets = new SocketListener({
    ...options,
    logger,
    clock,
    transport: 'thrift',
    wire: 'Thrift',
    alpn: undefined,
    serve: (socket, arrival) => {
      arrival.leave();
      connections.accept(socket, arrival.peer(socket));
    },
  });
  return listening(sockets, [connections]);
}
