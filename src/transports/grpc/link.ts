/**
 * The way to one address: the connection that new calls go on, and those that only finish what they have. Connects when
 * there is a call, and again at once when a connection that stood is gone; after one that never stood there is a wait, which
 * grows, and in which calls fail without a try.
 * Source: gRPC's connection backoff document.
 */
import type { RpcError } from '../../call/rpc-error.js';
import type { GrpcClientTerms } from './client-options.js';
import { Connection, type ConnectionTarget, type ConnectionWatcher } from './connection.js';
import { notConnected } from './received-status.js';

/** A call that waits for a connection. */
export interface Waiting {
  begin(connection: Connection): void;
  cannotBegin(error: RpcError): void;
}

const growth = 1.6;
const jitter = 0.2;

export class Link implements ConnectionWatcher {
  readonly address: string;
  readonly #target: ConnectionTarget;
  readonly #terms: GrpcClientTerms;
  /** All that are not closed. */
  readonly #connections = new Set<Connection>();
  readonly #waiting = new Set<Waiting>();
  #connecting: Connection | undefined;
  #ready: Connection | undefined;
  /** ms; the wait that the next failure brings. */
  #wait: number;
  /** When connecting began last, and may begin again; on performance.now's scale. */
  #connectedAt = 0;
  #retryAt = Number.NEGATIVE_INFINITY;
  #error: RpcError | undefined;
  /** ms between pings, once a server has asked for fewer. */
  #calmTime = 0;

  constructor(address: string, target: ConnectionTarget, terms: GrpcClientTerms) {
    this.address = address;
    this.#target = target;
    this.#terms = terms;
    this.#wait = terms.reconnect.initial;
  }

  /** Begins a call now, or as soon as there is a connection; or tells it that there is none to be had. */
  take(one: Waiting): void {
    if (this.#ready !== undefined) one.begin(this.#ready);
    else if (this.#error !== undefined && performance.now() < this.#retryAt) one.cannotBegin(this.#error);
    else {
      this.#waiting.add(one);
      this.#connecting ??= this.#connect();
      this.#connecting.hold(true);
    }
  }

  /** A call does not wait any more. */
  forget(one: Waiting): void {
    if (this.#waiting.delete(one) && this.#waiting.size === 0) this.#connecting?.hold(false);
  }

  close(): void {
    for (const connection of [...this.#connections]) connection.close();
  }

  ready(connection: Connection): void {
    this.#connecting = undefined;
    this.#ready = connection;
    this.#wait = this.#terms.reconnect.initial;
    this.#error = undefined;
    for (const one of this.#taken()) one.begin(connection);
  }

  retired(connection: Connection): void {
    if (this.#ready === connection) this.#ready = undefined;
    if (connection.calmed && this.#terms.keepalive !== undefined) {
      this.#calmTime = 2 * Math.max(this.#calmTime, this.#terms.keepalive.time);
    }
  }

  closed(connection: Connection, why: Error | undefined): void {
    this.#connections.delete(connection);
    if (this.#connecting !== connection) return;
    this.#connecting = undefined;
    const spread = 1 + jitter * (2 * Math.random() - 1);
    // A server that let the connect timeout pass has been waited for.
    const waited = performance.now() - this.#connectedAt >= this.#terms.connectTimeout;
    this.#retryAt = this.#connectedAt + (waited ? 0 : this.#wait * spread);
    this.#wait = Math.min(this.#wait * growth, this.#terms.reconnect.max);
    const error = notConnected(this.address, why);
    this.#error = error;
    for (const one of this.#taken()) one.cannotBegin(error);
  }

  #connect(): Connection {
    const { keepalive } = this.#terms;
    const terms =
      keepalive === undefined || keepalive.time >= this.#calmTime
        ? this.#terms
        : { ...this.#terms, keepalive: { ...keepalive, time: this.#calmTime } };
    this.#connectedAt = performance.now();
    const connection = new Connection(this.#target, terms, this);
    this.#connections.add(connection);
    return connection;
  }

  #taken(): Waiting[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}
