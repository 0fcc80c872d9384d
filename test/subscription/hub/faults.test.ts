/**
 * The barrier around each subscription: whatever throws while one is served, at whichever step, ends that one with a reason. The
 * others go on, nothing leaves the turn that serves them, and each fault is counted.
 */
import { describe, expect, it } from 'vitest';
import { ClientFrame, type Mode, ServerFrame, Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Logger } from '../../../src/call/logger.js';
import type { RpcError } from '../../../src/call/rpc-error.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import type { Connection, Session } from '../../../src/subscription/connection.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import { Subscription } from '../../../src/subscription/hub/subscription.js';
import { Topic } from '../../../src/subscription/hub/topic.js';
import type { LogUpdate, TopicStore, TopicStores } from '../../../src/subscription/topic-store.js';
import { declaration, HubClient, type Item, subscription } from '../../support/hub-client.js';
import { SimClock } from '../sim/sim-clock.js';

const sick = 'test.Sick/Watch';
const well = 'test.Well/Watch';

/** Counts the steps that it is asked about, and throws at one of them. */
class Injector {
  count = 0;
  at = Number.POSITIVE_INFINITY;
  readonly names: string[] = [];

  step(name: string): void {
    this.count += 1;
    this.names.push(name);
    if (this.count === this.at) throw new Error(`injected at step ${this.at}, ${name}`);
  }
}

/** Every call of a method, and where `fields` is set every look at a property, is a step. */
function hurt<T extends object>(target: T, name: string, injector: Injector, fields = false, later = false): T {
  return new Proxy(target, {
    get: (of, property) => {
      const value: unknown = Reflect.get(of, property, of);
      if (typeof value !== 'function') {
        if (fields) injector.step(`${name}.${String(property)}`);
        return value;
      }
      return (...args: unknown[]) => {
        const answer = (): unknown => {
          injector.step(`${name}.${String(property)}`);
          return value.apply(of, args);
        };
        const asked = ['read', 'scan', 'changesSince', 'get', 'before'].includes(String(property));
        return later && asked ? Promise.resolve().then(answer) : answer();
      };
    },
    // The hub keeps the encoding of an update on it.
    set: (of, property, value) => Reflect.set(of, property, value, of),
  });
}

/** Updates whose fields throw, so that whatever encodes, picks or merges them is a step. */
function hurtUpdates(store: TopicStore, injector: Injector): TopicStore {
  const known = new WeakMap<LogUpdate, LogUpdate>();
  const hurtOne = (update: LogUpdate): LogUpdate => {
    const before = known.get(update) ?? hurt(update, 'update', injector, true);
    known.set(update, before);
    return before;
  };
  const page = <P extends { readonly updates: readonly LogUpdate[] } | undefined>(one: P): P =>
    one === undefined ? one : { ...one, updates: one.updates.map(hurtOne) };
  const memory = store as { [K in keyof TopicStore]: TopicStore[K] } & {
    read(...args: Parameters<TopicStore['read']>): ReturnType<TopicStore['read']>;
  };
  return {
    durability: memory.durability,
    open: () => memory.open(),
    state: () => memory.state(),
    append: (group) => memory.append(group),
    read: (...args) => page(memory.read(...args) as never),
    scan: (...args) => page(memory.scan(...args) as never),
    changesSince: (...args) => page(memory.changesSince(...args) as never),
    get: (keys) => (memory.get(keys) as readonly LogUpdate[]).map(hurtOne),
    before: (time) => memory.before(time),
    trim: () => memory.trim(),
    now: () => memory.now(),
    expiresIn: () => memory.expiresIn(),
    onVisible: (fn) => memory.onVisible(fn),
    onRewound: (fn) => memory.onRewound(fn),
    close: () => memory.close(),
  };
}

/** A client whose connection is a step, and which keeps what comes. */
class SickClient implements Connection {
  readonly peer = 'sick';
  readonly principal = 'sick';
  readonly items: Item[] = [];
  writable = true;
  closed = false;
  reason: RpcError | undefined;
  session!: Session;
  drain = (): void => {};

  send(frame: Uint8Array): void {
    for (const { item } of ServerFrame.decode(frame).items) if (item !== undefined) this.items.push(item);
  }

  onDrain(fn: () => void): void {
    this.drain = fn;
  }

  close(reason?: RpcError): void {
    this.closed = true;
    this.reason = reason;
  }

  /** It was told how it ended: by item, or by the end of the connection. */
  get ended(): boolean {
    return this.closed || this.items.some(({ $case }) => $case === 'unsubscribed' || $case === 'error');
  }
}

interface Kind {
  readonly mode: Mode;
  readonly keys: readonly string[];
  readonly start?: Start_Kind;
  readonly credit?: number;
  readonly later?: boolean;
}

const kinds: Readonly<Record<string, Kind>> = {
  'every update': { mode: 1, keys: [] },
  'every update of some keys': { mode: 1, keys: ['cod'] },
  'the newest, a few at a time': { mode: 2, keys: [], credit: 1 },
  'the newest of some keys': { mode: 2, keys: ['cod', 'eel'], credit: 2 },
  'merged updates': { mode: 3, keys: [], credit: 1 },
  'the log from its start': { mode: 1, keys: [], start: Start_Kind.FROM_SEQ },
  'the log from a time, out of a store that answers later': {
    mode: 1,
    keys: [],
    start: Start_Kind.FROM_TIME,
    later: true,
  },
  'a snapshot out of a store that answers later': { mode: 2, keys: [], credit: 2, later: true },
};

/** One run of everything that a subscription goes through, with a fault at step `at`; answers how many steps there were. */
async function run(kind: Kind, at: number): Promise<Injector> {
  const clock = new SimClock();
  const injector = new Injector();
  const memory = memoryTopics(clock);
  const stores: TopicStores = {
    durability: 'NONE',
    topic: (spec) => {
      const store = memory.topic(spec);
      return spec.name === sick ? hurt(hurtUpdates(store, injector), 'store', injector, false, kind.later) : store;
    },
    close: () => {},
  };
  let counted = 0;
  const logger = { error: () => injector.step('logger') } as unknown as Logger;
  const hub = new Hub({
    stores,
    clock,
    logger,
    defer: (fn) => void clock.setTimer(fn, 0),
    limits: { frameBytes: 200, heartbeatMs: 1000 },
    onFault: () => {
      counted += 1;
      injector.step('listener');
    },
    authorize: ({ topic }) => {
      if (topic === sick) injector.step('authorize');
    },
  });
  const merge = (values: readonly Uint8Array[]): Uint8Array => {
    injector.step('merge');
    return values.at(-1) as Uint8Array;
  };
  hub.declare(declaration(sick, { merge, takes: () => true }));
  hub.declare(declaration(well));
  const text = (key: string, n: number) => ({ key, value: Buffer.from(`${key}=${n}`), ttl: 0 });
  const publish = (topic: string, key: string, n: number): void => {
    try {
      void hub.publish(topic, [text(key, n)]);
    } catch {
      // The publisher of the sick topic is told; nobody else is.
    }
  };
  const go = async (ms: number): Promise<void> => {
    const steps = kind.later === true ? 10 : 1;
    for (let n = 0; n < steps; n++) {
      await clock.runTo(clock.now() + ms / steps);
      if (steps > 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const bystander = new HubClient(hub);
  const view = bystander.subscribe(1, well);
  const client = new SickClient();
  const connection = hurt<Connection>(client, 'connection', injector, true);
  const say = (...items: NonNullable<ClientFrame['items'][number]['item']>[]): void =>
    client.session.receive(ClientFrame.encode({ items: items.map((item) => ({ item })) }));
  try {
    publish(sick, 'cod', 0);
    injector.at = at;
    injector.count = 0;
    client.session = hub.connect(connection);
    const start = { kind: kind.start ?? Start_Kind.UNSPECIFIED, epoch: new Uint8Array(), seq: 1, time: 1, count: 0 };
    const { mode, keys, credit } = kind;
    say(
      { $case: 'hello', value: { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined } },
      {
        $case: 'subscribe',
        value: subscription(1, sick, {
          mode,
          keys: [...keys],
          start,
          ...(credit === undefined ? {} : { credit: { updates: credit, bytes: 0 } }),
        }),
      },
    );
  } catch (error) {
    // Only what belongs to whoever connects: the carrier ends the call.
    expect(String(error)).toContain('connection.');
    return injector;
  }
  for (let n = 1; n <= 12; n++) {
    publish(sick, ['cod', 'eel', 'ray'][n % 3] as string, n);
    publish(well, 'cod', n);
    client.writable = n % 5 !== 0;
    if (client.writable) client.drain();
    if (credited(kind, n)) say({ $case: 'credit', value: { sub: 1, limits: { updates: n * 2, bytes: 0 } } });
    await go(300);
  }
  client.writable = true;
  client.drain();
  say({ $case: 'amend', value: { sub: 1, keysAdd: ['ray'], keysRemove: [], conflate: undefined } });
  if (credited(kind, 0)) say({ $case: 'credit', value: { sub: 1, limits: { updates: 1000, bytes: 0 } } });
  await go(3000);
  expect(view.values(), 'the other subscriber is served').toEqual({ cod: 'cod=12' });
  expect(view.ended).toBeUndefined();
  const thrown = injector.count >= at;
  if (thrown && !client.ended) {
    // It had no effect on the subscription, or the client has everything all the same.
    const seqs = client.items.flatMap((one) => {
      if (one.$case === 'batch') return [one.value.to];
      return one.$case === 'snapshotEnd' ? [one.value.at] : [];
    });
    expect(Math.max(0, ...seqs), injector.names[at - 1]).toBe(hub.topic(sick).head);
  }
  if (client.ended && injector.names[at - 1] !== 'authorize') expect(hub.faults.count).toBeGreaterThan(0);
  expect(hub.faults.count).toBe(counted);
  return injector;
}

function credited({ credit }: Kind, n: number): boolean {
  return credit !== undefined && n % 2 === 0;
}

describe.each(Object.entries(kinds))('one who gets %s', (_, kind) => {
  it('ends alone, with a reason and counted, whichever step throws', async () => {
    const { count } = await run(kind, Number.POSITIVE_INFINITY);
    expect(count).toBeGreaterThan(50);
    for (let at = 1; at <= count; at++) await run(kind, at);
  }, 60_000);
});

describe.each([
  ['pull', Subscription.prototype],
  ['wake', Subscription.prototype],
  ['begin', Subscription.prototype],
  ['progress', Subscription.prototype],
  ['batchAt', Topic.prototype],
  ['wakeReaders', Topic.prototype],
] as const)('a fault of %s', (method, prototype) => {
  it('never leaves the hub, whichever call of it throws', async () => {
    const own = prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
    const original = own[method] as (...args: unknown[]) => unknown;
    for (let at = 1; at <= 8; at++) {
      let calls = 0;
      own[method] = function (this: { readonly topic?: Topic; readonly name?: string }, ...args: unknown[]) {
        if ((this.topic?.name ?? this.name) === sick && ++calls === at) throw new Error('injected');
        return original.apply(this, args);
      };
      try {
        await run(kinds['every update'] as Kind, Number.POSITIVE_INFINITY);
      } finally {
        own[method] = original;
      }
    }
  });
});
