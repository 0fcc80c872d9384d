/**
 * The wire of a client's subscriptions over Thrift, which has no streams: each subscription is a session of idl/hawser.thrift
 * that is polled. To the subscriber it is a wire as any other, so it resumes, conflates and accounts in the same way; credit
 * becomes what a poll asks for, and a poll that is not answered in time is a lost connection.
 */
import {
  type ClientFrame,
  type ServerItem,
  type Subscribe,
  Throttle_Cause,
} from '../../gen/hawser/subscription/v1/subscription.js';
import { type Mode, type Outcome, type StartKind, SubscriptionError, type Subscriptions } from '../../gen/hawser.js';
import type { Clock } from '../call/clock.js';
import { outsideCalls } from '../call/current.js';
import { isRpcError, RpcError } from '../call/rpc-error.js';
import type { WirePosition } from '../subscription/position.js';
import type { Sent } from '../subscription/subscriber/host.js';
import type { Wire, WireEnd } from '../subscription/subscriber/wire.js';
import { itemOf } from './polled-events.js';
import type { Client } from './types.js';

export type Polls = Client<typeof Subscriptions>;

/** Subscriptions of one client. Thrift answers in order, so each poll that waits has a connection to itself. */
export const mostPolls = 64;
/** Connections: opening, committing and closing wait for no poll. */
export const pollConnections = mostPolls + 4;
/** Updates that one poll asks for, at most. */
const perPoll = 1000;
/** ms that a poll may be answered late. */
const slackMs = 5000;
/** ms between two questions of one that has no room: how far the log is. With the server's own looks, less than a second in all. */
const headEvery = 400;
/** ms until one is told again that its credit holds it back. */
const toldEvery = 10_000;
/** ms that sessions have to be closed in when the wire is. */
const partingMs = 1000;

/** It belongs to nobody's call, though a handler may have subscribed: others share it. The wire closes `polls`. */
export function openPollWire(polls: Polls, end: WireEnd, clock: Clock): Wire {
  return outsideCalls(() => new PollWire(polls, end, clock));
}

interface Polled {
  readonly sub: number;
  session: string | undefined;
  /** The number of its chain, as the subscriber knows it. */
  ref: number;
  /** What it may be sent in all, and was sent. */
  updates: number;
  bytes: number;
  readonly given: { updates: number; bytes: number };
  paused: boolean;
  /** A group has come in part: it is polled for to its end, whatever waits here. */
  partial: boolean;
  over: boolean;
  /** Of the last commit. */
  committing: Promise<void> | undefined;
  /** Of one that waits until it may be sent more. */
  onRoom: (() => void) | undefined;
  /** When it was told last that it has no room. */
  toldAt: number | undefined;
}

class PollWire implements Wire {
  readonly #polls: Polls;
  readonly #end: WireEnd;
  readonly #clock: Clock;
  readonly #polled = new Map<number, Polled>();
  #heartbeat = 0;
  #refs = 0;
  readonly #leaving = new Set<Promise<void>>();
  #woken = false;
  #closed = false;

  constructor(polls: Polls, end: WireEnd, clock: Clock) {
    this.#polls = polls;
    this.#end = end;
    this.#clock = clock;
  }

  /** What is taken is answered here, so not before who wakes it is done. */
  wake(): void {
    if (this.#woken || this.#closed) return;
    this.#woken = true;
    queueMicrotask(() => {
      this.#woken = false;
      this.#sayAll();
    });
  }

  /** Nothing is told of it any more, so what there is to say need not wait. */
  leave(): Promise<void> {
    this.#sayAll();
    const closing = [...this.#leaving];
    this.close();
    return Promise.all([...closing, ...this.#leaving]).then(() => {});
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const polled of this.#polled.values()) this.#leave(polled);
    // Sessions are closed after their commits, and the client after both.
    void Promise.all(this.#leaving).then(() => this.#polls.$close({ grace: partingMs }));
  }

  #sayAll(): void {
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) {
      for (const { item } of frame.items) if (item !== undefined && !this.#closed) this.#handle(item);
    }
  }

  #take(): ClientFrame | undefined {
    return this.#closed ? undefined : this.#end.take();
  }

  #handle(item: Sent): void {
    switch (item.$case) {
      case 'hello':
        this.#heartbeat = item.value.heartbeatMs;
        // Silence shows in the polls: each has a deadline of its own.
        this.#say({
          $case: 'welcome',
          value: {
            version: 1,
            serverId: '',
            heartbeatMs: 2 ** 31 - 1,
            slackMs: 0,
            maxFrameBytes: 0,
            maxSubscriptions: mostPolls,
            serverTime: 0,
          },
        });
        break;
      case 'subscribe':
        this.#subscribe(item.value);
        break;
      case 'unsubscribe': {
        const { sub } = item.value;
        const polled = this.#polled.get(sub);
        this.#polled.delete(sub);
        if (polled !== undefined) this.#leave(polled);
        this.#refuse(sub, '', '', false, 0);
        break;
      }
      case 'credit': {
        const polled = this.#polled.get(item.value.sub);
        const { limits } = item.value;
        if (polled === undefined || limits === undefined) break;
        polled.updates = Math.max(polled.updates, limits.updates);
        polled.bytes = Math.max(polled.bytes, limits.bytes);
        polled.onRoom?.();
        break;
      }
      case 'amend': {
        const polled = this.#polled.get(item.value.sub);
        if (polled === undefined) break;
        polled.paused = item.value.paused ?? polled.paused;
        polled.onRoom?.();
        break;
      }
      case 'commit':
        this.#commitNow(item.value.sub, item.value.position);
        break;
      case 'bye':
        this.close();
        break;
    }
  }

  #subscribe(request: Subscribe): void {
    const { sub, credit } = request;
    if (this.#polled.size >= mostPolls) {
      const message = `a client follows ${mostPolls} topics by long poll at most; use another client, or gRPC`;
      this.#refuse(sub, 'TOO_MANY_SUBSCRIPTIONS', message, false, 0);
      return;
    }
    const polled: Polled = {
      sub,
      session: undefined,
      ref: 0,
      updates: credit?.updates ?? 0,
      bytes: credit?.bytes ?? 0,
      given: { updates: 0, bytes: 0 },
      paused: false,
      partial: false,
      over: false,
      committing: undefined,
      onRoom: undefined,
      toldAt: undefined,
    };
    this.#polled.set(sub, polled);
    void this.#follow(polled, request).catch((error: unknown) => this.#failed(polled, error));
  }

  async #follow(polled: Polled, request: Subscribe): Promise<void> {
    const { topic, keys, scope, start, accept, mode, durableName } = request;
    const { session, idleMs, maxWaitMs, tellsHead } = await this.#polls.open({
      request: {
        topic,
        keys,
        scope: scope as number | undefined,
        start: start && {
          kind: start.kind as number as StartKind,
          epoch: start.epoch,
          seq: BigInt(start.seq),
          time: BigInt(start.time),
          count: start.count,
          generation: start.generation,
          held: start.held && { ...start.held, seq: BigInt(start.held.seq) },
          view: start.view,
        },
        accept: accept as number[] as Outcome[],
        mode: mode as number as Mode,
        durableName,
        takesParts: true,
      },
    });
    polled.session = session;
    if (polled.over) this.#leave(polled);
    const longest = Math.max(1, Math.min(maxWaitMs, idleMs / 2));
    const waitMs = Math.floor(this.#heartbeat > 0 ? Math.min(this.#heartbeat, longest) : longest);
    while (!polled.over) {
      const max = roomOf(polled);
      if (max > 0) {
        const events = await this.#polls.poll({ session, max, waitMs }, { timeout: waitMs + slackMs });
        if (!polled.over) this.#received(polled, events);
      } else if ((await this.#room(polled, tellsHead === true)) === 'late') {
        const events = await this.#polls.poll({ session, max: 0, waitMs: 0 }, { timeout: slackMs });
        if (!polled.over) this.#heldBack(polled, events);
      }
    }
  }

  /** Until it may be sent more, or is `late` for a word on how far the log is. */
  async #room(polled: Polled, tellsHead: boolean): Promise<'room' | 'late'> {
    let cancel = (): void => {};
    const verdict = await new Promise<'room' | 'late'>((resolve) => {
      polled.onRoom = () => resolve('room');
      if (tellsHead) cancel = this.#clock.setTimer(() => resolve('late'), headEvery);
    });
    cancel();
    polled.onRoom = undefined;
    return verdict;
  }

  /** What one without room was told; and why it gets nothing, which it knows better than the server does. */
  #heldBack(polled: Polled, events: Awaited<ReturnType<Polls['poll']>>): void {
    this.#received(polled, events);
    const isBehind = events.some(({ $case, value }) => $case === 'progress' && value.head > value.deliveredTo);
    const now = this.#clock.now();
    if (!isBehind || polled.paused || polled.over || now - (polled.toldAt ?? Number.NEGATIVE_INFINITY) < toldEvery)
      return;
    polled.toldAt = now;
    this.#say({
      $case: 'throttle',
      value: { sub: polled.sub, minIntervalMs: 0, maxBps: 0, cause: Throttle_Cause.CREDIT },
    });
  }

  #received(polled: Polled, events: Awaited<ReturnType<Polls['poll']>>): void {
    const items: ServerItem[] = [];
    for (const event of events) {
      if (event.$case === 'subscribed') polled.ref = ++this.#refs;
      const item = itemOf(event, polled.sub, polled.ref);
      if (item === undefined) continue;
      const updates =
        item.$case === 'batch' ? item.value.updates : item.$case === 'snapshotChunk' ? item.value.entries : [];
      polled.given.updates += updates.length;
      for (const { value } of updates) polled.given.bytes += value.byteLength;
      if (item.$case === 'batch') polled.partial = item.value.partial === true;
      else if (item.$case !== 'progress') polled.partial = false;
      if (item.$case === 'unsubscribed') this.#forget(polled);
      items.push({ item });
    }
    this.#end.received({ items });
  }

  #commitNow(sub: number, position: WirePosition | undefined): void {
    const polled = this.#polled.get(sub);
    if (polled !== undefined) polled.committing = this.#commit(sub, position);
  }

  async #commit(sub: number, position: WirePosition | undefined) {
    const session = this.#polled.get(sub)?.session;
    if (session === undefined || position === undefined) return;
    try {
      const { epoch, seq, generation } = position;
      await this.#polls.commit({ session, position: { epoch, seq: BigInt(seq), generation } }, { timeout: slackMs });
    } catch (error) {
      // Of a session that is gone the next poll says so; what is processed is told again to the next one.
      if (!(error instanceof SubscriptionError)) this.#lost(error);
      else if (error.code === 'COMMIT_OF_OTHER_HISTORY' && this.#polled.has(sub)) {
        const { code, message } = error;
        const refusal = { code, message, retryable: false, retryAfterMs: 0, sub };
        this.#say({ $case: 'commitOk', value: { sub, position: undefined, refused: { ...position }, error: refusal } });
      }
      return;
    }
    if (this.#polled.has(sub)) this.#say({ $case: 'commitOk', value: { sub, position: { ...position } } });
  }

  #failed(polled: Polled, error: unknown): void {
    if (polled.over) return;
    if (error instanceof SubscriptionError) {
      this.#forget(polled);
      this.#refuse(polled.sub, error.code, error.message, error.retryable, error.retryAfterMs);
    } else this.#lost(error);
  }

  #forget(polled: Polled): void {
    polled.over = true;
    this.#polled.delete(polled.sub);
  }

  /** Ends its session; that answers the poll that waits. */
  #leave(polled: Polled): void {
    polled.over = true;
    polled.onRoom?.();
    const { session } = polled;
    if (session === undefined) return;
    const { committing = Promise.resolve() } = polled;
    // A session that is closed takes no commit.
    const leaving = committing
      .then(() => this.#polls.close({ session }, { timeout: partingMs }))
      .then(
        () => {},
        () => {}, // it ends by itself, too
      );
    this.#leaving.add(leaving);
    void leaving.then(() => this.#leaving.delete(leaving));
  }

  #refuse(sub: number, code: string, message: string, retryable: boolean, retryAfterMs: number): void {
    this.#say({ $case: 'unsubscribed', value: { sub, code, message, retryable, retryAfterMs } });
  }

  #say(item: NonNullable<ServerItem['item']>): void {
    if (!this.#closed) this.#end.received({ items: [{ item }] });
  }

  #lost(thrown: unknown): void {
    if (this.#closed) return;
    const error = isRpcError(thrown)
      ? thrown
      : new RpcError('INTERNAL', `a poll failed: ${String(thrown)}`, { cause: thrown });
    this.close();
    this.#end.lost(error);
  }
}

/** How many updates the next poll may ask for. */
function roomOf({ paused, partial, updates, bytes, given }: Polled): number {
  if (partial) return Math.max(1, Math.min(perPoll, updates - given.updates));
  if (paused || (bytes > 0 && given.bytes >= bytes)) return 0;
  return Math.max(0, Math.min(perPoll, updates - given.updates));
}
