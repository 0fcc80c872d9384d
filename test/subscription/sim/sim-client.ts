/** A client with its session and subscribers, over links that fail, read by an application at its own pace. */
import { EventHub } from '../../../src/call/events.js';
import type { Position } from '../../../src/subscription/position.js';
import { type SubscriptionEvents, subscriptionEventNames } from '../../../src/subscription/subscriber/events.js';
import { acceptedBy } from '../../../src/subscription/subscriber/recovery.js';
import { Session } from '../../../src/subscription/subscriber/session.js';
import type { SubscriptionSpec } from '../../../src/subscription/subscriber/spec.js';
import { Subscriber } from '../../../src/subscription/subscriber/subscriber.js';
import type { SeededRandom } from '../../../src/testing/random.js';
import { type History, logOf, type Note, type Permitted, recorder, replicaEntries } from '../checker/history.js';
import { Link, simPrincipal, type Tamper, type TamperUp } from './link.js';
import type { SimClock } from './sim-clock.js';
import type { SimServer } from './sim-server.js';

export interface SimClientInit {
  readonly name: string;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly server: SimServer;
  readonly history: History;
  readonly latency: readonly [number, number];
  readonly answerTimeout: number;
  readonly tamper?: Tamper | undefined;
  readonly tamperUp?: TamperUp | undefined;
}

/** ms */
const lookEvery = 200;

/** How an application reads: `every` ms so many changes; 0 takes all at once. */
export interface Reading {
  readonly every: number;
  readonly count: number;
}

export class SimClient {
  readonly session: Session;
  readonly subscribers: {
    readonly subscriber: Subscriber;
    readonly notes: Note[];
    readonly asked: Permitted[];
    reading: Reading;
  }[] = [];
  readonly #init: SimClientInit;
  #link: Link | undefined;
  #slow = 0;

  constructor(init: SimClientInit) {
    this.#init = init;
    const { clock, random, server, latency } = init;
    this.session = new Session({
      clock,
      random: random.fork('session'),
      clientId: init.name,
      backoff: { initial: 20, max: 400 },
      answerTimeout: init.answerTimeout,
      heartbeat: 0,
      maxFrameBytes: 0,
      open: (end) => {
        const link = new Link({
          clock,
          random: random.fork(`link ${this.session.connections}`),
          end,
          connect: (connection) => server.connect(connection),
          latency,
          tamper: init.tamper,
          tamperUp: init.tamperUp,
        });
        link.slow = this.#slow;
        this.#link = link;
        return link;
      },
    });
  }

  get link(): Link | undefined {
    return this.#link;
  }

  subscribe(name: string, spec: SubscriptionSpec, reading: Reading, steady: number | undefined): void {
    const { clock, history } = this.#init;
    const notes: Note[] = [];
    const events = new EventHub<SubscriptionEvents>('sim', subscriptionEventNames, (error) => {
      throw error;
    });
    const trace = recorder(
      notes,
      () => clock.now(),
      (epoch, generation) => logOf(history, epoch, generation),
    );
    const subscriber = new Subscriber(spec, this.session, events, undefined, trace);
    const accept = spec.accept ?? acceptedBy[spec.recovery];
    const asked: Permitted[] = [spec.keys];
    history.subscribers.push({
      name,
      principal: simPrincipal,
      asked,
      get holdsState() {
        return subscriber.mode !== 'EVERY' || accept.includes('RESET');
      },
      keys: spec.keys === 'all' ? [] : spec.keys,
      recovery: spec.recovery,
      accept,
      takes: spec.changes,
      steady,
      notes,
    });
    const entry = { subscriber, notes, asked, reading };
    this.subscribers.push(entry);
    let waiting = false;
    const read = (): void => {
      const { every, count } = entry.reading;
      const most = every === 0 ? Number.POSITIVE_INFINITY : count;
      let taken = 0;
      while (taken < most) {
        const change = subscriber.takeChange();
        if (change === undefined) break;
        taken += 1;
        this.#noteCursor(subscriber, notes);
      }
      const { cursor } = subscriber.feed;
      if (spec.durableName !== '' && cursor !== undefined && taken > 0) subscriber.commit(cursor);
      if (every > 0 && !waiting) {
        waiting = true;
        clock.setTimer(() => {
          waiting = false;
          read();
        }, every);
      }
    };
    // As an iterator does: what was pushed is taken after the step that pushed it.
    let woken = false;
    subscriber.feed.onReadable = () => {
      if (woken || entry.reading.every > 0) return;
      woken = true;
      clock.setTimer(() => {
        woken = false;
        read();
      }, 0);
    };
    if (reading.every > 0) read();
    this.session.add(subscriber);
    this.#watch(subscriber, notes);
  }

  #noteCursor(subscriber: Subscriber, notes: Note[]): void {
    const { cursor } = subscriber.feed;
    if (cursor === undefined) return;
    const { epoch: log, seq, generation } = cursor;
    notes.push({ t: this.#init.clock.now(), type: 'cursor', epoch: logOf(this.#init.history, log, generation), seq });
  }

  /** Looks now and then at how far the log is said to be, while nothing is in the way of knowing it. */
  #watch(subscriber: Subscriber, notes: Note[]): void {
    const { clock, history } = this.#init;
    let since = Number.POSITIVE_INFINITY;
    let last = clock.now();
    const look = (): void => {
      clock.setTimer(look, lookEvery);
      const now = clock.now();
      const late = now - last > lookEvery;
      last = now;
      const { position, state } = subscriber;
      const follows = position !== undefined && (state === 'Live' || state === 'Paused');
      if (late || !follows || this.#link?.healthy !== true) since = Number.POSITIVE_INFINITY;
      else if (since > now) since = now;
      if (position === undefined || now - since < 1500) return;
      const { epoch, seq, generation } = position;
      notes.push({ t: now, type: 'lag', epoch: logOf(history, epoch, generation), seq, head: subscriber.head });
    };
    clock.setTimer(look, lookEvery);
  }

  /** ms more for each frame, on this link and those to come. */
  slow(ms: number): void {
    this.#slow = ms;
    if (this.#link !== undefined) this.#link.slow = ms;
  }

  silence(within: number, until: number): void {
    const { clock } = this.#init;
    if (this.#link?.open !== true) return;
    this.#link.silence(until);
    for (const { subscriber, notes } of this.subscribers) {
      if (subscriber.sub !== 0) notes.push({ t: clock.now(), type: 'silent', within });
    }
  }

  /** From here on the application reads everything at once, and wants it. */
  hurry(): void {
    this.slow(0);
    for (const entry of this.subscribers) {
      entry.reading = { every: 0, count: 0 };
      entry.subscriber.dispatch('resume', undefined);
      entry.subscriber.feed.onReadable?.();
    }
  }

  resting({ epoch, seq, generation }: Position): boolean {
    return this.subscribers.every(
      ({ subscriber }) =>
        subscriber.over ||
        (subscriber.state === 'Live' &&
          subscriber.position?.epoch === epoch &&
          subscriber.position.seq === seq &&
          subscriber.position.generation === generation &&
          subscriber.feed.idle),
    );
  }

  noteRest(): void {
    for (const { subscriber, notes } of this.subscribers) {
      const { epoch: log = '', seq = -1, generation } = subscriber.position ?? {};
      const epoch = logOf(this.#init.history, log, generation);
      const replica = replicaEntries(subscriber.replica.entries());
      notes.push({ t: this.#init.clock.now(), type: 'rest', state: subscriber.state, epoch, seq, replica });
    }
  }
}
