/**
 * One connection of a client: its subscriptions, what it may be sent, and its side of the flush. Holds no updates: only
 * answers wait here, so many bytes of them and no more, and what a subscription has to send is read when the
 * connection can take it.
 */

import {
  ClientFrame,
  type ClientItem,
  type Effective,
  type Hello,
  Throttle_Cause,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { ownError } from '../../call/own-error.js';
import { connectionOf, ownerOf } from '../../call/owner.js';
import { isRpcError, type RpcError } from '../../call/rpc-error.js';
import type { Connection, Session } from '../connection.js';
import { exactNumbers } from '../exact-numbers.js';
import { positionToWire } from '../position.js';
import { amend, commit, raise, unsubscribe } from './amend-requests.js';
import { type Refusal, refusalOf, unsubscribed } from './answers.js';
import { Asking } from './asking.js';
import { Credit } from './credit.js';
import { brokenConnection } from './faults.js';
import type { Sender } from './flush.js';
import { greet } from './greeting.js';
import { HeldBack, heldEvery } from './held-back.js';
import type { HubContext } from './hub-context.js';
import type { Claimant } from './open-topics.js';
import type { Outlet } from './outlet.js';
import { publishAll } from './publish-requests.js';
import { reauthorize } from './reauthorize.js';
import type { Starting } from './starting.js';
import { subscribe } from './subscribe-requests.js';
import type { Subscription } from './subscription.js';
import { effectiveOf } from './terms.js';
import { item } from './wire.js';

export class HubSession implements Session, Sender, Outlet {
  readonly hub: HubContext;
  readonly connection: Connection;
  /** Whose share of bounds this connection takes. */
  readonly claimant: Claimant;
  readonly subscriptions = new Map<number, Subscription>();
  /** Subscriptions that are asked for and not decided on. */
  readonly starting = new Map<number, Starting>();
  readonly refs = new Set<number>();
  readonly asking: Asking;
  credit = new Credit(undefined);
  /** Publications whose answer is outstanding. */
  publishing = 0;
  frameBytes: number;
  takesParts = false;
  #heartbeat: number;
  #queue: Subscription[] = [];
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  #greeted = false;
  #closed = false;
  /** The client was told why, or the server goes: what waits is sent, then the stream ends. */
  #ending = false;
  #lastSent: number;
  #blockedSince: number | undefined;
  readonly #held = new HeldBack();
  /** When those that are held back were last told the head. */
  #headsAt = Number.NEGATIVE_INFINITY;
  #imposed = 0;

  constructor(hub: HubContext, connection: Connection) {
    this.hub = hub;
    this.connection = connection;
    const { principal, peer } = connection;
    this.claimant = { owner: ownerOf(principal, peer), connection: connectionOf(peer) };
    this.asking = new Asking(hub, connection);
    this.frameBytes = hub.limits.frameBytes;
    this.#heartbeat = hub.limits.heartbeatMs;
    this.#lastSent = hub.clock.now();
    connection.onDrain(() => this.#guarded(() => this.#drained()));
  }

  get mostBytes(): number {
    return this.connection.mostBytes ?? this.hub.limits.maxMessageBytes;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  // -------------------------------------------------------------------------------------- from the client

  receive(frame: Uint8Array): void {
    if (this.#closed || this.#ending) return;
    const { maxFrameBytes, maxFrameItems } = this.hub.limits;
    if (frame.byteLength > maxFrameBytes) {
      this.fail('FRAME_TOO_LARGE', `a frame has ${frame.byteLength} bytes, more than ${maxFrameBytes}; split it`);
      return;
    }
    let items: readonly ClientItem[];
    try {
      items = exactNumbers(ClientFrame.decode(frame)).items;
    } catch (error) {
      this.fail('FRAME_MALFORMED', `a frame is no hawser.subscription.v1.ClientFrame: ${sentence(error)}`);
      return;
    }
    if (items.length > maxFrameItems) {
      this.fail('FRAME_TOO_LARGE', `a frame has ${items.length} items, more than ${maxFrameItems}; split it`);
      return;
    }
    for (let at = 0; at < items.length && !this.#ending && !this.#closed; at++) {
      const one = items[at]?.item;
      if (one === undefined) continue; // of a newer client
      try {
        if (one.$case === 'publish' && this.#greeted) at += publishAll(this, items, at) - 1;
        else this.#handle(one);
      } catch (error) {
        const sub = 'sub' in one.value ? this.subscriptions.get(one.value.sub) : undefined;
        if (sub === undefined) this.failed(error);
        else this.subscriptionFailed(sub, error);
      }
    }
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.subscriptions.values()) subscription.end();
    this.subscriptions.clear();
    this.starting.clear();
    this.refs.clear();
    this.#held.clear();
    this.#queue = [];
    this.#control = [];
    this.#controlBytes = 0;
    this.hub.remove(this);
  }

  #handle(one: NonNullable<ClientItem['item']>): void {
    if (!this.#greeted) {
      if (one.$case === 'hello') this.#greet(one.value);
      else this.fail('HELLO_EXPECTED', `the first item of a connection is Hello, not ${one.$case}`);
      return;
    }
    switch (one.$case) {
      case 'hello':
        this.fail('HELLO_REPEATED', 'a connection says Hello once');
        break;
      case 'subscribe':
        subscribe(this, one.value);
        break;
      case 'amend':
        amend(this, one.value);
        break;
      case 'unsubscribe':
        unsubscribe(this, one.value.sub);
        break;
      case 'credit':
        raise(this, one.value.sub, one.value.limits);
        break;
      case 'commit':
        commit(this, one.value);
        break;
      case 'ping':
        this.say(item({ $case: 'pong', value: { nonce: one.value.nonce } }));
        break;
      case 'bye':
        this.end();
        break;
    }
  }

  #greet(hello: Hello): void {
    const greeting = greet(this.hub, hello);
    if ('code' in greeting) {
      this.fail(greeting.code, greeting.message, greeting.retryAfterMs);
      return;
    }
    this.#greeted = true;
    this.credit = new Credit(hello.credit);
    this.frameBytes = greeting.frameBytes;
    this.takesParts = hello.takesParts === true;
    this.#heartbeat = greeting.heartbeat;
    this.say(greeting.welcome);
  }

  // -------------------------------------------------------------------------------------- to the client

  /** Sends an answer, in its turn. A client that asks and does not read is let go. */
  say(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#control.push(frame);
    this.#controlBytes += frame.byteLength;
    if (this.#controlBytes > this.hub.limits.maxWaitingBytes && !this.#writable) {
      const message = `${this.#controlBytes} bytes of answers wait for a client that does not read them`;
      this.abort(ownError('CLIENT_DOES_NOT_READ', message));
      return;
    }
    this.hub.flush.add(this);
  }

  /** Says what is wrong, and ends the stream in good order: a stream that ends in an error loses what was sent before. */
  fail(code: string, message: string, retryAfterMs = 0): void {
    if (this.#closed || this.#ending) return;
    this.say(item({ $case: 'error', value: { code, message, retryable: retryAfterMs > 0, retryAfterMs, sub: 0 } }));
    this.end();
  }

  /** Sends what waits, and no more updates; then ends the stream. */
  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.hub.flush.add(this);
  }

  disconnect(code: string, message: string): void {
    this.fail(code, message);
  }

  enqueue(subscription: Subscription): void {
    if (subscription.queued || this.#closed) return;
    subscription.queued = true;
    this.#queue.push(subscription);
    if (this.#writable) this.hub.flush.add(this);
    else {
      this.#blockedSince ??= this.hub.clock.now();
      this.heldBack(subscription, Throttle_Cause.SOCKET);
    }
  }

  heldBack(subscription: Subscription, cause: Throttle_Cause): void {
    this.#held.add(subscription, cause, this.hub.clock.now());
    this.hub.watchHeld(this);
  }

  /** Tells what is held back how far the log is, and why. False: nothing is held back any more. Never throws. */
  tellHeld(now: number): boolean {
    if (this.#closed) return false;
    if (this.#writable) this.#guarded(() => this.#tellHeads(now));
    return this.#held.size > 0;
  }

  #tellHeads(now: number): void {
    this.#headsAt = now;
    const { behind, throttled } = this.#held.look(now);
    for (const subscription of behind) {
      const frame = subscription.headFrame();
      if (frame !== undefined) this.say(frame);
    }
    for (const { subscription, cause } of throttled) this.#tellThrottled(subscription, cause);
  }

  get ready(): boolean {
    return !this.#closed && this.#writable && (this.#control.length > 0 || this.#queue.length > 0);
  }

  send(bytes: number): number {
    if (this.#closed) return 0;
    if (!this.#writable) {
      this.#blockedSince ??= this.hub.clock.now();
      return 0;
    }
    // A socket that takes a little now and then is told in between.
    const now = this.hub.clock.now();
    if (this.#held.size > 0 && now - this.#headsAt >= heldEvery) this.#tellHeads(now);
    const frames = this.#control;
    let size = this.#controlBytes;
    this.#control = [];
    this.#controlBytes = 0;
    size = this.#ending ? size : this.#collect(frames, size, Math.min(bytes, this.frameBytes));
    if (frames.length > 0 && !this.#closed) this.#write(frames);
    if (this.#queue.length > 0 && !this.#writable) {
      for (const subscription of this.#queue) this.heldBack(subscription, Throttle_Cause.SOCKET);
    }
    if (this.#ending && !this.#closed) {
      this.connection.close();
      this.closed();
    }
    return size;
  }

  /** Lets subscriptions add frames, one after the other, until there are `room` bytes. */
  #collect(frames: Uint8Array[], already: number, room: number): number {
    let size = already;
    let turns = this.#queue.length + 16;
    while (this.#queue.length > 0 && size < room && turns-- > 0) {
      const subscription = this.#queue.shift() as Subscription;
      subscription.queued = false;
      const frame = this.#pull(subscription, room - size);
      if (frame !== undefined) {
        frames.push(frame);
        size += frame.byteLength;
        if (this.#held.size > 0 && !subscription.more) this.#held.remove(subscription);
      }
      if (this.#closed) return size;
      if (!subscription.more || subscription.over) continue;
      subscription.queued = true;
      this.#queue.push(subscription);
      // It only looked through a part of the log, which takes time and fills no frame: others get their turn.
      if (frame === undefined) break;
    }
    return size;
  }

  #pull(subscription: Subscription, room: number): Uint8Array | undefined {
    try {
      return subscription.pull(room);
    } catch (error) {
      return this.#endedByFault(subscription, error);
    }
  }

  #write(frames: readonly Uint8Array[]): void {
    this.#lastSent = this.hub.clock.now();
    const bytes = frames.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (bytes <= this.mostBytes) {
      this.connection.send(frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames));
    } else for (const frame of frames) this.connection.send(frame);
  }

  #drained(): void {
    if (this.#closed) return;
    const blocked = this.#blockedSince;
    this.#blockedSince = undefined;
    for (const subscription of this.#queue) subscription.press();
    if (blocked !== undefined && this.hub.clock.now() - blocked >= 1000) this.#tellAllThrottled(Throttle_Cause.SOCKET);
    if (this.#control.length > 0 || this.#queue.length > 0 || this.#ending) this.hub.flush.add(this);
  }

  /** Ends the connection at once, whatever waits. Never throws. */
  abort(reason: RpcError): void {
    this.hub.faults.guard('', 'a connection could not be closed', () => this.connection.close(reason));
    this.closed();
  }

  // -------------------------------------------------------------------------------------- where something threw

  get #writable(): boolean {
    try {
      return this.connection.writable;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  #guarded(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.failed(error);
    }
  }

  /** The connection as a whole is of no use any more. */
  failed(error: unknown): void {
    if (this.#closed) return;
    this.hub.faults.report(error, '', 'a connection of subscribers failed');
    this.abort(brokenConnection(error));
  }

  subscriptionFailed(subscription: Subscription, error: unknown): void {
    this.#guarded(() => this.say(this.#endedByFault(subscription, error)));
  }

  #endedByFault(subscription: Subscription, error: unknown): Uint8Array {
    this.hub.faults.report(error, subscription.topic.name, 'a subscription failed');
    return this.ended(subscription, refusalOf(error));
  }

  storeFailed(subscription: Subscription, error: unknown): Uint8Array {
    if (isRpcError(error)) return this.#endedByFault(subscription, error);
    this.hub.faults.report(error, subscription.topic.name, 'the store of a topic could not be read');
    const message = 'the store of the topic could not be read';
    return this.ended(subscription, { code: 'STORE_FAILED', message, retryable: true });
  }

  // -------------------------------------------------------------------------------------- from the hub

  /** Once a second or so: signs of life, and the end of a connection that takes nothing. */
  tick(now: number): void {
    if (!this.#closed) this.#guarded(() => this.#look(now));
  }

  #look(now: number): void {
    if (!this.#writable) {
      this.#blockedSince ??= now;
      if (now - this.#blockedSince >= this.hub.limits.stallMs) {
        const message = `the client took nothing for ${this.hub.limits.stallMs} ms`;
        this.abort(ownError('CLIENT_DOES_NOT_READ', message));
      }
      return;
    }
    this.#blockedSince = undefined;
    if (this.#greeted && now - this.#lastSent >= this.#heartbeat) this.#beat();
  }

  #beat(): void {
    const frames: Uint8Array[] = [];
    for (const subscription of [...this.subscriptions.values()]) {
      const frame = this.#progress(subscription);
      if (frame !== undefined) frames.push(frame);
    }
    if (frames.length === 0) frames.push(item({ $case: 'pong', value: { nonce: 0 } }));
    this.#write([...this.#control, ...frames]);
    this.#control = [];
    this.#controlBytes = 0;
  }

  #progress(subscription: Subscription): Uint8Array | undefined {
    try {
      return subscription.progress();
    } catch (error) {
      return this.#endedByFault(subscription, error);
    }
  }

  /** Asks again what each subscription may be shown; nothing is sent to it before the answer. Resolves when all are answered. */
  async reauthorize(): Promise<void> {
    await Promise.all([...this.subscriptions.values()].map((subscription) => reauthorize(this, subscription)));
  }

  /** The server wants the client to go elsewhere, or to come back later. */
  goAway(reason: string, windowMs: number): void {
    this.say(item({ $case: 'goAway', value: { reason, windowMs } }));
    this.end();
  }

  /** Puts so much between batches of what can be conflated; 0 takes it back. */
  impose(intervalMs: number): void {
    if (this.#imposed === intervalMs) return;
    this.#imposed = intervalMs;
    for (const subscription of this.subscriptions.values()) this.applyImposed(subscription);
    this.#tellAllThrottled(Throttle_Cause.CPU);
  }

  applyImposed({ pace, terms }: Subscription): void {
    pace.imposed = terms.when === 'NEVER' ? 0 : this.#imposed;
  }

  #tellAllThrottled(cause: Throttle_Cause): void {
    for (const subscription of this.subscriptions.values()) this.#tellThrottled(subscription, cause);
  }

  #tellThrottled({ id, pace }: Subscription, cause: Throttle_Cause): void {
    const minIntervalMs = Math.max(pace.minInterval, pace.imposed);
    this.say(item({ $case: 'throttle', value: { sub: id, minIntervalMs, maxBps: pace.maxBps, cause } }));
  }

  // -------------------------------------------------------------------------------------- for subscriptions

  now(): number {
    return this.hub.clock.now();
  }

  setTimer(fn: () => void, ms: number): () => void {
    return this.hub.clock.setTimer(fn, ms);
  }

  get snapshotsPaused(): boolean {
    return this.hub.snapshotsPaused;
  }

  effective({ terms, pace }: Subscription): Effective {
    return effectiveOf(terms, Math.max(pace.minInterval, pace.imposed), pace.maxBps);
  }

  ended(subscription: Subscription, why: Refusal): Uint8Array {
    const { id, ref } = subscription;
    const place = placeOf(subscription);
    subscription.end();
    this.subscriptions.delete(id);
    this.refs.delete(ref);
    return unsubscribed(id, why, place);
  }
}

/** Undefined where the store cannot even say which log it is. */
function placeOf(subscription: Subscription): ReturnType<typeof positionToWire> | undefined {
  try {
    return subscription.position && positionToWire(subscription.position);
  } catch {
    return undefined;
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
