/**
 * Accepts connections on one address and brings each to where it can carry calls: past the handshake of TLS, if there is to be
 * one. What carries them is not known here.
 */
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import type { Listener } from '../../call/transport.js';
import { Certificates } from '../certificates.js';
import { bind, parseListenAddress, type Wire } from '../listen-address.js';
import type { SocketPeer } from '../socket-peer.js';
import { checkServerTls, type ServerTls, type TlsMaterial } from '../tls.js';
import { serverTlsOptions } from '../tls-context.js';
import { Arrival, type ArrivalTerms } from './arrival.js';
import { lookAhead } from './opening.js';
import { Balancers, type ProxyProtocolOptions, readProxyHeader } from './proxy-header.js';

/** Where and how a server listens. */
export interface SocketAddress {
  /** `host:port` (port 0: any free one), `:port` (every interface) or `unix:/path` */
  readonly address: string;
  readonly tls?: ServerTls;
  /** ms from a connection to its first protocol; 10,000 by default. */
  readonly openingTimeout?: number;
  /** Balancers in front that say whom each connection is from. */
  readonly proxyProtocol?: ProxyProtocolOptions;
}

/** What takes connections over: those of one protocol. */
export interface Connections {
  accept(socket: Socket, peer: SocketPeer): void;
  /** Lets calls in flight end within `graceMs`, then aborts them; done when no connection is left. */
  close(graceMs: number): Promise<void>;
}

export interface SocketListenerInit extends Omit<ArrivalTerms, 'local' | 'openingTimeout'>, SocketAddress {
  /** For messages. */
  readonly wire: Wire;
  /** What is offered in the handshake of TLS; nothing where that is undefined. */
  readonly alpn: readonly string[] | undefined;
  /** Gets a connection first of all; by default it is secured where there is TLS, and else served. */
  readonly open?: (arrival: Arrival) => void;
  /** Gets a connection that needs no more than to be read. */
  readonly serve: (socket: Socket, arrival: Arrival) => void;
}

/** Half open: a client that has said all it wants still gets its answers. */
const socketOptions = { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
const defaultOpeningTimeout = 10_000;

export class SocketListener {
  readonly #init: SocketListenerInit;
  readonly #terms: ArrivalTerms;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  readonly #certificates: Certificates<TlsOptions> | undefined;
  readonly #arrivals = new Map<Socket, Arrival>();
  readonly #balancers: Balancers | undefined;
  #address: string;

  /** Throws a TypeError for an address or TLS options that cannot be meant, an Error for a file that cannot be read. */
  constructor(init: SocketListenerInit) {
    parseListenAddress(init.address, init.wire);
    this.#init = init;
    this.#balancers = init.proxyProtocol === undefined ? undefined : new Balancers(init.proxyProtocol);
    this.#address = init.address;
    const { logger, clock, transport, openingTimeout = defaultOpeningTimeout } = init;
    this.#terms = { logger, clock, transport, openingTimeout, local: () => this.#address };
    this.#certificates = init.tls === undefined ? undefined : this.#certified(init.tls);
    this.#tls = this.#certificates === undefined ? undefined : this.#secured(this.#certificates.current);
    this.#server = createTcpServer(socketOptions, (socket) => this.#accept(socket));
  }

  get address(): string {
    return this.#address;
  }

  /** Throws an Error when the address cannot be bound. */
  async bind(): Promise<void> {
    const { logger, transport, wire } = this.#init;
    this.#certificates?.use();
    this.#address = await bind(this.#server, this.#init.address, wire);
    this.#server.on('error', (error) => {
      logger.error({ transport, err: error, address: this.#address }, 'the listener failed');
    });
  }

  /** Begins the handshake of TLS; `serve` follows. */
  secure(arrival: Arrival): void {
    arrival.stage = 'the end of its TLS handshake';
    // How a socket that is open already comes to a TLS server: it has the handshake, the checks and the errors.
    this.#tls?.emit('connection', arrival.socket);
  }

  /** Stops accepting, and ends what carries no calls; done when no connection is left. */
  close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#certificates?.release();
    for (const { socket } of this.#arrivals.values()) socket.destroy();
    return stopped;
  }

  #accept(socket: Socket): void {
    const { logger, transport } = this.#init;
    socket.on('error', (error) => logger.debug({ transport, err: error }, 'a connection broke'));
    const arrival = new Arrival(socket, this.#terms, () => this.#arrivals.delete(socket));
    this.#arrivals.set(socket, arrival);
    if (this.#balancers === undefined) this.#begin(arrival);
    else this.#ask(this.#balancers, arrival);
  }

  /** The connection of a balancer, which says first whom it is from. */
  #ask(balancers: Balancers, arrival: Arrival): void {
    const { socket } = arrival;
    if (!balancers.trusts(socket.remoteAddress)) {
      arrival.refuse('OPENING_UNKNOWN', 'it is from no balancer that proxyProtocol.from names');
      return;
    }
    arrival.stage = 'its PROXY header';
    lookAhead(socket, readProxyHeader, (told) => {
      if ('malformed' in told) {
        arrival.refuse('OPENING_UNKNOWN', told.malformed);
        return;
      }
      arrival.told = told.source;
      this.#begin(arrival);
    });
  }

  #begin(arrival: Arrival): void {
    const { open, serve } = this.#init;
    if (open !== undefined) open(arrival);
    else if (this.#tls !== undefined) this.secure(arrival);
    else {
      serve(arrival.socket, arrival);
      // It was paused where a PROXY header went before.
      arrival.socket.resume();
    }
  }

  #certified(tls: ServerTls): Certificates<TlsOptions> {
    checkServerTls(tls);
    const { logger, clock } = this.#init;
    let asks: boolean | undefined;
    const make = (material: TlsMaterial): TlsOptions => {
      const options = serverTlsOptions({ ...tls, ...material });
      asks ??= options.requestCert;
      if (asks !== options.requestCert) {
        throw new TypeError(
          'tls.reload gave ca, and tls had none when the server began; give it one from the beginning',
        );
      }
      return options;
    };
    return new Certificates({ tls, make, changed: (next) => this.#tls?.setSecureContext(next), clock, logger });
  }

  #secured(certified: TlsOptions): TlsServer {
    const { alpn, serve } = this.#init;
    const server = createTlsServer({
      ...socketOptions,
      ...certified,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      // One timer holds for all that comes before the first call.
      handshakeTimeout: 2 ** 31 - 1,
    });
    server.on('secureConnection', (socket) => {
      const arrival = this.#arrivals.get(below(socket));
      if (arrival === undefined) socket.destroy();
      else serve(socket, arrival);
    });
    server.on('tlsClientError', (error, socket) => {
      // A client that breaks off is no news.
      if (codeOf(error) !== 'ECONNRESET') {
        this.#arrivals.get(below(socket))?.report('TLS_HANDSHAKE', `its TLS handshake failed: ${error.message}`);
      }
      socket.destroy();
    });
    return server;
  }
}

/** The socket that carries TLS, which Node names in no other way. */
function below(socket: TLSSocket): Socket {
  return (socket as TLSSocket & { readonly _parent: Socket })._parent;
}

function codeOf(error: Error): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Binds, and has the connections looked after by their protocols. Throws an Error when the address cannot be bound. */
export async function listening(sockets: SocketListener, protocols: readonly Connections[]): Promise<Listener> {
  const close = async (graceMs: number): Promise<void> => {
    await Promise.all([sockets.close(), ...protocols.map((one) => one.close(graceMs))]);
  };
  let closing: Promise<void> | undefined;
  try {
    await sockets.bind();
  } catch (error) {
    await close(0);
    throw error;
  }
  return {
    address: sockets.address,
    close: (graceMs) => {
      closing ??= close(graceMs);
      return closing;
    },
  };
}
