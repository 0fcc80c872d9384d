/** All subscriptions of one client: they share a connection, made when the first of them is. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../call/clock.js';
import { EventHub } from '../call/events.js';
import type { Logger } from '../call/logger.js';
import type { Random } from '../call/random.js';
import { type Duration, duration } from '../contract/duration.js';
import type { MethodType } from '../contract/method.js';
import { type Cursors, exportCursors, heldBy, ImportedCursors } from '../subscription/subscriber/cursors.js';
import { type SubscriptionEvents, subscriptionEventNames } from '../subscription/subscriber/events.js';
import { undecodable } from '../subscription/subscriber/failures.js';
import { type SubscribeOptions, specOf } from '../subscription/subscriber/options.js';
import { Session } from '../subscription/subscriber/session.js';
import { Subscriber } from '../subscription/subscriber/subscriber.js';
import { OpenSubscription, type Subscription } from '../subscription/subscriber/subscription.js';
import { topicName } from '../subscription/topic-name.js';
import { openCallWire } from './call-wire.js';
import type { Bound } from './invoke.js';

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

export interface SubscriptionsInit {
  readonly connect: () => Bound;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: SubscriptionOptions;
}

export class ClientSubscriptions {
  readonly #init: SubscriptionsInit;
  readonly #imported = new ImportedCursors();
  readonly #session: Session;

  /** Throws a TypeError or RangeError for an option that cannot be meant. */
  constructor(init: SubscriptionsInit) {
    this.#init = init;
    const { clock, random, connect, options } = init;
    const initial = duration(options.backoff?.initial, 'subscriptions.backoff.initial') ?? 100;
    let bound: Bound | undefined;
    this.#session = new Session({
      clock,
      random,
      clientId: options.clientId ?? randomUUID(),
      backoff: { initial, max: duration(options.backoff?.max, 'subscriptions.backoff.max') ?? 20_000 },
      answerTimeout: duration(options.answerTimeout, 'subscriptions.answerTimeout') ?? 10_000,
      heartbeat: Math.ceil(duration(options.heartbeat, 'subscriptions.heartbeat') ?? 0),
      maxFrameBytes: 0,
      open: (end) => {
        bound ??= connect();
        return openCallWire(bound, end);
      },
    });
  }

  /** Throws a TypeError or RangeError for a request or an option that cannot be meant. */
  subscribe(method: MethodType, request: object, options: SubscribeOptions): Subscription<unknown> {
    const { keys = [], ...parameters } = request as { readonly keys?: Iterable<string> };
    const topic = topicName(method, parameters);
    const spec = specOf(topic, method.policy.topic ?? {}, [...keys], options);
    const cursor = options.from === undefined ? this.#imported.take(topic, spec.keys, spec.durableName) : undefined;
    const events = new EventHub<SubscriptionEvents>('hawser:subscription', subscriptionEventNames, (error, name) =>
      this.#init.logger.error({ err: error, topic }, `a listener of the event ${name} failed`),
    );
    const subscriber = new Subscriber(
      cursor === undefined ? spec : { ...spec, start: { kind: 'resume', position: cursor.position } },
      this.#session,
      events,
      cursor && heldBy(cursor),
      options.trace,
    );
    const encoding = method.service.idl === 'proto' ? 'proto' : 'binary';
    const subscription = new OpenSubscription<unknown>({
      subscriber,
      events,
      decode: (key, seq, value) => {
        try {
          return method.response.decode(value, encoding);
        } catch (error) {
          throw undecodable(topic, key, seq, method.response.typeName, error);
        }
      },
    });
    follow(options.signal, subscription);
    if (!subscriber.over) this.#session.add(subscriber);
    return subscription;
  }

  export(): Cursors {
    return exportCursors(this.#session.subscribers);
  }

  /** Throws a TypeError for what was not exported. */
  import(cursors: Cursors): void {
    this.#imported.add(cursors);
  }

  close(): void {
    this.#session.close();
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
