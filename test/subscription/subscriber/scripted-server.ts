/** A server of a few lines that says what a test wants it to say, to a session on virtual time. */
import {
  type ClientItem,
  Mode,
  type Outcome,
  type ServerItem,
  type Update,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { EventHub } from '../../../src/call/events.js';
import type { RpcError } from '../../../src/call/rpc-error.js';
import type { TopicPolicy } from '../../../src/contract/policy.js';
import { type SubscriptionEvents, subscriptionEventNames } from '../../../src/subscription/subscriber/events.js';
import { type SubscribeOptions, specOf } from '../../../src/subscription/subscriber/options.js';
import { Session } from '../../../src/subscription/subscriber/session.js';
import { Subscriber } from '../../../src/subscription/subscriber/subscriber.js';
import type { WireEnd } from '../../../src/subscription/subscriber/wire.js';
import { seededRandom } from '../../../src/testing/random.js';
import { SimClock } from '../sim/sim-clock.js';

type Said = NonNullable<ServerItem['item']>;
type Heard = NonNullable<ClientItem['item']>;

export const epoch = Buffer.alloc(16, 7);
export const otherEpoch = Buffer.alloc(16, 9);
const effective = { minIntervalMs: 0, maxBps: 0, conflate: undefined };

/** `value`: null for a tombstone. */
export function update(seq: number, key = '', value: string | null = `v${seq}`): Update {
  const bytes = Buffer.from(value ?? '');
  return { seq, key, value: bytes, tombstone: value === null, mergedCount: 0, time: 0, expires: 0, groupTo: 0 };
}

export class ScriptedServer {
  readonly clock = new SimClock();
  readonly session: Session;
  /** Everything the client said on the connection of now. */
  heard: Heard[] = [];
  #end: WireEnd | undefined;

  constructor(seed = 1) {
    this.session = new Session({
      clock: this.clock,
      random: seededRandom(seed),
      clientId: 'test',
      backoff: { initial: 100, max: 1000 },
      answerTimeout: 5000,
      heartbeat: 0,
      maxFrameBytes: 0,
      open: (end) => {
        this.#end = end;
        this.heard = [];
        return {
          wake: () => {
            for (let frame = end.take(); frame !== undefined; frame = end.take()) {
              for (const { item } of frame.items) if (item !== undefined) this.heard.push(item);
            }
          },
          close: () => {
            if (this.#end === end) this.#end = undefined;
          },
        };
      },
    });
  }

  get connected(): boolean {
    return this.#end !== undefined;
  }

  subscribe(options: SubscribeOptions = {}, policy: TopicPolicy = { key: 'k', mode: 'LATEST' }): Scripted {
    const events = new EventHub<SubscriptionEvents>('test', subscriptionEventNames, (error) => {
      throw error;
    });
    const told: string[] = [];
    for (const name of subscriptionEventNames) {
      if (name !== 'state' && name !== 'consistent') events.on(name, () => told.push(name));
    }
    const subscriber = new Subscriber(
      specOf('t.S/Topic', policy, 'all', options),
      this.session,
      events,
      undefined,
      options.trace,
    );
    this.session.add(subscriber);
    return { subscriber, events, told };
  }

  say(...said: readonly Said[]): void {
    this.#end?.received({ items: said.map((item) => ({ item })) });
  }

  welcome(heartbeatMs = 1000, slackMs = 500): void {
    this.say({
      $case: 'welcome',
      value: { version: 1, serverId: 's', heartbeatMs, slackMs, maxFrameBytes: 0, maxSubscriptions: 0, serverTime: 0 },
    });
  }

  /** Answers the newest Subscribe. */
  accept(outcome: number, from: number, head = from, mode: Mode = Mode.LATEST, keyed = true): void {
    const ref = this.sub + 100;
    const value = {
      sub: this.sub,
      ref,
      epoch,
      head,
      outcome: outcome as Outcome,
      from,
      effective: { ...effective, mode },
      keyed,
    };
    this.say({ $case: 'subscribed', value });
  }

  snapshot(
    at: number,
    consistentAt: number,
    entries: readonly Update[],
    checksum: number,
    count = entries.length,
  ): void {
    const { sub } = this;
    this.say(
      { $case: 'snapshotBegin', value: { sub, ref: sub + 100, epoch, at, estimatedEntries: 0 } },
      { $case: 'snapshotChunk', value: { sub, n: 0, entries: [...entries] } },
      { $case: 'snapshotEnd', value: { sub, at, consistentAt, count, checksum } },
    );
  }

  batch(from: number, to: number, updates: readonly Update[], ref = this.sub + 100): void {
    this.say({ $case: 'batch', value: { ref, from, to, updates: [...updates] } });
  }

  hangUp(error?: RpcError): void {
    const end = this.#end;
    this.#end = undefined;
    end?.lost(error);
  }

  /** The newest Subscribe that was heard. */
  get asked(): Extract<Heard, { $case: 'subscribe' }>['value'] {
    const asked = this.heard.findLast((one) => one.$case === 'subscribe');
    if (asked === undefined) throw new Error('nobody has subscribed');
    return asked.value;
  }

  get sub(): number {
    return this.asked.sub;
  }
}

export interface Scripted {
  readonly subscriber: Subscriber;
  readonly events: EventHub<SubscriptionEvents>;
  readonly told: string[];
}
