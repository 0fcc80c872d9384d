/**
 * The way to one address: the connections that new calls go on, and those that only finish what they have. Connects when
 * there is a call, again at once when a connection that stood is gone, and once more when those that stand are full; after one
 * that never stood there is a wait, which grows, and in which calls fail without a try.
 * Source: gRPC's connection backoff document.
 */
import type { Clock } from '../../call/clock.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { GrpcClientTerms } from './client-options.js';
import { notConnected } from './received-status.js';

export interface ClientConnection {
  /** How many calls more it takes now. */
  readonly room: number;
  /** Calls that are open. */
  readonly open: number;
  /** The server asked for fewer pings. */
  readonly calmed: boolean;
  /** While calls wait for it, it keeps the program alive. */
  hold(wanted: boolean): void;
  /** Ends it when the calls that are under way are over. */
  close(): void;
}

export interface ConnectionWatcher<C> {
  /** Calls can be made. */
  ready(connection: C): void;
  /** A call is over: there may be room for another. */
  released(connection: C): void;
  /** There will be no new calls on it; those that are open may go on. */
  retired(connection: C): void;
  /** It is over. `why` is set when it never stood. */
  closed(connection: C, why: Error | undefined): void;
}

export type Connect<C> = (terms: GrpcClientTerms, watcher: ConnectionWatcher<C>) => C;

/** A call that waits for a connection. */
export interface Waiting<C> {
  begin(connection: C): void;
  cannotBegin(error: RpcError): void;
}

const growth = 1.6;
const jitter = 0.2;
/** Connections that take calls at a time. */
const maxConnections = 8;
/** ms after which a connection goes that others make needless. */
const spareTime = 10_000;

export class Link<C extends ClientConnection> implements ConnectionWatcher<C> {
  readonly address: string;
  readonly #open: Connect<C>;
  readonly #terms: GrpcClientTerms;
  readonly #clock: Clock;
  /** All that are not closed. */
  readonly #connections = new Set<C>();
  readonly #waiting = new Set<Waiting<C>>();
  #connecting: C | undefined;
  /** Those that take calls. */
  readonly #ready: C[] = [];
  #cancelSpare: (() => void) | undefined;
  /** ms; the wait that the next failure brings. */
  #wait: number;
  /** When connecting began last, and may begin again; on performance.now's scale. */
  #connectedAt = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #error: RpcError | undefined;
  /** ms between pings, once a server has asked for fewer. */
  #calmTime = 0;

  constructor(address: string, connect: Connect<C>, terms: GrpcClientTerms, clock: Clock) {
    this.address = address;
    this.#open = connect;
    this.#terms = terms;
    this.#clock = clock;
    this.#wait = terms.reconnect.initial;
  }

  /** Begins a call now, or as soon as there is a connection; or tells it that there is none to be had. */
  take(one: Waiting<C>): void {
    const [first] = this.#ready;
    if (first !== undefined) {
      const free = first.room > 0 ? first : this.#ready.find(({ room }) => room > 0);
      if (free !== undefined) {
        one.begin(free);
        return;
      }
    } else if (this.#error !== undefined && performance.now() < this.#retryAt) {
      one.cannotBegin(this.#error);
      return;
    }
    this.#waiting.add(one);
    if (this.#ready.length < maxConnections && performance.now() >= this.#retryAt) this.#connecting ??= this.#connect();
    this.#connecting?.hold(true);
  }

  /** A call does not wait any more. */
  forget(one: Waiting<C>): void {
    if (this.#waiting.delete(one) && this.#waiting.size === 0) this.#connecting?.hold(false);
  }

  close(): void {
    this.#cancelSpare?.();
    for (const connection of [...this.#connections]) connection.close();
  }

  ready(connection: C): void {
    this.#connecting = undefined;
    this.#ready.push(connection);
    this.#wait = this.#terms.reconnect.initial;
    this.#error = undefined;
    this.#begin(connection);
  }

  released(connection: C): void {
    if (this.#waiting.size > 0) this.#begin(connection);
    else if (connection.open === 0 && this.#ready.length > 1) this.#spare();
  }

  retired(connection: C): void {
    const at = this.#ready.indexOf(connection);
    if (at >= 0) this.#ready.splice(at, 1);
    if (connection.calmed && this.#terms.keepalive !== undefined) {
      this.#calmTime = 2 * Math.max(this.#calmTime, this.#terms.keepalive.time);
    }
    // Calls that waited for room on it.
    if (at >= 0 && this.#ready.length === 0 && this.#waiting.size > 0) this.#connecting ??= this.#connect();
  }

  closed(connection: C, why: Error | undefined): void {
    this.#connections.delete(connection);
    if (this.#connecting !== connection) return;
    this.#connecting = undefined;
    const spread = 1 + jitter * (2 * Math.random() - 1);
    // A server that let the connect timeout pass has been waited for.
    const waited = performance.now() - this.#connectedAt >= this.#terms.connectTimeout;
    this.#retryAt = this.#connectedAt + (waited ? 0 : this.#wait * spread);
    this.#wait = Math.min(this.#wait * growth, this.#terms.reconnect.max);
    // Where others stand, calls go on waiting for room on those.
    if (this.#ready.length > 0) return;
    const error = notConnected(this.address, why);
    this.#error = error;
    for (const one of this.#taken()) one.cannotBegin(error);
  }

  #connect(): C {
    const { keepalive } = this.#terms;
    const terms =
      keepalive === undefined || keepalive.time >= this.#calmTime
        ? this.#terms
        : { ...this.#terms, keepalive: { ...keepalive, time: this.#calmTime } };
    this.#connectedAt = performance.now();
    const connection = this.#open(terms, this);
    this.#connections.add(connection);
    return connection;
  }

  #begin(connection: C): void {
    for (const one of this.#waiting) {
      if (connection.room <= 0) return;
      this.#waiting.delete(one);
      one.begin(connection);
    }
  }

  /** Closes, after a while, the connections beyond the first that no call needs. */
  #spare(): void {
    this.#cancelSpare ??= this.#clock.setTimer(() => {
      this.#cancelSpare = undefined;
      for (const connection of this.#ready.slice(1)) if (connection.open === 0) connection.close();
    }, spareTime);
  }

  #taken(): Waiting<C>[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}
