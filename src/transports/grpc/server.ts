/** A gRPC listener, on our own HTTP/2 or on grpc-js and Node's. Each is loaded when there is one to be. */
import type { Dispatcher, Listener } from '../../call/transport.js';
import type { SocketAddress } from '../sockets/socket-listener.js';
import { engineOf } from './engine-option.js';
import type { GrpcServerOptions } from './server-options.js';

/**
 * Serves until closed. Throws a TypeError for an address that is none, a RangeError for a limit out of range, an
 * Error when the address cannot be bound or the certificate cannot be read.
 */
export async function listenGrpc(
  dispatcher: Dispatcher,
  options: GrpcServerOptions & SocketAddress,
): Promise<Listener> {
  if (engineOf(options.engine) === 'own') {
    const { listenEngine } = await import('./engine/server.js');
    return listenEngine(dispatcher, options);
  }
  if (options.proxyProtocol !== undefined) {
    throw new TypeError("proxyProtocol needs Hawser's own HTTP/2; leave grpc.engine: 'node' out, or proxyProtocol");
  }
  const { listenNode } = await import('./node-server.js');
  return listenNode(dispatcher, options);
}
