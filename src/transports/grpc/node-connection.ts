/**
 * One HTTP/2 connection to a gRPC server, on node:http2: opened, watched for a peer that has gone silent, and counted, so
 * that a program whose calls are all over can end. It stands when the server has sent its settings; a peer that accepts
 * connections and never speaks HTTP/2 fails at the connect timeout like one that does not answer.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Peer } from '../../call/peer.js';
import { formatHostPort } from '../endpoint.js';
import type { GrpcClientTerms } from './client-options.js';
import { type ConnectionTarget, socketOf } from './client-socket.js';
import type { ClientConnection, ConnectionWatcher } from './link.js';

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM } = constants;

/** Bytes that may be under way to us on a connection beyond what its streams have been read. */
const connectionWindow = 1024 * 1024;

const noPeer: Peer = { address: '' };

export class NodeConnection implements ClientConnection {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #watcher: ConnectionWatcher<NodeConnection>;
  readonly #keepalive: GrpcClientTerms['keepalive'];
  #connectTimer: NodeJS.Timeout | undefined;
  #keepaliveTimer: NodeJS.Timeout | undefined;
  #bytesHeard = -1;
  #silentSince = 0;
  #peer: Peer = noPeer;
  #open = 0;
  #stands = false;
  #retired = false;
  #lost = false;
  #closed = false;
  #error: Error | undefined;
  /** The server asked for fewer pings. */
  calmed = false;

  constructor(target: ConnectionTarget, terms: GrpcClientTerms, watcher: ConnectionWatcher<NodeConnection>) {
    this.#watcher = watcher;
    this.#keepalive = terms.keepalive;
    const socket = socketOf(target);
    this.#socket = socket;
    // First of all who hear of it: streams that are closed for this must find it noted.
    socket.once('close', () => this.#lose());
    // A refusal in TLS 1.3 comes after the handshake, and Node leaves such a socket open.
    socket.on('error', (error) => {
      this.#error ??= error;
      this.#lost = true;
      socket.destroy();
    });
    this.#session = connect(`${target.tls === undefined ? 'http' : 'https'}://${target.authority}`, {
      createConnection: () => socket,
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
      settings: { enablePush: false },
    });
    this.#session.once('remoteSettings', () => this.#stand(target));
    this.#session.on('error', (error) => {
      this.#error ??= error;
    });
    this.#session.on('goaway', (code, _last, data) => {
      this.calmed = code === NGHTTP2_ENHANCE_YOUR_CALM && data?.toString('latin1') === 'too_many_pings';
      this.#retire();
    });
    this.#session.once('close', () => this.#close());
    this.#connectTimer = setTimeout(() => {
      this.#destroy(new Error('it did not answer within the connect timeout'));
    }, terms.connectTimeout);
  }

  /** Whether it broke: what was under way may or may not have been done. */
  get lost(): boolean {
    return this.#lost || this.#session.destroyed;
  }

  get peer(): Peer {
    return this.#peer;
  }

  /** Streams whose call is not over. */
  get open(): number {
    return this.#open;
  }

  /** node:http2 keeps what the server does not take yet. */
  get room(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** Throws what node:http2 does for headers that cannot be sent. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    if (this.#open === 0) this.#wake();
    this.#open += 1;
    return stream;
  }

  /** A stream of `request` is over. */
  release(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#rest();
    this.#watcher.released(this);
  }

  /** Ends it when the calls that are under way are over. */
  close(): void {
    if (this.#stands) this.#session.close();
    else this.#destroy(new Error('the client was closed'));
  }

  /** While calls wait for it, it keeps the program alive. */
  hold(wanted: boolean): void {
    if (wanted) {
      this.#socket.ref();
      this.#connectTimer?.ref();
    } else if (this.#open === 0) {
      this.#socket.unref();
      this.#connectTimer?.unref();
    }
  }

  #stand({ tls }: ConnectionTarget): void {
    if (this.#closed || this.#stands) return;
    clearTimeout(this.#connectTimer);
    this.#connectTimer = undefined;
    const socket = this.#socket;
    if (tls !== undefined && (socket as TLSSocket).alpnProtocol !== 'h2') {
      this.#destroy(new Error('it speaks TLS, but not HTTP/2 (ALPN has no h2)'));
      return;
    }
    this.#stands = true;
    this.#session.setLocalWindowSize(connectionWindow);
    const { remoteAddress, remotePort } = socket;
    this.#peer = { address: formatHostPort(remoteAddress, remotePort) };
    this.#socket.unref();
    this.#watcher.ready(this);
  }

  #wake(): void {
    this.#socket.ref();
    if (this.#keepalive === undefined) return;
    this.#bytesHeard = this.#socket.bytesRead;
    this.#silentSince = performance.now();
    this.#keepaliveTimer = setInterval(() => this.#listen(), Math.ceil(this.#keepalive.time / 4));
    this.#keepaliveTimer.unref();
  }

  #rest(): void {
    this.#socket.unref();
    clearInterval(this.#keepaliveTimer);
    this.#keepaliveTimer = undefined;
  }

  #listen(): void {
    const { time, timeout } = this.#keepalive as NonNullable<GrpcClientTerms['keepalive']>;
    const { bytesRead } = this.#socket;
    const now = performance.now();
    if (bytesRead !== this.#bytesHeard) {
      this.#bytesHeard = bytesRead;
      this.#silentSince = now;
    } else if (now - this.#silentSince >= time) {
      this.#silentSince = now;
      const timer = setTimeout(() => this.#destroy(new Error('it did not answer a ping')), timeout);
      timer.unref();
      this.#session.ping(() => clearTimeout(timer));
    }
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#stands) this.#watcher.retired(this);
  }

  #lose(): void {
    this.#lost = true;
    this.#retire();
    // Over a socket that is gone nothing is finished.
    this.#session?.destroy();
  }

  #destroy(error: Error): void {
    this.#error = error;
    this.#lost = true;
    this.#retire();
    this.#session.destroy(undefined, NGHTTP2_CANCEL);
    this.#socket.destroy();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#connectTimer);
    clearInterval(this.#keepaliveTimer);
    this.#retire();
    const why = this.#stands
      ? undefined
      : (this.#error ?? new Error('it closed the connection before it spoke HTTP/2'));
    this.#watcher.closed(this, why);
  }
}
