/** Keys with a time to live, whoever is connected, whatever the clock does, in memory and in an SQLite file. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { sqliteDriver, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import type { TopicStores } from '../../../src/subscription/topic-store.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { scratchPath } from '../../stores/sqlite/scratch-store.js';
import { change, declaration, HubClient } from '../../support/hub-client.js';

const name = 'test.Prices/Watch';
const hour = 3_600_000;
const everything = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Elapsed time as the virtual clock's; the time of day is what somebody set. */
class SettableClock extends VirtualClock {
  ahead = 0;

  override wallTime(): number {
    return super.wallTime() + this.ahead;
  }
}

type Kind = 'memory' | 'sqlite';

/** The file that a server left, if the store has one. */
function storesOf(kind: Kind, clock: VirtualClock, path: string): TopicStores {
  if (kind === 'memory') return memoryTopics(clock);
  const store = sqliteStore(path, { clock, logger: silentLogger, groupDelay: 0 });
  closing.set(store.topics, () => store.close());
  onTestFinished(() => store.close());
  return store.topics;
}

const closing = new Map<TopicStores, () => Promise<void>>();

function serve(
  kind: Kind,
  { clock = new SettableClock(), path = scratchPath().path, limits = {}, parameters = '' } = {},
) {
  const named = name + parameters;
  const stores = storesOf(kind, clock, path);
  const defer = (fn: () => void): void => void clock.setTimer(fn, 0);
  const hub = new Hub({ stores, clock, logger: silentLogger, limits, defer, pressure: () => 0 });
  const durability = kind === 'memory' ? 'NONE' : 'FSYNC';
  hub.declare(declaration(name, { durability, takes: () => true }));
  const publish = async (...texts: [string, number][]): Promise<void> => {
    for (const [text, ttl] of texts) await committed(clock, hub.publish(named, [change(text, { ttl })]));
  };
  /** The log, from `after` on: what is there without anybody asking for it. */
  const log = async (after = 0): Promise<string[]> => {
    const updates = (await hub.topic(named).store.read(after, everything))?.updates ?? [];
    return updates.map(({ key, value }) => (value === undefined ? `-${key}` : Buffer.from(value).toString()));
  };
  /** Time passes, and the commits that it leads to come. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1000) {
      await clock.advance(Math.min(left, 1000));
      await settled(clock);
    }
  };
  /** As a process ends in good order. */
  const stop = async (): Promise<void> => {
    await committed(clock, hub.close(0));
    await closing.get(stores)?.();
  };
  return { hub, clock, path, head: () => hub.topic(named).head, publish, log, pass, stop };
}

async function settled(clock: VirtualClock): Promise<void> {
  for (let turns = 0; turns < 8; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(0);
  }
}

/** A commit waits for a turn of the real event loop. */
async function committed<T>(clock: VirtualClock, value: T | Promise<T>): Promise<T> {
  const waits = Promise.resolve(value);
  void waits.catch(() => {});
  await settled(clock);
  return waits;
}

describe.each(['memory', 'sqlite'] as const)('a key with a time to live, in %s,', (kind) => {
  it('ends when its time is over, though nobody is connected', async () => {
    const { publish, log, pass, head, clock } = serve(kind);
    await publish(['gone=1', 500], ['stays=1', 0], ['later=1', 5000]);
    await pass(499);
    expect(head()).toBe(3);
    await pass(2);
    expect(await log(3)).toEqual(['-gone']);
    await publish(['later=2', 5000]);
    await pass(5000);
    expect(await log(5)).toEqual(['-later']);
    await pass(120_000);
    expect(head()).toBe(6);
    expect(clock.timers, 'nothing is left to wait for').toBe(0);
  });

  it('ends together with others that are over at nearly the same time', async () => {
    const { publish, log, pass, hub } = serve(kind);
    let trims = 0;
    const { store } = hub.topic(name);
    const { trim } = store;
    store.trim = () => {
      trims += 1;
      return trim.call(store);
    };
    for (let n = 0; n < 200; n++) await publish([`k${n}=1`, 1000 + n]);
    await pass(2000);
    expect((await log(200)).length).toBe(200);
    expect(trims).toBeLessThanOrEqual(6);
  });

  it.each([
    ['an hour back', -hour],
    ['a day ahead', 24 * hour],
  ])('ends after its time when the clock is set %s, and back again', async (_, ahead) => {
    const { clock, publish, log, pass } = serve(kind);
    await publish(['a=1', 3000]);
    clock.ahead = ahead;
    await publish(['b=1', 3000]);
    await pass(1000);
    expect(await log()).toEqual(['a=1', 'b=1']);
    clock.ahead = 0;
    await publish(['c=1', 3000]);
    await pass(2001);
    expect(await log(3)).toEqual(['-a', '-b']);
    await pass(1000);
    expect(await log(5)).toEqual(['-c']);
  });

  it('is in no page of a snapshot that is read when its time is over, and not in the state at the end', async () => {
    const { hub, clock, publish, pass } = serve(kind, { limits: { frameBytes: 1024 } });
    for (let n = 10; n < 60; n++) await publish([`k${n}=${'x'.repeat(100)}`, n === 10 || n === 59 ? 2000 : 0]);
    const client = new HubClient(hub);
    client.room = 1;
    const view = client.subscribe(1, name);
    const sent = (): string[] => client.of('snapshotChunk').flatMap(({ entries }) => entries.map(({ key }) => key));
    while (sent().length === 0) {
      client.drained(1);
      await settled(clock);
    }
    expect(sent()).toContain('k10');
    expect(sent()).not.toContain('k59');
    await clock.advance(2000);
    for (let frames = 0; frames < 200 && view.consistentAt === Number.POSITIVE_INFINITY; frames++) {
      client.drained(1);
      await settled(clock);
    }
    expect(sent()).not.toContain('k59');
    client.drained();
    await pass(100);
    expect(view.position).toBeGreaterThanOrEqual(view.consistentAt);
    expect(Object.keys(view.values())).not.toContain('k10');
    expect(Object.keys(view.values()).length).toBe(48);
    // It is the end of the snapshot that the reader is whole at, and the end of the key is below that.
    expect(view.consistentAt).toBeGreaterThanOrEqual(51);
  });

  it('ends with thousands of others in several turns, and no snapshot that is asked for meanwhile has one', async () => {
    const { hub, clock, pass, log } = serve(kind);
    for (let n = 0; n < 2500; n += 500) {
      const group = Array.from({ length: 500 }, (_, at) => change(`k${n + at}=1`, { ttl: 1000 }));
      await committed(clock, hub.publish(name, group));
    }
    await committed(clock, hub.publish(name, [change('stays=1')]));
    const { store } = hub.topic(name);
    const { trim } = store;
    const ends: number[] = [];
    // No timer comes before the snapshot is asked for.
    store.trim = () => {};
    await clock.advance(1001);
    store.trim = () => {
      const { head } = store.state();
      const trimmed = trim.call(store);
      ends.push(store.state().head - head);
      return trimmed;
    };
    const client = new HubClient(hub);
    const view = client.subscribe(1, name);
    await pass(1000);
    expect(client.of('snapshotChunk').flatMap(({ entries }) => entries.map(({ key }) => key))).toEqual(['stays']);
    expect(view.values()).toEqual({ stays: 'stays=1' });
    expect((await log(2501)).length).toBe(2500);
    expect(ends.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...ends)).toBeLessThanOrEqual(1000);
  });

  it('is in no snapshot either while the store cannot end it, and its end is told when it can', async () => {
    const { hub, clock, publish, pass } = serve(kind);
    await publish(['gone=1', 1000], ['stays=1', 0]);
    const { store } = hub.topic(name);
    const { trim } = store;
    store.trim = () => Promise.reject(new Error('the disk is full'));
    await pass(2000);
    const all = new HubClient(hub);
    const some = new HubClient(hub);
    const views = [all.subscribe(1, name), some.subscribe(1, name, { keys: ['gone', 'stays'] })];
    await pass(500);
    for (const view of views) expect(view.values()).toEqual({ stays: 'stays=1' });
    store.trim = trim;
    await pass(10_000);
    expect(store.state().head).toBe(3);
    for (const view of views) expect([view.values(), view.position]).toEqual([{ stays: 'stays=1' }, 3]);
    expect(clock.timers).toBeGreaterThan(0);
  });

  it('may be published as a new one when it has ended', async () => {
    const { hub, clock, publish, pass } = serve(kind);
    await publish(['a=1', 1000]);
    await pass(1001);
    const again = await committed(clock, hub.publish(name, [{ ...change('a=2'), expect: { keySeq: 0 } }]));
    expect(again).toMatchObject([{ position: { seq: 3 } }]);
  });
});

describe('keys in a file whose server was down', () => {
  it.each([
    ['while the clock was right', 0],
    ['and its clock is an hour behind now', -hour],
    ['and its clock is a day ahead now', 24 * hour],
  ])('end once it is up again, %s, and nobody is connected', async (_, ahead) => {
    const before = serve('sqlite');
    await before.publish(['gone=1', 60_000], ['stays=1', 0]);
    await before.stop();
    const clock = new SettableClock({ wallTime: before.clock.wallTime() + 30_000 });
    clock.ahead = ahead;
    const { pass, log, publish, hub } = serve('sqlite', { clock, path: before.path });
    await publish(['new=1', 60_000]);
    await pass(60_001);
    expect((await log(2)).sort()).toEqual(['-gone', '-new', 'new=1']);
    const client = new HubClient(hub);
    const view = client.subscribe(1, name);
    await settled(clock);
    expect(Object.keys(view.values())).toEqual(['stays']);
  });

  it('are in the file no more, though nobody asked for the topic', async () => {
    const before = serve('sqlite', { parameters: '?room=7' });
    await before.publish(['gone=1', 1000], ['stays=1', 0]);
    await before.stop();
    const clock = new SettableClock({ wallTime: before.clock.wallTime() + 30_000 });
    const { pass, path } = serve('sqlite', { clock, path: before.path });
    await pass(100);
    const db = sqliteDriver().open(path);
    onTestFinished(() => db.close());
    expect(db.prepare('SELECT count(*) AS living FROM hawser_keys WHERE deleted = 0').get()).toEqual({ living: 1 });
  });

  it('end by the time that is in the file, where that is a day ahead of the clock', async () => {
    const clock = new SettableClock();
    clock.ahead = 24 * hour;
    const before = serve('sqlite', { clock });
    await before.publish(['old=1', 60_000]);
    await before.stop();
    const right = new SettableClock({ wallTime: before.clock.wallTime() - 24 * hour + 1000 });
    const { pass, log, publish } = serve('sqlite', { clock: right, path: before.path });
    await publish(['new=1', 1000]);
    await pass(1001);
    expect(await log(2)).toEqual(['-new']);
    await pass(59_000);
    expect(await log(3)).toEqual(['-old']);
  });
});
