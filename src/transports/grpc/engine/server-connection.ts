/** One connection of a gRPC listener on our own engine: it looks at each request, and begins a call or says why not. */
import type { Socket } from 'node:net';
import type { Call } from '../../../call/call.js';
import type { InFlight } from '../../../call/in-flight.js';
import type { Peer } from '../../../call/peer.js';
import type { RpcError } from '../../../call/rpc-error.js';
import type { Dispatcher, IncomingRequest, Refusal, Route } from '../../../call/transport.js';
import { streamsRequest, streamsResponse } from '../../../contract/method.js';
import { Connection } from '../../../http2/connection.js';
import type { HeaderList } from '../../../http2/header-list.js';
import type { KeepaliveTerms } from '../../../http2/keepalive.js';
import type { ConnectionLimits } from '../../../http2/limits.js';
import type { Stream, StreamReceiver } from '../../../http2/stream.js';
import type { Holdings } from '../../holdings.js';
import { nodeHost } from '../../pipes/node-host.js';
import { SocketPipe } from '../../pipes/socket-pipe.js';
import type { SocketPeer } from '../../socket-peer.js';
import { refusedStatus, statusOfError } from '../failed-status.js';
import { grpcIndexing } from './client-connection.js';
import { ServedConnection } from './served-connection.js';
import { sendHttp, sendStatus } from './served-fields.js';
import { ServerExchange } from './server-exchange.js';
import { headersTooLarge, httpRefusal, isKnownEncoding, requests, timeoutOf, unknownMethod } from './server-request.js';

/** What the connections of one listener share. */
export interface EngineServing {
  readonly dispatcher: Dispatcher;
  /** Calls that have no outcome yet. */
  readonly calls: InFlight<Call>;
  /** The address of the listener. */
  readonly address: () => string;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly maxHeaderBytes: number;
  readonly gzip: boolean;
  readonly limits: Partial<ConnectionLimits>;
  readonly holdings: Holdings;
  readonly maxOutputBytes: number;
  readonly maxServerBytes: number;
  readonly keepalive: KeepaliveTerms | undefined;
  /** A call is over. */
  readonly released: () => void;
}

/** Gets the rest of a request that was refused. */
const refused: StreamReceiver = {
  head: () => {},
  data: (stream, _bytes, from, to) => stream.consume(to - from),
  end: () => {},
  failed: () => {},
  writable: () => {},
};

export function serveConnection(socket: Socket, peer: SocketPeer, serving: EngineServing): ServedConnection {
  const { logger } = serving.dispatcher;
  const served = new ServedConnection(peer.peer.address, { ...serving, logger });
  served.connection = new Connection({
    role: 'server',
    pipe: new SocketPipe(socket),
    host: nodeHost,
    limits: serving.limits,
    indexing: grpcIndexing,
    ...(serving.keepalive === undefined ? {} : { keepalive: serving.keepalive }),
    events: {
      accept: (stream, list, end) => {
        served.calls += 1;
        return accept(serving, served, peer, stream, list, end);
      },
      room: serving.released,
      waits: (bytes) => served.waits(bytes),
      unread: (bytes) => served.unread(bytes),
      closed: () => served.gone(),
    },
  });
  return served;
}

function accept(
  serving: EngineServing,
  served: ServedConnection,
  peer: SocketPeer,
  stream: Stream,
  list: HeaderList,
  end: boolean,
): StreamReceiver {
  if (list.size > serving.maxHeaderBytes) {
    return refuse(stream, headersTooLarge(list.size, serving.maxHeaderBytes));
  }
  const foreign = httpRefusal(list);
  if (foreign !== undefined) {
    sendHttp(stream, foreign.status, foreign.headers);
    return refused;
  }
  const path = list.path as string;
  const route = serving.dispatcher.find(path, 'proto');
  if (route === undefined) return refuse(stream, unknownMethod(path));
  const encoding = list.get('grpc-encoding');
  if (!isKnownEncoding(encoding)) {
    return refuse(stream, requests.unknownEncoding(encoding), ['grpc-accept-encoding', 'identity,deflate,gzip']);
  }
  const refusal = refusalOf(route, list, peer);
  if (refusal !== undefined) {
    sendStatus(stream, refusedStatus(refusal), false);
    return refused;
  }
  const exchange = new ServerExchange(serving, route, stream, list, peer, served);
  stream.receiver = exchange;
  exchange.start(end);
  return exchange;
}

/** There is no room for unary calls that the route would refuse: nothing more is made of them. */
function refusalOf(route: Route, list: HeaderList, peer: SocketPeer): Refusal | undefined {
  if (route.refuse === undefined) return undefined;
  const { kind } = route.method;
  return streamsRequest(kind) || streamsResponse(kind) ? undefined : route.refuse(new Incoming(list, peer));
}

class Incoming implements IncomingRequest {
  readonly #list: HeaderList;
  readonly #peer: SocketPeer;

  constructor(list: HeaderList, peer: SocketPeer) {
    this.#list = list;
    this.#peer = peer;
  }

  getAll(name: string): readonly string[] {
    return this.#list.getAll(name);
  }

  get peer(): Peer {
    return this.#peer.peer;
  }

  get timeout(): number | undefined {
    return timeoutOf(this.#list);
  }
}

function refuse(stream: Stream, error: RpcError, more: readonly string[] = []): StreamReceiver {
  sendStatus(stream, statusOfError(error), false, more);
  return refused;
}
