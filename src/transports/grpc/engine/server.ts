/** A gRPC listener of its own, on our own HTTP/2. */
import type { Dispatcher, Listener } from '../../../call/transport.js';
import { listening, type SocketAddress, SocketListener } from '../../sockets/socket-listener.js';
import type { GrpcServerOptions } from '../server-options.js';
import { EngineConnections } from './connections.js';

export async function listenEngine(
  dispatcher: Dispatcher,
  options: GrpcServerOptions & SocketAddress,
): Promise<Listener> {
  const { logger, clock } = dispatcher;
  const connections = new EngineConnections(dispatcher, () => sockets.address, options);
  const sockets = new SocketListener({
    ...options,
    logger,
    clock,
    transport: 'grpc',
    wire: 'gRPC',
    alpn: ['h2'],
    serve: (socket, arrival) => {
      arrival.leave();
      connections.accept(socket, arrival.peer(socket));
    },
  });
  return listening(sockets, [connections]);
}
