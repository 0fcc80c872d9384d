/** One subscription of a client that polls: a connection of the hub whose frames wait, within the credit of a poll, for the next. */

import {
  ClientFrame,
  type ClientItem,
  type Mode,
  type Outcome,
  ServerFrame,
  type ServerItem,
  type Start_Kind,
  type Subscribe_Scope,
  type Error as WireError,
} from '../../gen/hawser/subscription/v1/subscription.js';
import type * as idl from '../../gen/hawser.js';
import type { Clock } from '../call/clock.js';
import type { RpcError } from '../call/rpc-error.js';
import type { Connection, Session } from '../subscription/connection.js';
import { version } from '../subscription/hub/greeting.js';
import type { Authorize } from '../subscription/hub/hub-context.js';
import { eventOf } from './poll-events.js';
import { countOf, epochBytesOf, wholeNumber } from './poll-numbers.js';
import { PollWaiting } from './poll-waiting.js';

export interface PollSessionInit {
  readonly peer: string;
  readonly principal: string;
  readonly authorize: Authorize | undefined;
  readonly clock: Clock;
  readonly idleMs: number;
}

/** Bytes of values from which on what waits is enough for one answer, and bytes of one frame at most: Thrift takes 16 MB. */
const enough = 256 * 1024;
const answerBytes = 12_000_000;
/** The one subscription of the connection. */
const sub = 1;

export class PollSession implements Connection {
  readonly peer: string;
  readonly principal: string;
  readonly authorize: Authorize | undefined;
  readonly mostBytes = answerBytes;
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #session: Session;
  readonly #forget: () => void;
  readonly #waiting = new PollWaiting();
  /** Updates and entries that were handed out. */
  #given = 0;
  /** The poll that waits takes no updates. */
  #barred = false;
  #drain: () => void = () => {};
  #answer: ((events: idl.Event[]) => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  /** Those that are not answered yet; one that came while the subscription began takes the place of those before. */
  #commits: { readonly seq: number; resolve(refused: WireError | undefined): void }[] = [];
  /** The hub has said its last; it is there for the next poll. */
  #over = false;
  #ended = false;

  constructor(init: PollSessionInit, connect: (connection: Connection) => Session, forget: () => void) {
    this.peer = init.peer;
    this.principal = init.principal;
    this.authorize = init.authorize;
    this.#clock = init.clock;
    this.#idleMs = init.idleMs;
    this.#forget = forget;
    this.#session = connect(this);
    this.#idle();
  }

  /** Throws a SubscriptionError for a number out of range. */
  subscribe({ topic, keys = [], scope, start, accept = [], mode, durableName, takesParts }: idl.OpenRequest): void {
    const hello = { version, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined, takesParts };
    const from = start && {
      kind: start.kind as number as Start_Kind,
      epoch: start.epoch,
      seq: wholeNumber(start.seq, 'seq', 'INVALID_REQUEST'),
      time: wholeNumber(start.time, 'time', 'INVALID_REQUEST'),
      count: countOf(start.count, 'count', 'INVALID_REQUEST'),
      generation: start.generation,
      held: start.held && { ...start.held, seq: wholeNumber(start.held.seq, 'held.seq', 'INVALID_REQUEST') },
      view: start.view,
    };
    const subscribe = {
      sub,
      topic,
      keys: [...keys],
      scope: scope as number as Subscribe_Scope | undefined,
      start: from,
      accept: [...accept] as number[] as Outcome[],
      mode: mode as number as Mode,
      conflate: undefined,
      minIntervalMs: 0,
      maxBps: 0,
      // No limit would be 0; the first poll says what is wanted.
      credit: { updates: 1, bytes: 0 },
      durableName,
      priority: 0,
    };
    this.#say({ $case: 'hello', value: hello }, { $case: 'subscribe', value: subscribe });
  }

  /** What waits is one answer, and no more than that. */
  get writable(): boolean {
    return this.#waiting.bytes < enough;
  }

  /** Nothing will come any more. */
  get spent(): boolean {
    return this.#over && this.#waiting.isEmpty;
  }

  /**
   * Resolves as soon as there is something, at once when there is; with nothing after `waitMs`. A `max` of 0 takes no updates and
   * leaves the credit as it is: one of 0 would be no limit.
   */
  poll(max: number, waitMs: number): Promise<idl.Event[]> {
    this.hush();
    this.#cancelTimer?.();
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#barred = max === 0;
      this.#cancelTimer = this.#clock.setTimer(() => this.hush(), waitMs);
      if (max > 0) this.#say({ $case: 'credit', value: { sub, limits: { updates: this.#given + max, bytes: 0 } } });
      if (this.#barred ? this.#waiting.isNewsWithoutUpdates : !this.#waiting.isEmpty) this.hush();
    });
  }

  /** Answers why it is refused, with nothing where it is kept. Rejects with a SubscriptionError for a number out of range. */
  async commit({ epoch, seq, generation }: idl.Position): Promise<WireError | undefined> {
    const position = {
      epoch: epochBytesOf(epoch, 'INVALID_POSITION'),
      seq: wholeNumber(seq, 'seq', 'INVALID_POSITION'),
      generation,
    };
    return new Promise((resolve) => {
      this.#commits.push({ seq: position.seq, resolve });
      if (this.#over || this.#ended) this.#answerCommits();
      else this.#say({ $case: 'commit', value: { sub, position } });
    });
  }

  /** Answers the poll that waits, with what there is. */
  hush(): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    this.#answer = undefined;
    const full = !this.writable;
    const events = this.#barred ? this.#waiting.takeWithoutUpdates() : this.#takeAll();
    this.#idle();
    answer(events);
    if (full && this.writable) this.#drain();
  }

  #takeAll(): idl.Event[] {
    const { events, updates } = this.#waiting.take();
    this.#given += updates;
    return events;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#answerCommits();
    this.#session.closed();
    this.hush();
    this.#cancelTimer?.();
    this.#forget();
  }

  send(frame: Uint8Array): void {
    for (const { item } of ServerFrame.decode(frame).items) if (item !== undefined) this.#take(item);
    // What a poll waits for; a sign of life is none but for one that takes no updates.
    if (this.#barred ? this.#waiting.isNewsWithoutUpdates : this.#waiting.isNews) this.hush();
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  close(reason?: RpcError): void {
    if (reason !== undefined && !this.#over) {
      const value = { code: reason.reason, message: reason.message, retryable: true, retryAfterMs: 1000 };
      this.#waiting.add({ $case: 'unsubscribed', value });
    }
    this.#over = true;
    this.#answerCommits();
    this.hush();
  }

  #take(item: NonNullable<ServerItem['item']>): void {
    if (item.$case === 'commitOk') {
      const { position, refused, error } = item.value;
      this.#answerCommits((position ?? refused)?.seq, error);
    }
    const event = eventOf(item);
    if (event === undefined) return;
    if (event.$case === 'unsubscribed') {
      this.#over = true;
      this.#answerCommits();
      this.#session.closed();
    }
    this.#waiting.add(event);
  }

  /** The one of `seq`, and those before it; all where the subscription is over. */
  #answerCommits(seq?: number, refused?: WireError): void {
    const last = seq === undefined ? this.#commits.length - 1 : this.#commits.findIndex((one) => one.seq === seq);
    for (const { resolve } of this.#commits.splice(0, last + 1)) resolve(refused);
  }

  #say(...items: NonNullable<ClientItem['item']>[]): void {
    if (!this.#over && !this.#ended)
      this.#session.receive(ClientFrame.encode({ items: items.map((item) => ({ item })) }));
  }

  #idle(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#ended ? undefined : this.#clock.setTimer(() => this.end(), this.#idleMs);
  }
}
