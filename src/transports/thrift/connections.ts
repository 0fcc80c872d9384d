/** The connections of one listener, from the moment they can carry calls; the listener itself is somebody else's. */
import type { Socket } from 'node:net';
import { ownError } from '../../call/own-error.js';
import type { Dispatcher } from '../../call/transport.js';
import { flag } from '../../contract/option-kinds.js';
import { knownOptions } from '../../contract/option-names.js';
import { everyNow } from '../every-now.js';
import { Holdings } from '../holdings.js';
import { SocketPeer } from '../socket-peer.js';
import { type ConnectionLimits, resolveLimits } from './limits.js';
import { RouteTable } from './routes.js';
import { ServerConnection } from './server-connection.js';

export interface ConnectionsOptions {
  readonly limits?: Partial<ConnectionLimits>;
  /**
   * Serve clients that send messages without frames (TBufferedTransport) too; their first byte tells them from a
   * frame's length. On by default; `false` closes such connections.
   */
  readonly unframed?: boolean;
  /** Take THeader payloads that are compressed with zlib, and answer those the same way. Off by default. */
  readonly zlib?: boolean;
}

const checkNames = knownOptions<ConnectionsOptions>({ limits: true, unframed: flag, zlib: flag });

/** Throws a TypeError or RangeError, one sentence that names the option, for what cannot be meant. */
export function checkThriftServerOptions(options: ConnectionsOptions): void {
  checkNames(options, 'thrift');
  resolveLimits(options.limits);
}

export class Connections {
  readonly #dispatcher: Dispatcher;
  readonly #options: Required<ConnectionsOptions> & { readonly limits: ConnectionLimits };
  readonly #local: () => string;
  readonly #routes: RouteTable;
  readonly #holdings: Holdings;
  readonly #open = new Map<Socket, ServerConnection>();
  /** Ends the looks at connections that nobody uses. */
  readonly #endLooks: () => void;
  #closing = false;
  #whenClosed: (() => void)[] = [];

  /** `local`: where the listener is. Throws a TypeError or RangeError for limits that cannot be meant. */
  constructor(
    dispatcher: Dispatcher,
    local: () => string,
    { limits, unframed = true, zlib = false }: ConnectionsOptions = {},
  ) {
    this.#dispatcher = dispatcher;
    this.#options = { limits: resolveLimits(limits), unframed, zlib };
    this.#local = local;
    this.#routes = new RouteTable(dispatcher);
    this.#holdings = new Holdings(this.#options.limits.maxServerBytes);
    const { idleMs } = this.#options.limits;
    this.#endLooks = everyNow(idleMs, (now) => {
      for (const connection of this.#open.values()) if (connection.isIdle(idleMs, now)) connection.retire();
    });
  }

  accept(socket: Socket, from = new SocketPeer(socket, this.#local())): void {
    const context = {
      dispatcher: this.#dispatcher,
      routes: this.#routes,
      holdings: this.#holdings,
      peer: () => from.peer,
      local: this.#local,
    };
    const connection = new ServerConnection(socket, { ...this.#options, ...context });
    this.#open.set(socket, connection);
    socket.on('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) for (const done of this.#whenClosed.splice(0)) done();
    });
    if (this.#closing) connection.drain();
  }

  /** Lets what is under way end within `graceMs`, then aborts it; done when no connection is left. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#endLooks();
    for (const connection of this.#open.values()) connection.drain();
    if (this.#open.size === 0) return;
    const cancel = this.#dispatcher.clock.setTimer(() => {
      const reason = ownError('SHUTDOWN', 'the server is shutting down');
      for (const connection of this.#open.values()) connection.abort(reason);
    }, graceMs);
    await new Promise<void>((resolve) => this.#whenClosed.push(resolve));
    cancel();
  }
}
