/**
 * What a server has beside its handlers where its services declare topics: the hub, the handlers of topic methods, which
 * nobody writes, and the service that subscribers connect to. Nothing of it exists in a server without topics.
 */
import { Subscriptions } from '../../gen/hawser/subscription/v1/subscription.rpc.js';
import {
  Subscriptions as PollSubscriptions,
  type SubscriptionsCloseArgs,
  type SubscriptionsCommitArgs,
  type SubscriptionsOpenArgs,
  type SubscriptionsPollArgs,
} from '../../gen/hawser.js';
import type { Call } from '../call/call.js';
import { type Clock, systemClock } from '../call/clock.js';
import type { Handler } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import type { Codec } from '../contract/codec.js';
import { bidi, type MethodType, type TopicMethod } from '../contract/method.js';
import { flag, group, having, oneOf } from '../contract/option-kinds.js';
import { knownOptions, shown } from '../contract/option-names.js';
import { defineService, type ServiceType } from '../contract/service.js';
import type { Authorize as AuthorizeCall } from '../interceptors/authorize.js';
import { permission } from '../interceptors/permission.js';
import type { ServerEventHub } from '../interceptors/server-events.js';
import { memoryTopics } from '../stores/memory/topic-store.js';
import { Hub } from '../subscription/hub/hub.js';
import type { Authorize } from '../subscription/hub/hub-context.js';
import type { HubLimits } from '../subscription/hub/limits.js';
import { declarationOf, type Merge } from '../subscription/topic-method.js';
import { topicName } from '../subscription/topic-name.js';
import type { TopicStores } from '../subscription/topic-store.js';
import { serveFrames } from './frame-stream.js';
import { plainSnapshot, plainStream } from './plain-topic.js';
import { type PollLimits, PollService, pollLimits } from './poll-service.js';
import { type ServerTopic, TopicHandle } from './topic-handle.js';

export interface TopicOptions {
  /**
   * Where the logs of topics are kept; by default in the server's `store` if that is `sqliteStore(path)`, else in this
   * process, so that each start begins new ones. A topic of durability NONE is always kept in this process.
   */
  readonly store?: TopicStores;
  /** Whether clients may publish, where `authorize` allows it; false by default. */
  readonly clientsPublish?: boolean;
  /**
   * An update that does not decode, as an older log may hold it, where this server has to decode it: for a plain call of the method,
   * and to merge updates. `stop` (the default) ends the reader that meets it; `skip` leaves it out, and tells of it by the event
   * `topicMalformed`, in the log and in a metric. Subscribers get its bytes in either case, and say themselves what they do.
   */
  readonly onMalformed?: 'stop' | 'skip';
  readonly limits?: Partial<HubLimits>;
  /** Of those who follow by long poll over Thrift. */
  readonly polls?: Partial<PollLimits>;
}

/** Limits are checked by their names where they are read. */
export const checkTopicOptions = knownOptions<TopicOptions>({
  store: having('topic', 'close'),
  clientsPublish: flag,
  onMalformed: oneOf('stop', 'skip'),
  limits: group(limitsGiven),
  polls: group(limitsGiven),
});

function limitsGiven(given: unknown, where: string): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return;
  throw new TypeError(`${where} is ${shown(given)}; it is an object of limits, by their names`);
}

export interface TopicsContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: ServerEventHub;
  readonly authorize: AuthorizeCall | undefined;
  /** Of the server's own store. */
  readonly store: TopicStores | undefined;
}

/** Frames stay bytes: the hub reads and writes them itself. */
const frames: Codec<Uint8Array> = {
  typeName: 'hawser.subscription.v1.Frame',
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
  toJSON: (bytes) => Buffer.from(bytes).toString('base64'),
  fromJSON: (json) => Buffer.from(String(json), 'base64'),
};

const subscriptionService = defineService({
  name: Subscriptions.name,
  idl: 'proto',
  fingerprint: Subscriptions.fingerprint,
  descriptors: () => Subscriptions.descriptors(),
  methods: { connect: bidi<Uint8Array, Uint8Array>({ name: 'Connect', request: frames, response: frames }) },
});

/** A topic as a Thrift call knows it, which has no streams: it returns the list of what the topic holds. */
export function withoutStreams(method: MethodType): MethodType {
  const { snapshot } = method.response as { readonly snapshot?: Codec<unknown> };
  return snapshot === undefined ? method : { ...method, kind: 'unary', response: snapshot };
}

export class ServerTopics {
  readonly #options: TopicOptions;
  readonly #pollLimits: PollLimits;
  readonly #context: TopicsContext;
  readonly #merges = new Map<string, Merge>();
  readonly #declared = new Map<string, MethodType>();
  #hub: Hub | undefined;

  constructor(options: TopicOptions | undefined, context: TopicsContext) {
    this.#options = options ?? {};
    this.#pollLimits = pollLimits(options?.polls);
    this.#context = context;
  }

  /** The handle of a topic; `request` are its parameters. Throws a TypeError for a method that declares none. */
  topic<Req, Update, Init>(method: TopicMethod<Req, Update, Init>, request: Init | undefined): ServerTopic<Update> {
    const type = method as unknown as MethodType;
    if (type?.policy?.topic === undefined) {
      throw new TypeError(
        `server.topic takes a method that declares a topic; ${type?.path ?? String(method)} declares none`,
      );
    }
    const name = topicName(type, (request ?? {}) as object);
    return new TopicHandle<Update>(name, type, {
      hub: () => this.#use(type),
      setMerge: (merge) => {
        if (this.#declared.has(type.path))
          throw new Error(`the topic of ${type.path} is in use; call mergeWith before`);
        this.#merges.set(type.path, merge);
      },
    });
  }

  /** Of a service: a handler for each topic method, over what it is called by. */
  handlers(service: ServiceType): Map<string, Handler> {
    const handlers = new Map<string, Handler>();
    for (const method of service.topics) {
      handlers.set(method.localName, async (call) => {
        call.handlerStarted = true;
        const hub = this.#use(method);
        const authorize = this.#authorizeFor(call);
        return call.method.kind === 'unary'
          ? plainSnapshot(hub, call, method, authorize)
          : plainStream(hub, call, authorize);
      });
    }
    return handlers;
  }

  /**
   * The services that subscribers connect to and poll, where any of `services` has a topic. Throws a TypeError for one that the
   * store cannot keep as it is declared.
   */
  service(services: Iterable<ServiceType>): [ServiceType, Map<string, Handler>][] {
    let any = false;
    for (const { topics } of services) {
      for (const method of topics) {
        this.#use(method);
        any = true;
      }
    }
    if (!any) return [];
    const connect: Handler = async (call) => {
      call.handlerStarted = true;
      return serveFrames(call, this.#authorizeFor(call), (connection) => this.#hubOrNew().connect(connection));
    };
    return [
      [subscriptionService, new Map([['connect', connect]])],
      [PollSubscriptions, this.#pollHandlers()],
    ];
  }

  #pollHandlers(): Map<string, Handler> {
    const { clock } = this.#context;
    const polls = new PollService(
      () => this.#hubOrNew(),
      clock,
      this.#pollLimits,
      (call) => this.#authorizeFor(call),
    );
    const handler =
      (handle: (request: never, call: Call) => Promise<unknown>): Handler =>
      (call) => {
        call.handlerStarted = true;
        return handle(call.request as never, call);
      };
    return new Map([
      ['open', handler(({ request }: SubscriptionsOpenArgs, call) => polls.open(request, call))],
      [
        'poll',
        handler(({ session, max, waitMs }: SubscriptionsPollArgs, call) => polls.poll(session, max, waitMs, call)),
      ],
      [
        'commit',
        handler(({ session, position }: SubscriptionsCommitArgs, call) => polls.commit(session, position, call)),
      ],
      ['close', handler(({ session }: SubscriptionsCloseArgs, call) => polls.close(session, call))],
    ]);
  }

  /** Tells the subscribers to come back later, and ends their streams. */
  async sendAway(graceMs: number): Promise<void> {
    await this.#hub?.sendAway(graceMs);
  }

  /** After the last handler that may publish. */
  async close(): Promise<void> {
    await this.#hub?.close(0);
  }

  #use(method: MethodType): Hub {
    const hub = this.#hubOrNew();
    const known = this.#declared.get(method.path);
    if (known === undefined) {
      hub.declare(declarationOf(method, this.#merges.get(method.path)));
      this.#declared.set(method.path, method);
    } else if (known.service.idl !== method.service.idl) {
      throw new TypeError(
        `${method.path} is a topic in two IDLs, and one log holds updates in one encoding; serve one of them here, or give one another name`,
      );
    }
    return hub;
  }

  #hubOrNew(): Hub {
    const { clock, logger, events } = this.#context;
    const { store, limits, onMalformed } = this.#options;
    this.#hub ??= new Hub({
      stores: store ?? this.#context.store ?? memoryTopics(clock),
      clock,
      logger,
      onFault: (fault) => events.emit('topicFault', fault),
      ...(onMalformed === 'skip' ? { onMalformed: (update) => events.emit('topicMalformed', update) } : {}),
      // In virtual time nothing happens between two timers that is none.
      ...(clock === systemClock ? {} : { defer: (fn: () => void) => void clock.setTimer(fn, 0) }),
      ...(limits === undefined ? {} : { limits }),
    });
    return this.#hub;
  }

  /** See `Hub.reauthorize`. */
  async reauthorize(principal: string | undefined): Promise<void> {
    await this.#hub?.reauthorize(principal);
  }

  /** The server's hook, asked what may be done with a topic and its keys; clients publish only where that is switched on. */
  #authorizeFor(call: Call): Authorize | undefined {
    const { authorize: hook } = this.#context;
    const { clientsPublish = false } = this.#options;
    if (hook === undefined && !clientsPublish) return undefined;
    return async (request) => {
      if (request.action === 'publish' && !clientsPublish) {
        throw ownError('MAY_NOT_PUBLISH', `clients may not publish to ${request.topic}`, {
          disposition: 'not-executed',
        });
      }
      return hook === undefined ? 'all' : permission(hook, call, this.#context, request);
    };
  }
}
