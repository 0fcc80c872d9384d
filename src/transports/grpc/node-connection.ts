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
import { Keepalive } from '../../http2/keepalive.js';
import { formatHostPort } from '../endpoint.js';
import { nodeHost } from '../pipes/node-host.js';
import type { GrpcClientTerms } from './client-options.js';
import { type ConnectionTarget, socketOf } from './client-socket.js';
import type { ClientConnection, ConnectionWatcher } from './link.js';
import { Silence } from './silence.js';

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_REFUSED_STREAM } = constants;

/** Bytes that may be under way to us on a connection beyond what its streams have been read. */
const connectionWindow = 1024 * 1024;
/** ms that a server has to close a connection which both sides have done with. */
const lingerTime = 5_000;

const noPeer: Peer = { address: '' };

export class NodeConnection implements ClientConnection {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #watcher: ConnectionWatcher<NodeConnection>;
  readonly #keepalive: Keepalive | undefined;
  /** For the calls on it. */
  readonly silence: Silence;
  #connectTimer: NodeJS.Timeout | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;
  #peer: Peer = noPeer;
  #open = 0;
  #held = false;
  /** The last stream that the server takes, as its GOAWAY says. */
  #lastId = Number.POSITIVE_INFINITY;
  #stands = false;
  #retired = false;
  #lost = false;
  #closed = false;
  #error: Error | undefined;
  /** The server asked for fewer pings. */
  calmed = false;

  constructor(target: ConnectionTarget, terms: GrpcClientTerms, watcher: ConnectionWatcher<NodeConnection>) {
    this.#watcher = watcher;
    const { keepalive } = terms;
    this.#keepalive =
      keepalive === undefined
        ? undefined
        : new Keepalive(nodeHost, keepalive, this, (why) => this.#destroy(new Error(why)));
    this.silence = new Silence(this, () => watcher.silent(this));
    const socket = socketOf(target);
    this.#socket = socket;
    // First of all who hear of it: streams that are closed for this must find it noted.
    socket.once('close', () => this.#lose());
    // A refusal in TLS 1.3 comes after the handshake, and Node leaves such a socket open.
    socket.on('error', (error) => {
      this.#error ??= error;
      this.#lost = true;
      this.#retire();
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
    this.#session.on('goaway', (code, lastId, data) => {
      this.#lastId = lastId;
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

  /** node:http2 keeps what the server does not take yet. It knows of an end before its events tell. */
  get room(): number {
    return this.#retired || this.#session.closed || this.#session.destroyed ? 0 : Number.POSITIVE_INFINITY;
  }

  /** Whether the server says, or its GOAWAY implies, that it never looked at the stream. */
  unprocessed({ id = 0, rstCode }: ClientHttp2Stream): boolean {
    return rstCode === NGHTTP2_REFUSED_STREAM || id > this.#lastId;
  }

  /** Bytes that came. */
  get heard(): number {
    return this.#socket.bytesRead;
  }

  ping(answered: () => void): void {
    if (!this.#session.destroyed) this.#session.ping(answered);
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
    if (this.#stands) {
      this.#session.close();
      this.#retire();
    } else this.#destroy(new Error('the client was closed'));
  }

  /** While calls wait for it, it keeps the program alive. */
  hold(wanted: boolean): void {
    this.#held = wanted;
    if (wanted) {
      this.#socket.ref();
      this.#connectTimer?.ref();
    } else if (this.#open === 0) {
      this.#socket.unref();
      this.#connectTimer?.unref();
    }
  }

  #stand({ tls }: ConnectionTarget): void {
    if (this.#closed || this.#stands || this.#retired) return;
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
    if (!this.#held) this.#socket.unref();
    this.#watcher.ready(this);
  }

  #wake(): void {
    this.#socket.ref();
    this.#keepalive?.wake();
  }

  #rest(): void {
    if (!this.#held) this.#socket.unref();
    this.#keepalive?.rest();
    if (this.#retired) this.#linger();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    if (this.#open === 0) this.#linger();
    if (this.#stands) this.#watcher.retired(this);
  }

  /** Node sends its end and waits for the server's, which need not come. */
  #linger(): void {
    this.#lingerTimer ??= setTimeout(() => this.#socket.destroy(), lingerTime).unref();
  }

  #lose(): void {
    this.#lost = true;
    this.#retire();
    // Over a socket that is gone nothing is finished.
    this.#session?.destroy();
    // Node tells of the session's end only when the last write has come back, which it may not.
    this.#close();
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
    this.#keepalive?.stop();
    clearTimeout(this.#lingerTimer);
    this.#retire();
    const why = this.#stands
      ? undefined
      : (this.#error ?? new Error('it closed the connection before it spoke HTTP/2'));
    this.#watcher.closed(this, why);
  }
}
