/**
 * Random histories of one hub and a few clients that stall, run out of credit, leave and come back. Whatever happens, the
 * chain rules hold (the client throws), and at every consistent cut the replica is what the log says, exactly counted.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Conflate_When, Mode, Outcome, type Subscribe } from '../../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../../src/call/logger.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import type { TopicStores } from '../../../src/subscription/topic-store.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { change, declaration, HubClient, type View } from '../../support/hub-client.js';
import { laggingTopics } from '../../support/lagging-topics.js';
import { runs } from '../../support/soak.js';

const topic = 'test.Prices/Watch';
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];

type Step =
  | { readonly do: 'publish'; readonly key: number; readonly size: number }
  | { readonly do: 'delete'; readonly key: number }
  | { readonly do: 'group'; readonly key: number; readonly count: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'stall' | 'drain' | 'leave' | 'trickle' | 'pause' | 'unpause'; readonly who: number }
  | { readonly do: 'credit'; readonly who: number; readonly more: number };

const key = fc.nat(keys.length - 1);
const who = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('publish' as const), key, size: fc.nat(300) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('group' as const), key, count: fc.integer({ min: 2, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 0, 1, 20, 300, 16_000) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('stall' as const, 'drain', 'drain', 'leave', 'trickle', 'pause', 'unpause'),
      who,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('credit' as const), who, more: fc.integer({ min: 1, max: 20 }) }),
  },
);

const client = fc.record({
  mode: fc.constantFrom(Mode.EVERY, Mode.LATEST, Mode.MERGE),
  filtered: fc.boolean(),
  when: fc.constantFrom(Conflate_When.UNSPECIFIED, Conflate_When.ALWAYS, Conflate_When.NEVER),
  credit: fc.constantFrom(0, 0, 5),
  minIntervalMs: fc.constantFrom(0, 0, 50),
  maxBps: fc.constantFrom(0, 0, 2000),
});

const history = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 80 }),
  clients: fc.tuple(client, client, client),
  kept: fc.constantFrom(3, 20, 10_000),
  tombstones: fc.constantFrom(1, 100),
  frameBytes: fc.constantFrom(100, 500, 32_768),
});

/** What the log says at each seq, of all keys. */
class Fold {
  readonly states: Map<string, string>[] = [new Map()];

  add(text: string): void {
    const { key, value } = change(text);
    const state = new Map(this.states.at(-1));
    if (value === undefined) state.delete(key);
    else state.set(key, text);
    this.states.push(state);
  }

  at(seq: number, keys: readonly string[] | undefined): Record<string, string> {
    const state = [...(this.states[seq] ?? [])].filter(([key]) => keys === undefined || keys.includes(key));
    return Object.fromEntries(state.sort());
  }
}

const join = (values: readonly Uint8Array[]): Uint8Array => values.at(-1) as Uint8Array;

async function run(
  { steps, clients, kept, tombstones, frameBytes }: typeof history extends fc.Arbitrary<infer T> ? T : never,
  wrap: (stores: TopicStores, clock: VirtualClock) => TopicStores,
): Promise<void> {
  const clock = new VirtualClock();
  const hub = new Hub({
    stores: wrap(memoryTopics(clock), clock),
    clock,
    logger: silentLogger,
    defer: (fn) => void clock.setTimer(fn, 0),
    limits: { frameBytes },
  });
  const bounds = { count: kept, age: Number.POSITIVE_INFINITY, bytes: 1e9 };
  hub.declare(declaration(topic, { history: bounds, tombstones, merge: join }));
  const fold = new Fold();
  const epoch = Buffer.from(hub.topic(topic).store.state().epoch, 'hex');
  const people = clients.map((want) => {
    const filter = want.filtered ? ['a', 'c'] : undefined;
    const more: Partial<Subscribe> = {
      keys: filter ?? [],
      mode: want.mode,
      conflate: { when: want.when, overflow: 0 },
      minIntervalMs: want.minIntervalMs,
      maxBps: want.maxBps,
      accept: [Outcome.REPLAY, Outcome.CONFLATED, Outcome.RESET],
    };
    const granted = want.credit;
    return { filter, more, granted, want, client: new HubClient(hub), view: undefined as View | undefined, taken: 0 };
  });
  const join_ = (person: (typeof people)[number]): void => {
    const credit = { updates: person.granted, bytes: 0 };
    const old = person.view;
    const replica = old?.staging === undefined ? old : undefined;
    if (replica === undefined || old === undefined || old.position < old.consistentAt) {
      person.view = person.client.subscribe(1, topic, { ...person.more, credit });
      return;
    }
    person.view = person.client.resume(1, topic, epoch, old.position, { ...person.more, credit });
    for (const [key, held] of old.replica) person.view.replica.set(key, held);
    person.view.highest = old.highest; // what ran ahead is held still
  };
  const check = (): void => {
    for (const { view, filter, want } of people) {
      if (view === undefined || !view.consistent || view.ended !== undefined) continue;
      expect(view.values()).toEqual(fold.at(view.position, filter));
      if (want.mode === Mode.EVERY && filter === undefined) {
        expect(view.represented + view.gapped).toBe(view.position - view.start);
      }
    }
  };
  for (const person of people) join_(person);
  for (const one of steps) {
    switch (one.do) {
      case 'publish': {
        const text = `${keys[one.key]}=${fold.states.length}${'x'.repeat(one.size)}`;
        fold.add(text);
        void hub.publish(topic, [change(text)]);
        break;
      }
      case 'delete':
        fold.add(keys[one.key] as string);
        void hub.publish(topic, [change(keys[one.key] as string)]);
        break;
      case 'group': {
        const texts = Array.from(
          { length: Math.min(one.count, kept) },
          (_, i) => `${keys[(one.key + i) % keys.length]}=g${fold.states.length}`,
        );
        for (const text of texts) fold.add(text);
        void hub.publish(
          topic,
          texts.map((text) => change(text)),
        );
        break;
      }
      case 'wait':
        await clock.advance(one.ms);
        check();
        break;
      case 'credit': {
        const person = people[one.who] as (typeof people)[number];
        if (person.granted === 0) break;
        person.granted += one.more;
        person.client.give({ $case: 'credit', value: { sub: 1, limits: { updates: person.granted, bytes: 0 } } });
        break;
      }
      default: {
        const person = people[one.who] as (typeof people)[number];
        if (one.do === 'stall') person.client.drained(0);
        else if (one.do === 'drain') person.client.drained();
        else if (one.do === 'trickle') person.client.drained(1);
        else if (one.do === 'leave') {
          person.client.gone();
          person.client = new HubClient(hub);
          join_(person);
        } else {
          const same = { sub: 1, minIntervalMs: undefined, maxBps: undefined, conflate: undefined };
          const paused = one.do === 'pause';
          person.client.give({ $case: 'amend', value: { ...same, keysAdd: [], keysRemove: [], paused } });
        }
      }
    }
    check();
  }
  // At rest, with all the credit there is, everyone who still subscribes holds the same state.
  for (const person of people) {
    person.client.drained();
    const same = { sub: 1, minIntervalMs: undefined, maxBps: undefined, conflate: undefined };
    person.client.give({ $case: 'amend', value: { ...same, keysAdd: [], keysRemove: [], paused: false } });
    if (person.granted > 0) {
      person.client.give({ $case: 'credit', value: { sub: 1, limits: { updates: 1e9, bytes: 0 } } });
    }
  }
  await clock.advance(60_000);
  check();
  for (const { view, filter, client } of people) {
    if (view === undefined || view.ended !== undefined) continue;
    if (client.isClosed) {
      // It was stalled for longer than a hub waits for anyone.
      expect(client.closedWith).toMatchObject({ reason: 'CLIENT_DOES_NOT_READ' });
      continue;
    }
    expect(view.consistent).toBe(true);
    expect(view.position).toBe(fold.states.length - 1);
    expect(view.values()).toEqual(fold.at(fold.states.length - 1, filter));
  }
}

test('at every consistent cut a replica is what the log says, over a store that answers at once', async () => {
  await fc.assert(
    fc.asyncProperty(history, (one) => run(one, (stores) => stores)),
    { numRuns: runs(150) },
  );
});

test('at every consistent cut a replica is what the log says, over a store that answers later', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.integer(), (one, seed) =>
      run(one, (stores, clock) => laggingTopics(stores, clock, seed)),
    ),
    { numRuns: runs(150) },
  );
});
