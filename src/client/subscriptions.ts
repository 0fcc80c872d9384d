/** All subscriptions of one client: they share a connection, made when the first of them is. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../call/clock.js';
import { EventHub } from '../call/events.js';
import type { Logger } from '../call/logger.js';
import type { Random } from '../call/random.js';
import { type Duration, duration } from '../contract/duration.js';
import type { MethodType } from '../contract/method.js';
import { group, text } from '../contract/option-kinds.js';
import { knownOptions, shown } from '../contract/option-names.js';
import { type Cursors, exportCursors, heldBy, ImportedCursors, viewIn } from '../subscription/subscriber/cursors.js';
import {
  type MalformedUpdate,
  type SubscriptionEvents,
  subscriptionEventNames,
} from '../subscription/subscriber/events.js';
import { undecodable } from '../subscription/subscriber/failures.js';
import { type SubscribeOptions, specOf } from '../subscription/subscriber/options.js';
import { Session, type SessionInit } from '../subscription/subscriber/session.js';
import { Subscriber } from '../subscription/subscriber/subscriber.js';
import { OpenSubscription, type Subscription } from '../subscription/subscriber/subscription.js';
import { topicName } from '../subscription/topic-name.js';
import { openCallWire } from './call-wire.js';
import type { Bound } from './invoke.js';
import { openPollWire, type Polls } from './poll-wire.js';

/** How a client's subscriptions are connected. */
export interface SubscriptionOptions {
  /** The same for one installation of a program, for logs. Random by default. */
  readonly clientId?: string;
  /** How often the server is asked to speak at least, ms or `"5s"`; as it likes by default. */
  readonly heartbeat?: Duration;
  /** How long the server may take to answer a new connection; 10 s by default. */
  readonly answerTimeout?: Duration;
  /** The window that the wait before a new connection is drawn from: first, and at most. 100 ms and 20 s by default. */
  readonly backoff?: { readonly initial?: Duration; readonly max?: Duration };
}

type Backoff = NonNullable<SubscriptionOptions['backoff']>;

export const checkSubscriptionOptions = knownOptions<SubscriptionOptions>({
  clientId: text,
  heartbeat: true,
  answerTimeout: true,
  backoff: group(knownOptions<Backoff>({ initial: true, max: true })),
});

export interface SubscriptionsInit {
  readonly connect: () => Bound;
  /**
   * Where the wire has no streams: what makes a client of the service that is polled, over connections of its own. Throws an
   * RpcError where there is no polling either.
   */
  readonly polls: () => (() => Polls) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Is told of each update that is left out because it does not decode. */
  readonly malformed: (method: MethodType, update: MalformedUpdate) => void;
  readonly options: SubscriptionOptions;
}

export class ClientSubscriptions {
  readonly #init: SubscriptionsInit;
  #imported: ImportedCursors | undefined;
  readonly #sessionInit: SessionInit;
  /** Made for the first subscription: most clients have none. */
  #session: Session | undefined;
  #closed = false;
  /** Known from the first subscription on. */
  #polls: { readonly open: (() => Polls) | undefined } | undefined;

  /** Throws a TypeError or RangeError for an option that cannot be meant. */
  constructor(init: SubscriptionsInit) {
    this.#init = init;
    const { clock, random, connect, options } = init;
    const initial = duration(options.backoff?.initial, 'subscriptions.backoff.initial') ?? 100;
    let bound: Bound | undefined;
    this.#sessionInit = {
      clock,
      random,
      clientId: options.clientId ?? randomUUID(),
      backoff: { initial, max: duration(options.backoff?.max, 'subscriptions.backoff.max') ?? 20_000 },
      answerTimeout: duration(options.answerTimeout, 'subscriptions.answerTimeout') ?? 10_000,
      heartbeat: Math.ceil(duration(options.heartbeat, 'subscriptions.heartbeat') ?? 0),
      maxFrameBytes: 0,
      open: (end) => {
        const polls = this.#polls?.open;
        if (polls !== undefined) return openPollWire(polls(), end, clock);
        bound ??= connect();
        return openCallWire(bound, end);
      },
    };
  }

  /** Throws a TypeError or RangeError for a request or an option that cannot be meant, an RpcError where none can be had. */
  subscribe(method: MethodType, request: object, options: SubscribeOptions): Subscription<unknown> {
    if (typeof request !== 'object' || request === null) {
      throw new TypeError(
        `the request of ${method.path} is ${shown(request)}; it is an object of its parameters and keys`,
      );
    }
    const { keys = 'all', ...parameters } = request as { readonly keys?: Iterable<string> | 'all' };
    if (keys !== 'all' && (typeof keys !== 'object' || keys === null || !(Symbol.iterator in keys))) {
      throw new TypeError(
        `keys is ${shown(keys)}; it is a list of the keys of ${method.path} that are wanted, or 'all'`,
      );
    }
    const topic = topicName(method, parameters);
    const policy = method.policy.topic ?? {};
    this.#polls ??= { open: this.#init.polls() };
    const polled = this.#polls.open !== undefined;
    const given = specOf(topic, policy, keysIn(method, keys), options);
    if (polled) checkPolled(topic, options);
    // What a poll answers does not say how updates come, so it is asked for as it is declared.
    const spec = polled ? { ...given, mode: given.mode ?? policy.mode } : given;
    const cursor = options.from === undefined ? this.#imported?.take(topic, spec.keys, spec.durableName) : undefined;
    const session = this.#opened();
    const events = new EventHub<SubscriptionEvents>('hawser:subscription', subscriptionEventNames, (error, name) =>
      this.#init.logger.error({ err: error, topic }, `a listener of the event ${name} failed`),
    );
    const subscriber = new Subscriber(
      cursor === undefined
        ? spec
        : { ...spec, start: { kind: 'resume', position: cursor.position, view: viewIn(cursor) } },
      session,
      events,
      cursor && heldBy(cursor),
      options.trace,
    );
    const encoding = method.service.idl === 'proto' ? 'proto' : 'binary';
    const subscription = new OpenSubscription<unknown>({
      subscriber,
      events,
      fixed: polled,
      skipped: options.onMalformed === 'skip' ? (update) => this.#skipped(method, events, update) : undefined,
      decode: (key, seq, value) => {
        try {
          return method.response.decode(value, encoding);
        } catch (error) {
          throw undecodable(topic, key, seq, method.response.typeName, error);
        }
      },
    });
    follow(options.signal, subscription);
    if (!subscriber.over) session.add(subscriber);
    return subscription;
  }

  /** Never throws: a listener that fails is logged by the hub that called it. */
  #skipped(method: MethodType, events: EventHub<SubscriptionEvents>, update: MalformedUpdate): void {
    const { topic, key, seq, error } = update;
    this.#init.logger.error({ err: error, topic, key, seq }, 'an update that does not decode was skipped');
    events.emit('malformed', update);
    this.#init.malformed(method, update);
  }

  #opened(): Session {
    if (this.#session === undefined) {
      this.#session = new Session(this.#sessionInit);
      if (this.#closed) void this.#session.close();
    }
    return this.#session;
  }

  export(): Cursors {
    return exportCursors(this.#session?.subscribers ?? []);
  }

  /** Throws a TypeError for what was not exported. */
  import(cursors: Cursors): void {
    this.#imported ??= new ImportedCursors();
    this.#imported.add(cursors);
  }

  /** Resolves once the server has what was committed, or had its time for it; undefined where there is nothing to wait for. */
  close(): Promise<void> | undefined {
    this.#closed = true;
    return this.#session?.close();
  }
}

/** A topic without keys has none to choose from, and a request that has no keys of it means nothing by that. */
function keysIn(method: MethodType, keys: Iterable<string> | 'all'): readonly string[] | 'all' {
  if (typeof keys === 'string') return 'all';
  const named = [...keys];
  return named.length === 0 && method.topicKey === undefined ? 'all' : named;
}

/** Throws a TypeError for what only a stream can be asked for. */
function checkPolled(topic: string, options: SubscribeOptions): void {
  for (const name of ['conflate', 'overflow', 'minInterval', 'maxBps', 'priority'] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(
      `${name} cannot be asked of ${topic} over Thrift, where a subscription is polled; leave it out, or subscribe over gRPC`,
    );
  }
}

function follow(signal: AbortSignal | undefined, subscription: Subscription<unknown>): void {
  if (signal === undefined) return;
  const end = (): void => subscription.unsubscribe();
  if (signal.aborted) end();
  else {
    signal.addEventListener('abort', end, { once: true });
    subscription.on('end', () => signal.removeEventListener('abort', end));
  }
}
