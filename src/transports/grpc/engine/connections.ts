/**
 * The gRPC connections of a listener, on our own HTTP/2, from the moment they can carry calls. Closing always ends: every connection
 * is told to begin no more calls, those that are open have the grace, and what is left then is aborted.
 */
import type { Socket } from 'node:net';
import type { Call } from '../../../call/call.js';
import { type Clock, systemClock } from '../../../call/clock.js';
import { InFlight } from '../../../call/in-flight.js';
import { ownError } from '../../../call/own-error.js';
import type { Dispatcher } from '../../../call/transport.js';
import type { Connection } from '../../../http2/connection.js';
import { everyNow } from '../../every-now.js';
import { Holdings } from '../../holdings.js';
import type { SocketPeer } from '../../socket-peer.js';
import { engineTerms, type GrpcServerOptions } from '../server-options.js';
import type { ServedConnection } from './served-connection.js';
import { type EngineServing, serveConnection } from './server-connection.js';

/** ms that the last answers get to leave, once the calls behind them are aborted. */
const flushMs = 250;

interface ConnectionAge {
  readonly time: number;
  readonly grace: number;
}

export class EngineConnections {
  readonly #dispatcher: Dispatcher;
  readonly #serving: EngineServing;
  readonly #maxAge: ConnectionAge | undefined;
  readonly #calls = new InFlight<Call>();
  readonly #open = new Map<Socket, ServedConnection>();
  /** Ends the looks at connections that nobody uses. */
  readonly #endLooks: () => void;
  #closing = false;
  #whenIdle: (() => void) | undefined;

  /** `local`: where the listener is. Throws a RangeError for a limit out of range. */
  constructor(dispatcher: Dispatcher, local: () => string, options: GrpcServerOptions) {
    const { maxConnectionAge, idleMs, ...terms } = engineTerms(options);
    this.#dispatcher = dispatcher;
    this.#maxAge = maxConnectionAge;
    this.#serving = {
      ...terms,
      holdings: new Holdings(terms.maxServerBytes),
      dispatcher,
      calls: this.#calls,
      address: local,
      released: () => this.#released(),
    };
    this.#endLooks = everyNow(idleMs, (now) => {
      for (const served of this.#open.values()) if (served.isIdle(idleMs, now)) served.retire();
    });
  }

  accept(socket: Socket, peer: SocketPeer): void {
    const { logger, clock } = this.#dispatcher;
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#released();
    });
    socket.on('error', (error) => logger.debug({ transport: 'grpc', err: error }, 'a gRPC connection broke'));
    const served = serveConnection(socket, peer, this.#serving);
    const { connection } = served;
    this.#open.set(socket, served);
    if (this.#closing) connection.drain();
    else if (this.#maxAge !== undefined) limitAge(socket, connection, this.#maxAge, clock);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#endLooks();
    for (const { connection } of this.#open.values()) connection.drain();
    if (!(await this.#idleWithin(graceMs, this.#dispatcher.clock))) {
      for (const call of this.#calls) call.abort(ownError('SHUTDOWN', 'the server is shutting down'));
      await this.#idleWithin(flushMs, systemClock);
    }
    await this.#flushed();
    for (const socket of this.#open.keys()) socket.destroy();
  }

  get #idle(): boolean {
    return [...this.#open.values()].every(({ connection }) => connection.size === 0);
  }

  #released(): void {
    if (this.#whenIdle !== undefined && this.#idle) this.#whenIdle();
  }

  /** Whether all streams are over within `ms`. */
  #idleWithin(ms: number, timers: Clock): Promise<boolean> {
    if (this.#idle) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = timers.setTimer(() => {
        this.#whenIdle = undefined;
        resolve(false);
      }, ms);
      this.#whenIdle = () => {
        this.#whenIdle = undefined;
        cancel();
        resolve(true);
      };
    });
  }

  /** The last answers reach the peers, which close their ends then. */
  #flushed(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = systemClock.setTimer(resolve, flushMs);
      const look = (): void => {
        if (this.#open.size > 0) return;
        cancel();
        resolve();
      };
      for (const socket of this.#open.keys()) socket.once('close', () => setImmediate(look));
      look();
    });
  }
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
