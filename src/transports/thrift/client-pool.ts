/**
 * The connections of a client to one address. Thrift answers in order, so a call behind a slow one
 * waits for it: a call goes to an idle connection if there is one, else to a new one while there may be
 * more, and is pipelined behind others only when neither is to be had.
 */
import type { Logger } from '../../call/logger.js';
import { ownError } from '../../call/own-error.js';
import type { Random } from '../../call/random.js';
import { RpcError } from '../../call/rpc-error.js';
import type { Reason } from '../../contract/reasons.js';
import { connectFailure } from '../connect-failure.js';
import type { Attempt } from './attempt.js';
import { ClientConnection, type ClientConnectionOptions } from './client-connection.js';
import type { Introduction } from './introduction.js';

export interface PoolOptions
  extends Pick<ClientConnectionOptions, 'endpoint' | 'address' | 'tls' | 'connect' | 'envelope' | 'limits' | 'clock'> {
  readonly maxConnections: number;
  readonly maxWaiting: number;
  /** ms */
  readonly connectTimeout: number;
  readonly random: Random;
  readonly logger: Logger | undefined;
}

/** ms until the next try after a first failure to connect; it doubles with each further one. */
const firstBackoff = 50;
const longestBackoff = 1_000;
/** ms for which nothing is asked of a server that broke off over a method which it does not know. */
const unasked = 60_000;

export class ClientPool {
  readonly #options: PoolOptions;
  readonly #connections = new Set<ClientConnection>();
  /** Calls that are on no connection yet, first come first served. */
  readonly #waiting = new Set<Attempt>();
  /** Calls that are not settled. */
  #live = 0;
  #failures = 0;
  #nextTry = Number.NEGATIVE_INFINITY;
  #lastFailure = '';
  #lastError: Error | undefined;
  #introduction: Introduction | undefined;
  #introduceFrom = Number.NEGATIVE_INFINITY;
  #closing = false;
  #dispatching = false;
  #onDrained: (() => void) | undefined;
  readonly #onLeft: (() => void)[] = [];

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Each connection from here on says this first. */
  introduce(introduction: Introduction, multiplex: string | undefined): void {
    this.#introduction = multiplex === undefined ? introduction : { ...introduction, service: multiplex };
  }

  /** `fn` is told when a connection that stood is gone. */
  onLeft(fn: () => void): void {
    this.#onLeft.push(fn);
  }

  submit(attempt: Attempt): void {
    const refused = this.#refusal();
    if (refused !== undefined) {
      attempt.fail(refused);
      return;
    }
    this.#live++;
    attempt.watch(
      () => this.#waiting.delete(attempt),
      () => this.#settled(),
    );
    if (attempt.settled) return;
    const connection = this.#steady();
    if (connection !== undefined) {
      connection.send(attempt);
      return;
    }
    this.#waiting.add(attempt);
    this.#dispatch();
  }

  /** Lets calls end within `graceMs`, then cancels those that are left, and disconnects. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (this.#live > 0 && graceMs > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.clock.setTimer(resolve, graceMs);
        this.#onDrained = () => {
          cancel();
          resolve();
        };
      });
    }
    const closed = ownError('CLIENT_CLOSED', 'the client was closed');
    for (const attempt of [...this.#waiting]) attempt.fail(closed.withDisposition('not-executed'));
    this.#waiting.clear();
    for (const connection of [...this.#connections]) connection.destroy(closed);
  }

  #refusal(): RpcError | undefined {
    const { address, maxWaiting } = this.#options;
    if (this.#closing) return notExecuted('CLIENT_CLOSED', 'the client is closed');
    if (this.#waiting.size >= maxWaiting) {
      return notExecuted(
        'TOO_MANY_WAITING',
        `${maxWaiting} calls wait for a connection to ${address} already (maxWaiting); raise it or maxConnections, or call less at once`,
      );
    }
    if (this.#connections.size > 0) return undefined;
    const left = this.#nextTry - this.#options.clock.now();
    if (left <= 0) return undefined;
    return notExecuted(
      'CONNECT_FAILED',
      `cannot connect to ${address}: ${this.#lastFailure}; the next try is in ${Math.ceil(left)} ms`,
    );
  }

  #settled(): void {
    this.#live--;
    if (this.#live === 0) this.#onDrained?.();
  }

  /** Where a call goes at once: nothing waits, and of all connections that there may be each is open and goes on. */
  #steady(): ClientConnection | undefined {
    const { maxConnections } = this.#options;
    if (this.#waiting.size > 0 || this.#dispatching || this.#connections.size < maxConnections) return undefined;
    let best: ClientConnection | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) {
      if (!connection.ready || connection.stuck) return undefined;
      const { outstanding } = connection;
      if (outstanding >= least || !connection.hasRoom) continue;
      best = connection;
      least = outstanding;
    }
    return best;
  }

  /** Gives waiting calls to connections, and opens as many as that takes and the limit allows. */
  #dispatch(): void {
    // What is done below may close a connection, and that asks for a dispatch again.
    if (this.#dispatching) return;
    this.#dispatching = true;
    for (const attempt of this.#waiting) {
      const connection = this.#idle() ?? this.#busy();
      if (connection === undefined) break;
      this.#waiting.delete(attempt);
      connection.send(attempt);
    }
    this.#dispatching = false;
    // A connection that failed to open left them to one that is gone by now: nothing would wake them.
    if (this.#connections.size === 0 && this.#waiting.size > 0) this.#failWaiting();
  }

  /** A connection to pipeline on, unless there is, or can be, a new one to wait for. */
  #busy(): ClientConnection | undefined {
    while (this.#grow());
    return this.#connecting() > 0 ? undefined : this.#leastLoaded();
  }

  #idle(): ClientConnection | undefined {
    for (const connection of this.#connections) {
      if (connection.outstanding === 0 && connection.hasRoom) return connection;
    }
    return undefined;
  }

  #connecting(): number {
    let count = 0;
    for (const connection of this.#connections) if (!connection.ready) count++;
    return count;
  }

  #leastLoaded(): ClientConnection | undefined {
    let best: ClientConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      if (best === undefined || load(connection) < load(best)) best = connection;
    }
    return best;
  }

  /** Opens a connection, when one more is wanted and allowed. */
  #grow(): boolean {
    const { clock, maxConnections } = this.#options;
    if (this.#connecting() >= this.#waiting.size || this.#nextTry > clock.now()) return false;
    if (this.#connections.size >= maxConnections && !this.#dropAbandoned()) return false;
    this.#connect();
    return true;
  }

  /** Makes room by giving up a connection on which only answers that nobody waits for are outstanding. */
  #dropAbandoned(): boolean {
    for (const connection of this.#connections) {
      if (connection.ready && connection.abandoned) {
        connection.destroy(undefined);
        return true;
      }
    }
    return false;
  }

  #connect(): void {
    const { address, clock, connectTimeout, logger } = this.#options;
    let wasReady = false;
    const introduction = this.#introduceFrom <= clock.now() ? this.#introduction : undefined;
    const connection: ClientConnection = new ClientConnection({
      ...this.#options,
      introduction,
      onReady: () => {
        cancel();
        wasReady = true;
        this.#failures = 0;
        this.#nextTry = Number.NEGATIVE_INFINITY;
        this.#dispatch();
      },
      onClosed: (error) => {
        cancel();
        this.#connections.delete(connection);
        if (error !== undefined) logger?.debug({ transport: 'thrift', address, err: error }, 'a connection was lost');
        // It may be the question that it could not take: the calls that wait are not to suffer for that.
        if (connection.introducing) this.#introduceFrom = clock.now() + unasked;
        else if (!wasReady) this.#failedToConnect(error);
        this.#dispatch();
        if (wasReady && !this.#closing) for (const fn of this.#onLeft) fn();
      },
      onRoom: () => {
        if (this.#waiting.size > 0) this.#dispatch();
      },
    });
    const cancel = clock.setTimer(
      () => connection.destroy(new Error(`no connection within ${connectTimeout} ms (connectTimeout)`)),
      connectTimeout,
    );
    this.#connections.add(connection);
  }

  #failedToConnect(error: Error | undefined): void {
    const { clock, random } = this.#options;
    if (this.#closing && error instanceof RpcError) return;
    this.#lastFailure = connectFailure(error);
    this.#lastError = error;
    this.#failures++;
    const backoff = Math.min(longestBackoff, firstBackoff * 2 ** (this.#failures - 1));
    this.#nextTry = clock.now() + backoff * (0.8 + 0.4 * random.next());
    // Others that are open, or may yet be, take the calls.
    if (this.#connections.size === 0) this.#failWaiting();
  }

  #failWaiting(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    const sentence = `cannot connect to ${this.#options.address}: ${this.#lastFailure}`;
    for (const attempt of waiting) {
      attempt.fail(notExecuted('CONNECT_FAILED', sentence, this.#lastError));
    }
  }
}

/** An answer that nobody waits for stands in front of everything behind it, for as long as it likes. */
function load(connection: ClientConnection): number {
  return connection.outstanding + (connection.stuck ? 1_000_000 : 0);
}

function notExecuted(reason: Reason, message: string, cause?: unknown): RpcError {
  return ownError(reason, message, { disposition: 'not-executed', cause });
}
