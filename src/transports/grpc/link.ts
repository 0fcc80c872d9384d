/**
 * The way to one address: the connections that new calls go on, and those that only finish what they have. Connects when
 * there is a call, again at once when a connection that stood is gone, and once more when those that stand are full; after one
 * that never stood there is a wait, which grows, and in which calls fail without a try. While calls wait here, there is always a
 * connection that is being made, a timer until the next may be, or one that is full of calls.
 * Source: gRPC's connection backoff document.
 */
import type { Clock } from '../../call/clock.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { GrpcClientTerms } from './client-options.js';
import { notConnected } from './received-status.js';

export interface ClientConnection {
  /** How many calls more it takes now; 0 of one that is going away, also before the link is told. */
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
  /** Calls time out on it, and nothing at all comes back. */
  silent(connection: C): void;
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
/** ms between two connections that are given up as silent: it may be the server that is slow. Doubles, up to the second. */
const replaceTime = 1_000;
const maxReplaceTime = 60_000;

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
  /** Ends the wait for the time when connecting may begin again. */
  #cancelSeek: (() => void) | undefined;
  readonly #onLeft: (() => void)[] = [];
  /** The connection that keeps the program alive for the calls that wait. */
  #held: C | undefined;
  /** ms; the wait that the next failure brings. */
  #wait: number;
  /** When connecting began last, and may begin again. */
  #connectedAt = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #error: RpcError | undefined;
  /** When a silent connection may be given up again, and ms from then on. */
  #replaceAt = Number.NEGATIVE_INFINITY;
  #replaceWait = 0;
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
    } else if (this.#error !== undefined && this.#clock.now() < this.#retryAt) {
      one.cannotBegin(this.#error);
      return;
    }
    this.#waiting.add(one);
    this.#seek();
  }

  /** A call does not wait any more. */
  forget(one: Waiting<C>): void {
    if (this.#waiting.delete(one)) this.#seek();
  }

  /** `fn` is told when a connection that stood is gone, or is going away, and not by the link's own will. */
  onLeft(fn: () => void): void {
    this.#onLeft.push(fn);
  }

  close(): void {
    this.#cancelSpare?.();
    this.#cancelSeek?.();
    this.#ready.length = 0;
    for (const connection of [...this.#connections]) connection.close();
  }

  ready(connection: C): void {
    this.#connecting = undefined;
    this.#ready.push(connection);
    this.#wait = this.#terms.reconnect.initial;
    this.#error = undefined;
    this.#begin(connection);
    this.#seek();
  }

  released(connection: C): void {
    if (this.#waiting.size > 0) {
      this.#begin(connection);
      this.#seek();
    } else if (connection.open === 0 && this.#ready.length > 1) this.#spare();
  }

  retired(connection: C): void {
    if (connection.calmed && this.#terms.keepalive !== undefined) {
      this.#calmTime = 2 * Math.max(this.#calmTime, this.#terms.keepalive.time);
    }
    const at = this.#ready.indexOf(connection);
    if (at < 0) return;
    this.#ready.splice(at, 1);
    // One that stood is no reason to wait.
    if (this.#ready.length === 0) this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#seek();
    for (const fn of this.#onLeft) fn();
  }

  silent(connection: C): void {
    const now = this.#clock.now();
    if (now < this.#replaceAt) return;
    const calm = now - this.#replaceAt > maxReplaceTime;
    this.#replaceWait = calm ? replaceTime : Math.min(2 * this.#replaceWait, maxReplaceTime);
    this.#replaceAt = now + this.#replaceWait;
    connection.close();
  }

  closed(connection: C, why: Error | undefined): void {
    this.#connections.delete(connection);
    if (this.#connecting !== connection) return;
    this.#connecting = undefined;
    const spread = 1 + jitter * (2 * Math.random() - 1);
    // A server that let the connect timeout pass has been waited for.
    const waited = this.#clock.now() - this.#connectedAt >= this.#terms.connectTimeout;
    this.#retryAt = this.#connectedAt + (waited ? 0 : this.#wait * spread);
    this.#wait = Math.min(this.#wait * growth, this.#terms.reconnect.max);
    // Where others stand, calls go on waiting for room on those.
    if (this.#ready.length > 0) {
      this.#seek();
      return;
    }
    const error = notConnected(this.address, why);
    this.#error = error;
    const all = [...this.#waiting];
    this.#waiting.clear();
    this.#seek();
    for (const one of all) one.cannotBegin(error);
  }

  /** For calls that wait: makes a connection, or sees to it that one is made when it may be. */
  #seek(): void {
    const wanted = this.#waiting.size > 0;
    if (wanted && this.#connecting === undefined && this.#ready.length < maxConnections) {
      const wait = this.#retryAt - this.#clock.now();
      if (wait <= 0) this.#connecting = this.#connect();
      else this.#cancelSeek ??= this.#clock.setTimer(() => this.#seekAgain(), wait);
    }
    if (!wanted || this.#connecting !== undefined) {
      this.#cancelSeek?.();
      this.#cancelSeek = undefined;
    }
    const held = wanted ? (this.#connecting ?? this.#ready[0]) : undefined;
    if (held === this.#held) return;
    this.#held?.hold(false);
    this.#held = held;
    held?.hold(true);
  }

  #seekAgain(): void {
    this.#cancelSeek = undefined;
    this.#seek();
  }

  #connect(): C {
    const { keepalive } = this.#terms;
    const terms =
      keepalive === undefined || keepalive.time >= this.#calmTime
        ? this.#terms
        : { ...this.#terms, keepalive: { ...keepalive, time: this.#calmTime } };
    this.#connectedAt = this.#clock.now();
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
      const spare = this.#ready.filter(({ open }, at) => at > 0 && open === 0);
      for (const connection of spare) {
        this.#ready.splice(this.#ready.indexOf(connection), 1);
        connection.close();
      }
    }, spareTime);
  }
}
