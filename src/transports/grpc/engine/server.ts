/**
 * A gRPC listener on our own HTTP/2. Closing always ends: every connection is told to begin no more calls, those that are open
 * have the grace, and what is left then is aborted.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Call } from '../../../call/call.js';
import { type Clock, systemClock } from '../../../call/clock.js';
import { InFlight } from '../../../call/in-flight.js';
import { ownError } from '../../../call/own-error.js';
import type { Dispatcher, Listener } from '../../../call/transport.js';
import type { Connection } from '../../../http2/connection.js';
import { everyNow } from '../../every-now.js';
import { Holdings } from '../../holdings.js';
import { bind, parseListenAddress } from '../../listen-address.js';
import type { ServerTls } from '../../tls.js';
import { tlsServerOptions } from '../secure.js';
import { engineTerms, type GrpcServerOptions } from '../server-options.js';
import type { ServedConnection } from './served-connection.js';
import { type EngineServing, serveConnection } from './server-connection.js';

/** ms that the last answers get to leave, once the calls behind them are aborted. */
const flushMs = 250;
/** ms for the handshake of TLS. */
const handshakeTimeout = 10_000;

export async function listenEngine(
  dispatcher: Dispatcher,
  options: GrpcServerOptions & { readonly address: string; readonly tls?: ServerTls },
): Promise<Listener> {
  parseListenAddress(options.address, 'gRPC');
  let address = options.address;
  const { maxConnectionAge, idleMs, ...terms } = engineTerms(options);
  const calls = new InFlight<Call>();
  const { logger, clock } = dispatcher;
  const sockets = new Set<Socket>();
  const connections = new Map<Socket, ServedConnection>();
  const holdings = new Holdings(terms.maxServerBytes);
  let closing: Promise<void> | undefined;
  let whenIdle: (() => void) | undefined;
  const isIdle = (): boolean => [...connections.values()].every(({ connection }) => connection.size === 0);
  const serving: EngineServing = {
    ...terms,
    holdings,
    dispatcher,
    calls,
    address: () => address,
    released: () => {
      if (whenIdle !== undefined && isIdle()) whenIdle();
    },
  };

  /** Before the handshake of TLS is over, so that one that never is can be ended, too. */
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => logger.debug({ err: error }, 'a gRPC connection broke'));
  };
  const serve = (socket: Socket): void => {
    socket.once('close', () => {
      connections.delete(socket);
      serving.released();
    });
    socket.on('error', (error) => logger.debug({ err: error }, 'a gRPC connection broke'));
    const served = serveConnection(socket, serving);
    const { connection } = served;
    connections.set(socket, served);
    if (closing !== undefined) connection.drain();
    else if (maxConnectionAge !== undefined) limitAge(socket, connection, maxConnectionAge, clock);
  };
  const server = makeServer(options.tls, accept, serve);
  address = await bind(server, options.address, 'gRPC');
  server.on('error', (error) => logger.warn({ err: error, address }, 'cannot accept a gRPC connection'));
  const endLooks = everyNow(idleMs, (now) => {
    for (const served of connections.values()) if (served.isIdle(idleMs, now)) served.retire();
  });
  return {
    address,
    close: (graceMs) => {
      closing ??= close(graceMs);
      return closing;
    },
  };

  async function close(graceMs: number): Promise<void> {
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    endLooks();
    for (const { connection } of connections.values()) connection.drain();
    if (!(await idleWithin(graceMs, clock))) {
      for (const call of calls) {
        call.abort(ownError('SHUTDOWN', 'the server is shutting down'));
      }
      await idleWithin(flushMs, systemClock);
    }
    await flushed();
    for (const socket of sockets) socket.destroy();
    await stopped;
  }

  /** Whether all streams are over within `ms`. */
  function idleWithin(ms: number, timers: Clock): Promise<boolean> {
    if (isIdle()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = timers.setTimer(() => {
        whenIdle = undefined;
        resolve(false);
      }, ms);
      whenIdle = () => {
        whenIdle = undefined;
        cancel();
        resolve(true);
      };
    });
  }

  /** The last answers reach the peers, which close their ends then. */
  function flushed(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = systemClock.setTimer(resolve, flushMs);
      const look = (): void => {
        if (connections.size > 0) return;
        cancel();
        resolve();
      };
      for (const socket of connections.keys()) socket.once('close', () => setImmediate(look));
      look();
    });
  }
}

function makeServer(
  tls: ServerTls | undefined,
  accept: (socket: Socket) => void,
  serve: (socket: Socket) => void,
): Server {
  if (tls === undefined) {
    return createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      accept(socket);
      serve(socket);
    });
  }
  const server = createTlsServer({
    ...tlsServerOptions(tls),
    ALPNProtocols: ['h2'],
    allowHalfOpen: true,
    handshakeTimeout,
  });
  server.on('connection', accept);
  server.on('secureConnection', serve);
  // A client that breaks off its handshake is no news.
  server.on('tlsClientError', () => {});
  return server;
}

interface ConnectionAge {
  readonly time: number;
  readonly grace: number;
}

/** Sends the client away after a while, so that clients spread over new servers. A tenth more or less, so that not all go at once. */
function limitAge(socket: Socket, connection: Connection, { time, grace }: ConnectionAge, clock: Clock): void {
  let cancel = clock.setTimer(
    () => {
      connection.drain();
      cancel = clock.setTimer(() => socket.destroy(), grace);
      cancel.hold?.(false);
    },
    time * (0.9 + 0.2 * Math.random()),
  );
  cancel.hold?.(false);
  socket.once('close', () => cancel());
}
