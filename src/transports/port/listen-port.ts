/**
 * gRPC and Thrift on one address: the first bytes of a connection say what it speaks. With TLS every connection must have it; in
 * its handshake a client may name its protocol (ALPN), and the first bytes inside decide all the same.
 */
import type { Socket } from 'node:net';
import type { Dispatcher, Listener } from '../../call/transport.js';
import { EngineConnections } from '../grpc/engine/connections.js';
import type { GrpcServerOptions } from '../grpc/server-options.js';
import type { Arrival } from '../sockets/arrival.js';
import { lookAhead } from '../sockets/opening.js';
import { type Connections, listening, type SocketAddress, SocketListener } from '../sockets/socket-listener.js';
import { Connections as ThriftConnections } from '../thrift/connections.js';
import type { ThriftServerOptions } from '../thrift/server.js';
import { type Opening, openingOf } from './openings.js';
import { refuseHttp1, refuseHttp2, refuseTls } from './refusals.js';

export interface PortOptions extends SocketAddress {
  readonly grpc?: GrpcServerOptions | undefined;
  readonly thrift?: ThriftServerOptions | undefined;
}

/** What each protocol serves from. */
export interface PortDispatchers {
  readonly proto: Dispatcher;
  readonly thrift: Dispatcher;
}

/** Which connections take over after which opening. HTTP/1.1 is known and has none yet. */
type Protocols = Readonly<Partial<Record<Opening | 'unknown', Connections>>>;

/**
 * Throws a TypeError or RangeError for options that cannot be meant, an Error when the address cannot be bound or the
 * certificate cannot be read.
 */
export async function listenPort({ proto, thrift }: PortDispatchers, options: PortOptions): Promise<Listener> {
  const { grpc = {}, thrift: thriftOptions = {}, ...address } = options;
  if (grpc.engine === 'node') {
    throw new TypeError(
      "listen({ port }) stands on Hawser's own HTTP/2; leave grpc.engine: 'node' out, or listen with it on an address of its own: listen({ grpc, thrift })",
    );
  }
  const local = (): string => sockets.address;
  const protocols: Protocols = {
    http2: new EngineConnections(proto, local, grpc),
    thrift: new ThriftConnections(thrift, local, thriftOptions),
  };
  const secure = options.tls !== undefined;
  const sockets = new SocketListener({
    ...address,
    logger: proto.logger,
    clock: proto.clock,
    transport: 'port',
    wire: 'gRPC and Thrift',
    // A client that offers nothing of these is told so by the handshake; one that offers nothing at all is not asked.
    alpn: ['h2', 'http/1.1', 'thrift'],
    open: (arrival) => sniff(arrival.socket, (opening) => begin(arrival, opening)),
    serve: (socket, arrival) => sniff(socket, (opening) => serve(protocols, socket, arrival, opening)),
  });
  return listening(sockets, Object.values(protocols));

  function begin(arrival: Arrival, opening: Opening | 'unknown'): void {
    if (!secure) serve(protocols, arrival.socket, arrival, opening);
    else if (opening === 'tls') sockets.secure(arrival);
    else refusePlain(arrival, opening);
  }
}

function sniff(socket: Socket, done: (opening: Opening | 'unknown') => void): void {
  const look = (bytes: Buffer) => {
    const value = openingOf(bytes);
    return value === undefined ? undefined : { value, used: 0 };
  };
  lookAhead(socket, look, done);
}

function serve(protocols: Protocols, socket: Socket, arrival: Arrival, opening: Opening | 'unknown'): void {
  const connections = protocols[opening];
  if (connections === undefined) {
    refuse(socket, arrival, opening);
    return;
  }
  arrival.leave();
  connections.accept(socket, arrival.peer(socket));
  socket.resume();
}

const served = 'this port serves gRPC over HTTP/2, and Thrift';

function refuse(socket: Socket, arrival: Arrival, opening: Opening | 'unknown'): void {
  arrival.report('OPENING_UNKNOWN', `${sentences[opening] ?? sentences.unknown}; ${served}`);
  arrival.leave();
  if (opening === 'http1') refuseHttp1(socket, '505 HTTP Version Not Supported', `${served}; HTTP/1.1 is not served`);
  else if (opening === 'tls') refuseTls(socket);
  else socket.destroy();
}

const sentences: Readonly<Partial<Record<Opening | 'unknown', string>>> & { readonly unknown: string } = {
  http1: 'it speaks HTTP/1.1',
  tls: 'it speaks TLS, and there is none here; give the port tls, or write grpc:// or thrift:// there',
  proxy:
    'it begins with a PROXY header, which is not expected here; give the listener proxyProtocol, or let the balancer send none',
  unknown: 'its first bytes are of no protocol that is known',
};

/** A connection without TLS, where there must be. */
function refusePlain(arrival: Arrival, opening: Opening | 'unknown'): void {
  const { socket } = arrival;
  const text = 'this port takes TLS only; write grpcs:// or thrifts:// there';
  arrival.report('OPENING_UNKNOWN', `it speaks ${plain[opening] ?? 'nothing that is known'}, without TLS; ${text}`);
  arrival.leave();
  if (opening === 'http1') refuseHttp1(socket, '400 Bad Request', text);
  else if (opening === 'http2') refuseHttp2(socket, text);
  else socket.destroy();
}

const plain: Readonly<Partial<Record<Opening | 'unknown', string>>> = {
  http1: 'HTTP/1.1',
  http2: 'HTTP/2',
  thrift: 'Thrift',
  proxy: 'the PROXY protocol, which is not expected,',
};
