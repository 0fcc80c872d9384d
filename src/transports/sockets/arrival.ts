/** A connection that carries no calls yet: it is still read past the handshake of TLS, or to its protocol. */
import type { Socket } from 'node:net';
import { countRefusal } from '../../call/refusals.js';
import type { Dispatcher } from '../../call/transport.js';
import type { Reason } from '../../contract/reasons.js';
import { addressOf, SocketPeer } from '../socket-peer.js';

export interface ArrivalTerms extends Pick<Dispatcher, 'logger' | 'clock'> {
  /** For the log: `grpc`, `thrift`, `port`. */
  readonly transport: string;
  /** Where the listener is. */
  readonly local: () => string;
  /** ms from the connection to its first protocol. */
  readonly openingTimeout: number;
}

export class Arrival {
  readonly socket: Socket;
  readonly #terms: ArrivalTerms;
  readonly #left: (arrival: Arrival) => void;
  readonly #cancel: (() => void) | undefined;
  /** What is waited for, for the log. */
  stage = 'its first bytes';

  /** `left` runs once the connection is handed on, or gone. */
  constructor(socket: Socket, terms: ArrivalTerms, left: (arrival: Arrival) => void) {
    this.socket = socket;
    this.#terms = terms;
    this.#left = left;
    const cancel = terms.clock.setTimer(() => this.#expire(), terms.openingTimeout);
    cancel.hold?.(false);
    this.#cancel = cancel;
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
  }

  /** Who a balancer says that the connection is from. */
  told: string | undefined;

  /** The address of the peer. */
  get from(): string {
    return this.told ?? addressOf(this.socket, this.#terms.local());
  }

  /** `socket`: the one that calls go over, which with TLS is another. */
  peer(socket: Socket): SocketPeer {
    return new SocketPeer(socket, this.#terms.local(), this.told);
  }

  /** A protocol takes the connection over. */
  leave(): void {
    this.#cancel?.();
    this.socket.off('end', this.#onGone);
    this.socket.off('close', this.#onGone);
    this.#left(this);
  }

  /** Closes the connection, and says why. */
  refuse(reason: Reason, sentence: string): void {
    this.report(reason, sentence);
    this.socket.destroy();
  }

  report(reason: Reason, sentence: string): void {
    const { logger, transport } = this.#terms;
    countRefusal(reason);
    logger.warn({ transport, peer: this.from, reason }, `closed a connection: ${sentence}`);
  }

  #expire(): void {
    const { openingTimeout } = this.#terms;
    this.refuse('OPENING_TIMEOUT', `${this.stage} did not come within ${openingTimeout} ms (openingTimeout)`);
  }

  /** A connection that ends here is no news: load balancers look in like this. */
  readonly #onGone = (): void => {
    this.leave();
    this.socket.destroy();
  };
}
