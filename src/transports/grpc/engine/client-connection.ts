/**
 * One HTTP/2 connection to a gRPC server, on our own engine: opened, watched for a peer that has gone silent, and counted, so
 * that a program whose calls are all over can end. It stands when the server has sent its SETTINGS; a peer that accepts
 * connections and never speaks HTTP/2 fails at the connect timeout like one that does not answer.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { outsideCalls } from '../../../call/current.js';
import type { Peer } from '../../../call/peer.js';
import { Connection } from '../../../http2/connection.js';
import { ErrorCode } from '../../../http2/error-code.js';
import type { Indexing } from '../../../http2/hpack-encoder.js';
import type { Stream, StreamReceiver } from '../../../http2/stream.js';
import { formatHostPort } from '../../endpoint.js';
import { nodeHost } from '../../pipes/node-host.js';
import { SocketPipe } from '../../pipes/socket-pipe.js';
import type { GrpcClientTerms } from '../client-options.js';
import { type ConnectionTarget, openSocket } from '../client-socket.js';
import type { ClientConnection, ConnectionWatcher } from '../link.js';
import { Silence } from '../silence.js';

/** Values that differ in every call stay out of the table, where they would push out what all calls have in common. */
export const grpcIndexing: ReadonlyMap<string, Indexing> = new Map([
  ['grpc-timeout', 'literal'],
  ['grpc-message', 'literal'],
  ['grpc-status-details-bin', 'literal'],
  ['grpc-retry-pushback-ms', 'literal'],
  ['x-correlation-id', 'literal'],
  ['traceparent', 'literal'],
  ['tracestate', 'literal'],
  ['baggage', 'literal'],
  ['idempotency-key', 'never'],
  ['authorization', 'never'],
  ['cookie', 'never'],
  ['proxy-authorization', 'never'],
]);

const limits = { streamWindow: 131_072, connectionWindow: 1 << 24 };
const noPeer: Peer = { address: '' };

export class EngineConnection implements ClientConnection {
  #socket: Socket;
  readonly #watcher: ConnectionWatcher<EngineConnection>;
  #connectTimer: NodeJS.Timeout | undefined;
  #connection: Connection | undefined;
  #peer: Peer = noPeer;
  /** The address behind a proxy. */
  #tunnelled: string | undefined;
  #stands = false;
  #retired = false;
  #closed = false;
  /** Whether calls wait for it, and whether it keeps the program alive. */
  #wanted = false;
  #held = true;
  /** For the calls on it. */
  readonly silence = new Silence(this, () => this.#watcher.silent(this));
  #error: Error | undefined;
  calmed = false;

  constructor(target: ConnectionTarget, terms: GrpcClientTerms, watcher: ConnectionWatcher<EngineConnection>) {
    this.#watcher = watcher;
    // What the socket begins must not run as part of the call that happens to be the first.
    this.#socket = outsideCalls(() => this.#connect(target, terms));
  }

  get room(): number {
    return this.#connection?.available ?? 0;
  }

  get open(): number {
    return this.#connection?.size ?? 0;
  }

  get peer(): Peer {
    return this.#peer;
  }

  /** Bytes of headers, as HTTP/2 counts them, beyond which the server might end the connection and all calls on it. */
  get maxHeaderBytes(): number {
    return this.#connection?.peerMaxHeaderList ?? Number.POSITIVE_INFINITY;
  }

  /** Chunks that came. */
  get heard(): number {
    return this.#connection?.heard ?? 0;
  }

  /** Undefined where there is no room. */
  begin(receiver: StreamReceiver): Stream | undefined {
    const stream = this.#connection?.open(receiver);
    if (stream !== undefined) this.#hold();
    return stream;
  }

  hold(wanted: boolean): void {
    this.#wanted = wanted;
    this.#hold();
  }

  close(): void {
    if (this.#stands) {
      this.#retire();
      this.#connection?.drain();
    } else this.#give(new Error('the client was closed'));
  }

  #connect(target: ConnectionTarget, terms: GrpcClientTerms): Socket {
    const failed = (error: Error): void => {
      this.#error ??= error;
      this.#socket.destroy();
    };
    const socket = openSocket(target, (opened) => this.#speak(opened, target, terms), failed);
    this.#connectTimer = setTimeout(() => {
      this.#give(new Error('it did not answer within the connect timeout'));
    }, terms.connectTimeout);
    socket.once('close', () => this.#end());
    return socket;
  }

  #speak(socket: Socket, { tls, proxy, address }: ConnectionTarget, { keepalive }: GrpcClientTerms): void {
    this.#socket = socket;
    // Of a tunnel the near end is the proxy's.
    this.#tunnelled = proxy === undefined ? undefined : address;
    if (tls !== undefined && (socket as TLSSocket).alpnProtocol !== 'h2') {
      this.#give(new Error('it speaks TLS, but not HTTP/2 (ALPN has no h2)'));
      return;
    }
    this.#connection = new Connection({
      role: 'client',
      pipe: new SocketPipe(socket),
      host: nodeHost,
      limits,
      indexing: grpcIndexing,
      ...(keepalive === undefined ? {} : { keepalive }),
      events: {
        ready: () => this.#stand(),
        room: () => this.#released(),
        goneAway: (code, debug) => {
          this.calmed = code === ErrorCode.ENHANCE_YOUR_CALM && debug === 'too_many_pings';
          this.#retire();
        },
        closed: (error) => {
          this.#error ??= error;
          this.#retire();
        },
      },
    });
  }

  #stand(): void {
    if (this.#closed || this.#stands || this.#retired) return;
    clearTimeout(this.#connectTimer);
    const { remoteAddress, remotePort } = this.#socket;
    this.#peer = { address: this.#tunnelled ?? formatHostPort(remoteAddress, remotePort) };
    this.#stands = true;
    this.#hold();
    this.#watcher.ready(this);
  }

  #released(): void {
    if (this.open === 0) this.#hold();
    if (!this.#retired) this.#watcher.released(this);
  }

  /** While calls are on it or wait for it, it keeps the program alive. */
  #hold(): void {
    const wanted = this.#wanted || this.open > 0;
    if (this.#held === wanted) return;
    this.#held = wanted;
    if (wanted) {
      this.#socket.ref();
      this.#connectTimer?.ref();
    } else {
      this.#socket.unref();
      this.#connectTimer?.unref();
    }
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#stands) this.#watcher.retired(this);
  }

  /** Gives up a connection that does not stand. */
  #give(error: Error): void {
    this.#error = error;
    this.#socket.destroy();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#connectTimer);
    this.#retire();
    const why = this.#error ?? new Error('it closed the connection before it spoke HTTP/2');
    this.#watcher.closed(this, this.#stands ? undefined : why);
  }
}
