/**
 * The one connection that all subscriptions of a client share: opened when the first is made, opened again when it is lost,
 * with jitter, and never sooner than the server asked for. A connection on which nothing comes for a heartbeat and its slack
 * is lost, whatever the socket says.
 */
import type { ServerFrame, ServerItem } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Clock } from '../../call/clock.js';
import { ownError, toldError } from '../../call/own-error.js';
import type { Random } from '../../call/random.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Code } from '../../contract/code.js';
import { Backoff, type BackoffTerms } from './backoff.js';
import type { Host, Sent } from './host.js';
import { Outbox } from './outbox.js';
import { Routes } from './routes.js';
import { SilenceWatch } from './silence-watch.js';
import type { Subscriber } from './subscriber.js';
import type { OpenWire, Wire } from './wire.js';

export interface SessionInit {
  readonly open: OpenWire;
  readonly clock: Clock;
  readonly random: Random;
  readonly clientId: string;
  readonly backoff: BackoffTerms;
  /** ms until the server must have answered Hello, and a Subscribe. */
  readonly answerTimeout: number;
  /** ms; how often the client wants to hear something. 0 leaves it to the server. */
  readonly heartbeat: number;
  /** Bytes; 0 leaves it to the server. */
  readonly maxFrameBytes: number;
}

export type SessionState = 'idle' | 'connecting' | 'ready' | 'waiting' | 'closed';

/** Connections that are lost at one place for a frame too large, before that is taken for what it is. */
const mostRefusals = 3;
/** ms that a connection must have stood before its loss counts as the first again. */
const stable = 5000;
/** A server that does not say how often it speaks is given this long, ms. */
const longestSilence = 60_000;

/** ms that a server has to take the commits of subscriptions that have ended. */
const partingMs = 1000;

/** Errors that another try does not mend. */
const final: ReadonlySet<Code> = new Set<Code>([
  'UNIMPLEMENTED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
]);

export class Session implements Host {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffTerms;
  readonly #init: SessionInit;
  readonly #subscribers = new Set<Subscriber>();
  readonly #reconnect: Backoff;
  #state: SessionState = 'idle';
  #wire: Wire | undefined;
  /** Tells the frames of this connection from late ones of another. */
  #generation = 0;
  #outbox = new Outbox();
  #routes = new Routes();
  #readyAt = 0;
  #cancelTimer: (() => void) | undefined;
  readonly #silence: SilenceWatch;
  /** When the server asked to be left, on the clock's scale: the time to come back. */
  #leaveAt: number | undefined;
  #floor = 0;
  #complaint: RpcError | undefined;
  #connections = 0;
  /** Commits that this connection was given and the server has not confirmed. */
  #unconfirmed = 0;
  /** The last connection takes its last commits to the server. */
  #parting: Promise<void> | undefined;
  /** Connections in a row that ended for a frame too large for the wire, and where all subscriptions were. */
  #refusals = 0;
  #refusedAt = '';

  constructor(init: SessionInit) {
    this.#init = init;
    this.clock = init.clock;
    this.random = init.random;
    this.backoff = init.backoff;
    this.#reconnect = new Backoff(init.backoff, init.random);
    this.#silence = new SilenceWatch(init.clock, (silentFor) => {
      const what = `the server has said nothing for ${Math.round(silentFor)} ms`;
      this.#lost(ownError('HEARTBEAT_LOST', what));
    });
  }

  get state(): SessionState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** Connections opened so far. */
  get connections(): number {
    return this.#connections;
  }

  get subscribers(): ReadonlySet<Subscriber> {
    return this.#subscribers;
  }

  add(subscriber: Subscriber): void {
    if (this.#state === 'closed') throw closed();
    this.#subscribers.add(subscriber);
    if (this.#state === 'idle') this.#begin();
    else if (this.ready) {
      subscriber.dispatch('up', undefined);
      this.#wire?.wake();
    }
  }

  /** Ends all subscriptions and the connection; resolves once the server has what was committed, or had its time for it. */
  close(): Promise<void> | undefined {
    if (this.#state === 'closed') return this.#parting;
    for (const subscriber of [...this.#subscribers]) subscriber.dispatch('end', undefined);
    this.#hangUp();
    this.#state = 'closed';
    return this.#parting;
  }

  // ---------------------------------------------------------------- Host

  attach(subscriber: Subscriber): number {
    return this.#routes.add(subscriber);
  }

  detach(_: Subscriber, sub: number, ended: 'here' | 'there'): void {
    this.#outbox.dropCredit(sub);
    if (ended === 'there') this.#routes.remove(sub);
    else {
      this.#routes.giveUp(sub);
      this.send({ $case: 'unsubscribe', value: { sub, dropDurable: false } });
    }
  }

  send(item: Sent): void {
    if (item.$case === 'commit') this.#unconfirmed += 1;
    this.#outbox.add(item);
    this.#wire?.wake();
  }

  creditDue(subscriber: Subscriber): void {
    this.#outbox.credit(subscriber);
    this.#wire?.wake();
  }

  forget(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    if (this.#subscribers.size === 0 && this.#state !== 'closed') this.#idle();
  }

  // ---------------------------------------------------------------- the connection

  /** Not before what was committed has reached the server: whoever subscribes may ask for it. */
  #begin(): void {
    if (this.#parting === undefined) {
      this.#connect();
      return;
    }
    this.#state = 'waiting';
    const generation = this.#generation;
    void this.#parting.then(() => {
      if (this.#state === 'waiting' && generation === this.#generation) this.#connect();
    });
  }

  #connect(): void {
    this.#cancelTimer = undefined;
    this.#unconfirmed = 0;
    this.#state = 'connecting';
    this.#connections += 1;
    this.#generation += 1;
    const generation = this.#generation;
    const mine = (): boolean => generation === this.#generation;
    this.#outbox = new Outbox();
    this.#routes = new Routes();
    this.#leaveAt = undefined;
    this.#complaint = undefined;
    this.#silence.hear();
    const { clientId, heartbeat, maxFrameBytes } = this.#init;
    this.#outbox.add({
      $case: 'hello',
      value: { version: 1, clientId, heartbeatMs: heartbeat, maxFrameBytes, takesParts: true },
    });
    const outbox = this.#outbox;
    const wire = this.#init.open({
      take: () => outbox.frame(),
      received: (frame) => {
        if (mine()) this.#received(frame, generation);
      },
      lost: (error) => {
        if (mine()) this.#lost(error);
      },
    });
    if (!mine()) return; // it was lost while it was opened
    this.#wire = wire;
    if (this.#state === 'connecting') this.#silence.allow(this.#init.answerTimeout);
    wire.wake();
  }

  #received(frame: ServerFrame, generation: number): void {
    this.#silence.hear();
    for (const { item } of frame.items) {
      if (item === undefined) continue; // of a newer server
      const problem = this.#dispatch(item);
      if (problem !== undefined) {
        this.send({ $case: 'bye', value: { reason: problem } });
        this.#lost(ownError('PROTOCOL', `the server broke the protocol: ${problem}`));
      }
      if (generation !== this.#generation) return;
    }
    this.#wire?.wake();
  }

  /** A sentence for what no server may send. */
  #dispatch(item: NonNullable<ServerItem['item']>): string | undefined {
    switch (item.$case) {
      case 'welcome':
        if (this.#state !== 'connecting') return 'a second Welcome';
        this.#welcomed(item.value.heartbeatMs + item.value.slackMs, item.value.maxFrameBytes);
        return undefined;
      case 'error':
        if (item.value.sub !== 0) break;
        this.#complained(item.value.code, item.value.message, item.value.retryable, item.value.retryAfterMs);
        return undefined;
      case 'goAway':
        this.#leaveWithin(item.value.windowMs);
        return undefined;
      case 'pong':
      case 'published':
        return undefined;
      default:
        if (this.#state !== 'ready') return `${item.$case} came before Welcome`;
        if (item.$case === 'commitOk') this.#unconfirmed -= 1;
    }
    return this.#routes.deliver(item);
  }

  #welcomed(silence: number, maxFrameBytes: number): void {
    this.#state = 'ready';
    this.#readyAt = this.clock.now();
    this.#floor = 0;
    this.#outbox.limit(maxFrameBytes);
    this.#silence.allow(silence > 0 ? Math.min(silence, longestSilence * 10) : longestSilence);
    for (const subscriber of [...this.#subscribers]) subscriber.dispatch('up', undefined);
  }

  #complained(code: string, message: string, retryable: boolean, retryAfterMs: number): void {
    this.#floor = Math.max(this.#floor, retryAfterMs);
    const reason = /^[A-Z][A-Z0-9_]{0,62}$/.test(code) ? code : 'SERVER_ERROR';
    const status = retryable ? 'UNAVAILABLE' : 'FAILED_PRECONDITION';
    this.#complaint = toldError(reason, status, `the server says: ${code} ${message}`);
    if (!retryable && this.#state === 'connecting') this.#failAll(this.#complaint);
  }

  /** The connection serves until the time that was drawn, or until the server ends it. */
  #leaveWithin(window: number): void {
    if (this.#leaveAt !== undefined) return;
    const wait = this.random.next() * Math.max(0, window);
    this.#leaveAt = this.clock.now() + wait;
    const generation = this.#generation;
    this.#cancelTimer?.();
    this.#cancelTimer = this.clock.setTimer(() => {
      this.#cancelTimer = undefined;
      if (generation !== this.#generation) return;
      this.send({ $case: 'bye', value: { reason: 'GOING_AWAY' } });
      this.#lost(undefined);
    }, wait);
  }

  #lost(error: RpcError | undefined): void {
    const now = this.clock.now();
    const { state } = this;
    if (state === 'ready' && now - this.#readyAt >= stable) this.#reconnect.reset();
    const cause = error ?? this.#complaint;
    const leaveAt = this.#leaveAt;
    this.#hangUp();
    if (error !== undefined && (final.has(error.code) || this.#refusedAgain(error))) {
      this.#state = 'idle';
      this.#failAll(error);
      return;
    }
    this.#state = 'waiting';
    for (const subscriber of [...this.#subscribers]) subscriber.dispatch('down', cause);
    if (this.#subscribers.size === 0) {
      this.#idle();
      return;
    }
    if (this.#wire !== undefined || (this.state as SessionState) !== 'waiting' || this.#cancelTimer !== undefined)
      return;
    const wait = leaveAt === undefined ? this.#reconnect.next(this.#floor) : Math.max(0, leaveAt - now);
    this.#cancelTimer = this.clock.setTimer(() => this.#connect(), wait);
  }

  /** What the server sends is too large for the wire, and was before, from the very same positions. */
  #refusedAgain(error: RpcError): boolean {
    if (error.reason !== 'MESSAGE_TOO_LARGE') return false;
    const at = JSON.stringify([...this.#subscribers].map(({ spec, position }) => [spec.topic, position?.seq]));
    this.#refusals = at === this.#refusedAt ? this.#refusals + 1 : 1;
    this.#refusedAt = at;
    return this.#refusals >= mostRefusals;
  }

  #failAll(error: RpcError): void {
    for (const subscriber of [...this.#subscribers]) subscriber.dispatch('fail', error);
  }

  #idle(): void {
    const wire = this.#wire;
    if (wire !== undefined) {
      this.send({ $case: 'bye', value: { reason: '' } });
      if (this.ready && this.#unconfirmed > 0 && wire.leave !== undefined) {
        this.#wire = undefined;
        this.#part(wire, wire.leave());
      }
    }
    this.#hangUp();
    this.#state = 'idle';
  }

  #part(wire: Wire, left: Promise<void>): void {
    const over = new Promise<void>((resolve) => {
      const cancel = this.clock.setTimer(resolve, partingMs);
      void left.then(() => {
        cancel();
        resolve();
      });
    });
    const parting = over.then(() => {
      wire.close();
      if (this.#parting === parting) this.#parting = undefined;
    });
    this.#parting = parting;
  }

  #hangUp(): void {
    this.#generation += 1;
    const wire = this.#wire;
    this.#wire = undefined;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#silence.stop();
    wire?.close();
  }
}

export function closed(): RpcError {
  return ownError('CLIENT_CLOSED', 'the client is closed', { disposition: 'not-executed' });
}
