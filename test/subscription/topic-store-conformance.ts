/**
 * What every store of topics does. A store's own test file calls this with a way to make one; what only some do (surviving a
 * restart) is for those files to say.
 */
import { expect, test } from 'vitest';
import { isRpcError } from '../../src/call/rpc-error.js';
import type { Append, LogUpdate, TopicSpec, TopicStore } from '../../src/subscription/topic-store.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

export type MakeStore = (spec: TopicSpec, clock: VirtualClock) => TopicStore | Promise<TopicStore>;

const all = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
const history = { count: 1000, age: Number.POSITIVE_INFINITY, bytes: 1e9 };
const spec: TopicSpec = { name: 'test/Topic', keyed: true, history, tombstones: 1000, maxKeys: 1000 };

/** `cod=1`, or `cod` alone to delete it. */
function put(text: string, more: Partial<Append> = {}): Append {
  const [key = '', ...rest] = text.split('=');
  return { key, value: rest.length === 0 ? undefined : Buffer.from(text), ttl: 0, ...more };
}

function texts(updates: readonly LogUpdate[]): string[] {
  return updates.map(({ key, value }) => (value === undefined ? key : Buffer.from(value).toString()));
}

export function topicStoreConformance(make: MakeStore): void {
  async function open(more: Partial<TopicSpec> = {}) {
    const clock = new VirtualClock();
    const store = await make({ ...spec, ...more }, clock);
    await store.open();
    const add = async (...given: string[]) => {
      for (const text of given) await store.append([put(text)]);
    };
    return { clock, store, add };
  }

  async function refused(what: Promise<unknown> | (() => unknown), reason: string): Promise<void> {
    const attempt = (async () => (typeof what === 'function' ? what() : what))();
    await expect(attempt).rejects.toSatisfy((error) => isRpcError(error) && error.reason === reason);
  }

  async function failure(what: () => unknown): Promise<unknown> {
    try {
      return await what();
    } catch (error) {
      return error;
    }
  }

  test('a new log is empty, and has an epoch', async () => {
    const { store } = await open();
    expect(store.state()).toMatchObject({ first: 1, head: 0, tombstoneHorizon: 0 });
    expect(store.state().epoch).toMatch(/^[0-9a-f]{32}$/);
    expect(await store.read(0, all)).toEqual({ updates: [], more: false });
    expect((await store.scan(undefined, all)).updates).toEqual([]);
  });

  test('a log says whether anything is in it that a reader would miss', async () => {
    const { store, add } = await open();
    expect(store.isEmpty).toBe(true);
    await add('cod=1');
    expect(store.isEmpty).toBe(false);
    await add('cod');
    expect(store.isEmpty).toBe(true);
    const unkeyed = await open({ name: 'test/Unkeyed', keyed: false });
    await unkeyed.add('=1');
    expect(unkeyed.store.isEmpty).toBe(false);
  });

  test('updates are numbered from 1, and read in order', async () => {
    const { store, add } = await open();
    const [first] = await store.append([put('cod=1')]);
    expect(first).toMatchObject({ position: { epoch: store.state().epoch, seq: 1 }, duplicate: false });
    await add('hake=2', 'cod=3', 'hake');
    const page = await store.read(1, all);
    expect(page?.updates.map(({ seq }) => seq)).toEqual([2, 3, 4]);
    expect(texts(page?.updates ?? [])).toEqual(['hake=2', 'cod=3', 'hake']);
  });

  test('a page keeps to its limits, and holds one update at least', async () => {
    const { store, add } = await open();
    await add('a=1', 'b=2', 'c=3');
    expect(await store.read(0, { count: 2, bytes: 1e9 })).toMatchObject({
      updates: [{ seq: 1 }, { seq: 2 }],
      more: true,
    });
    expect(await store.read(0, { count: 9, bytes: 1 })).toMatchObject({ updates: [{ seq: 1 }], more: true });
    expect(await store.read(2, { count: 1, bytes: 1 })).toMatchObject({ updates: [{ seq: 3 }], more: false });
  });

  test('a group is appended whole, and never cut by a page', async () => {
    const { store, add } = await open();
    await store.append([put('a=1'), put('b=2'), put('c=3')]);
    await add('d=4');
    const page = await store.read(0, { count: 1, bytes: 1 });
    expect(page?.updates.map(({ seq, more }) => [seq, more])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    expect(page?.more).toBe(true);
  });

  test('a group of which one may not be appended is not appended at all', async () => {
    const { store } = await open();
    await refused(() => store.append([put('a=1'), put('b=2', { expect: { keySeq: 7 } })]), 'EXPECTATION_FAILED');
    expect(store.state().head).toBe(0);
  });

  test('a log that was trimmed says so, and where it begins', async () => {
    const { store, add } = await open({ history: { ...history, count: 2 } });
    await add('a=1', 'b=2', 'c=3', 'd=4');
    expect(store.state()).toMatchObject({ first: 3, head: 4 });
    expect(await store.read(1, all)).toBeUndefined();
    expect(texts((await store.read(2, all))?.updates ?? [])).toEqual(['c=3', 'd=4']);
  });

  test('what is older than the history goes, and keys stay', async () => {
    const { clock, store, add } = await open({ history: { ...history, age: 1000 } });
    await add('a=1');
    await clock.advance(600);
    await add('b=2');
    await clock.advance(600);
    await store.trim();
    expect(store.state()).toMatchObject({ first: 2, head: 2 });
    expect(texts((await store.scan(undefined, all)).updates).sort()).toEqual(['a=1', 'b=2']);
  });

  test('a scan has the newest update of each key, and none that is deleted', async () => {
    const { store, add } = await open();
    await add('a=1', 'b=2', 'a=3', 'b', 'c=5');
    const page = await store.scan(undefined, all);
    expect(texts(page.updates).sort()).toEqual(['a=3', 'c=5']);
    expect(page).toMatchObject({ more: false, head: 5 });
  });

  test('a scan in pages finds every key that exists all the time, once, whatever is updated meanwhile', async () => {
    const { store, add } = await open();
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    await add(...keys.map((key) => `${key}=0`));
    const found: string[] = [];
    let cursor: string | undefined;
    for (let more = true, turn = 0; more; turn++) {
      const page = await store.scan(cursor, { count: 3, bytes: 1e9 });
      found.push(...page.updates.map(({ key }) => key));
      more = page.more;
      cursor = page.cursor;
      await add(`k${(turn * 7) % 20}=${turn}`, `new${turn}=1`, `k3`, `k3=9`);
    }
    expect(found.filter((key) => key.startsWith('k')).sort()).toEqual([...keys].sort());
  });

  test('changes since a position are the newest of each key, in order, with tombstones', async () => {
    const { store, add } = await open({ history: { ...history, count: 1 } });
    await add('a=1', 'b=2', 'c=3', 'b', 'a=5');
    const page = await store.changesSince(2, all);
    expect(page?.updates.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    expect(texts(page?.updates ?? [])).toEqual(['c=3', 'b', 'a=5']);
    expect((await store.changesSince(5, all))?.updates).toEqual([]);
  });

  test('pages of changes go on where the last one ended', async () => {
    const { store, add } = await open();
    await add('a=1', 'b=2', 'c=3', 'a=4');
    const first = await store.changesSince(0, { count: 2, bytes: 1e9 });
    expect(first).toMatchObject({ updates: [{ seq: 2 }, { seq: 3 }], more: true });
    expect(await store.changesSince(3, { count: 2, bytes: 1e9 })).toMatchObject({ updates: [{ seq: 4 }], more: false });
  });

  test('tombstones above the limit go, and below them nothing is said any more', async () => {
    const { store, add } = await open({ tombstones: 1 });
    await add('a=1', 'b=2', 'a', 'b');
    expect(store.state().tombstoneHorizon).toBe(3);
    expect(await store.changesSince(2, all)).toBeUndefined();
    expect(texts((await store.changesSince(3, all))?.updates ?? [])).toEqual(['b']);
  });

  test('a key that lives again keeps no tombstone', async () => {
    const { store, add } = await open({ tombstones: 1 });
    await add('a=1', 'a', 'a=3', 'b=4', 'b');
    expect(store.state().tombstoneHorizon).toBe(0);
    expect(texts((await store.changesSince(0, all))?.updates ?? [])).toEqual(['a=3', 'b']);
  });

  test('keys are looked up, those that never were left out', async () => {
    const { store, add } = await open();
    await add('a=1', 'b=2', 'b');
    expect(texts(await store.get(['b', 'nobody', 'a']))).toEqual(['b', 'a=1']);
  });

  test('a key expires into a tombstone, unless it was renewed', async () => {
    const { clock, store } = await open();
    await store.append([put('a=1', { ttl: 1000 })]);
    await store.append([put('b=2', { ttl: 1000 })]);
    await clock.advance(500);
    await store.append([put('b=3', { ttl: 1000 })]);
    await clock.advance(600);
    await store.trim();
    expect(texts((await store.scan(undefined, all)).updates)).toEqual(['b=3']);
    expect(texts((await store.read(3, all))?.updates ?? [])).toEqual(['a']);
  });

  test('a key whose time is over is not there for who publishes, though nobody trimmed', async () => {
    const { clock, store } = await open();
    await store.append([put('a=1', { ttl: 1000 })]);
    expect(store.expiresIn()).toBe(1000);
    await clock.advance(1000);
    expect(store.expiresIn()).toBe(0);
    await refused(() => store.append([put('a=2', { expect: { keySeq: 1 } })]), 'EXPECTATION_FAILED');
    expect(store.state().head).toBe(1);
    // Its end is in the log before it is there again, so that a merge does not reach over it.
    expect(await store.append([put('a=2', { expect: { keySeq: 0 } })])).toMatchObject([{ position: { seq: 3 } }]);
    expect(texts((await store.read(0, all))?.updates ?? [])).toEqual(['a=1', 'a', 'a=2']);
    await store.trim();
    expect(store.state().head).toBe(3);
    expect(store.expiresIn()).toBe(Number.POSITIVE_INFINITY);
  });

  test('a page that may be cut ends inside a group and says so, and the next one goes on there', async () => {
    const { store, add } = await open();
    await add('a=1');
    await store.append(Array.from({ length: 10 }, (_, at) => put(`g${at}=${'x'.repeat(at)}`)));
    await add('b=1');
    const whole = (await store.read(0, all))?.updates ?? [];
    for (const limits of [
      { count: 1, bytes: 1e9 },
      { count: 3, bytes: 1e9 },
      { count: 1000, bytes: 12 },
      { count: 4, bytes: 1 },
    ]) {
      const pages: (readonly LogUpdate[])[] = [];
      let more = true;
      for (let after = 0; more; after = pages.at(-1)?.at(-1)?.seq ?? after) {
        const page = await store.read(after, { ...limits, cut: true });
        if (page === undefined) throw new Error('the log does not reach back');
        pages.push(page.updates);
        more = page.more;
      }
      for (const page of pages) {
        expect(page.length).toBeLessThanOrEqual(limits.count);
        const bytes = page.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0);
        expect(page.length === 1 || bytes <= limits.bytes).toBe(true);
      }
      const read = pages.flat();
      expect(texts(read)).toEqual(texts(whole));
      // Where a page ends inside the group, its last update says that there is more of it.
      expect(read.map((one) => one.more)).toEqual([false, ...Array(9).fill(true), false, false]);
      const inside = pages.filter((page) => page.at(-1)?.more === true);
      expect(inside.length).toBeGreaterThan(0);
    }
    // Not cut: a page has the whole group, though that is beyond its limits.
    expect(texts((await store.read(1, { count: 2, bytes: 1e9 }))?.updates ?? [])).toEqual(texts(whole.slice(1, 11)));
    // One that begins inside the group, as one that was cut there does.
    expect(texts((await store.read(5, { count: 2, bytes: 1e9, cut: true }))?.updates ?? [])).toEqual(
      texts(whole.slice(5, 7)),
    );
  });

  test('of what changed, values may come later, with their sizes, and deletions as ever', async () => {
    const { store, add } = await open();
    // More than a store keeps at hand of the end of its log.
    for (let n = 0; n < 3000; n += 500) {
      await store.append(Array.from({ length: 500 }, (_, at) => put(`k${(n + at) % 900}=${n + at}`)));
    }
    await add('k1', 'k2=');
    const now = (await store.changesSince(0, all))?.updates ?? [];
    const later = (await store.changesSince(0, { ...all, later: true }))?.updates ?? [];
    expect(later.map(({ key, seq }) => [key, seq])).toEqual(now.map(({ key, seq }) => [key, seq]));
    expect(later.map((one) => one.later ?? one.value?.byteLength)).toEqual(now.map(({ value }) => value?.byteLength));
    expect(later.map(({ value }) => value === undefined)).toEqual(now.map(({ value }) => value === undefined));
    const found = await store.get(now.map(({ key }) => key));
    expect(texts(found)).toEqual(texts(now));
  });

  test('many keys that are over end some in each turn, the first to go first', async () => {
    const { clock, store } = await open({ history: { ...history, count: 10_000 }, tombstones: 5000, maxKeys: 5000 });
    for (let n = 0; n < 2500; n += 500) {
      await store.append(Array.from({ length: 500 }, (_, at) => put(`k${n + at}=1`, { ttl: 1000 + n + at })));
    }
    await clock.advance(1000);
    expect(store.expiresIn()).toBe(0);
    await clock.advance(10_000);
    const ends: number[] = [];
    while (store.expiresIn() <= 0) {
      const { head } = store.state();
      await store.trim();
      ends.push(store.state().head - head);
    }
    expect(Math.max(...ends)).toBeLessThanOrEqual(1000);
    expect(ends.reduce((sum, count) => sum + count, 0)).toBe(2500);
    const { updates = [] } = (await store.read(2500, all)) ?? {};
    expect(texts(updates)).toEqual(Array.from({ length: 2500 }, (_, n) => `k${n}`));
  });

  test('the time of the log is what keys end by', async () => {
    const { clock, store } = await open();
    await store.append([put('a=1', { ttl: 1000 })]);
    const [{ expires }] = (await store.get(['a'])) as [LogUpdate];
    await clock.advance(999);
    expect(store.now()).toBe(expires - 1);
    await clock.advance(1);
    expect(store.now()).toBe(expires);
  });

  test('a group that follows the end of a key is numbered and grouped as it would be without', async () => {
    const { clock, store } = await open();
    await store.append([put('a=1', { ttl: 1000 })]);
    await clock.advance(1000);
    await store.append([put('b=1'), put('a=2'), put('a=3')]);
    const { updates = [] } = (await store.read(1, all)) ?? {};
    expect(texts(updates)).toEqual(['a', 'b=1', 'a=2', 'a=3']);
    expect(updates.map(({ more }) => more)).toEqual([false, true, true, false]);
  });

  test('a publication that the log has is not appended again', async () => {
    const { store } = await open();
    const one = put('a=1', { producer: { id: 'p', seq: 5 } });
    await store.append([one]);
    await store.append([put('b=2', { producer: { id: 'q', seq: 5 } })]);
    expect(await store.append([one])).toMatchObject([{ position: { seq: 1 }, duplicate: true }]);
    await refused(() => store.append([put('c=3', { producer: { id: 'p', seq: 4 } })]), 'PRODUCER_SEQ_PASSED');
    expect(await store.append([put('c=3', { producer: { id: 'p', seq: 9 } })])).toMatchObject([{ duplicate: false }]);
    expect(store.state().head).toBe(3);
  });

  test('a refused publication has not used up its number, and one that was passed is told', async () => {
    const { store } = await open();
    const five = put('a=5', { producer: { id: 'p', seq: 5 }, expect: { seq: 9 } });
    await refused(() => store.append([five]), 'EXPECTATION_FAILED');
    await store.append([put('a=5', { producer: { id: 'p', seq: 5 } })]);
    await refused(
      () => store.append([put('a=6', { producer: { id: 'p', seq: 6 }, expect: { seq: 9 } })]),
      'EXPECTATION_FAILED',
    );
    await store.append([put('a=7', { producer: { id: 'p', seq: 7 } })]);
    const six = await failure(() => store.append([put('a=6', { producer: { id: 'p', seq: 6 } })]));
    expect(six).toMatchObject({ code: 'ABORTED', reason: 'PRODUCER_SEQ_PASSED', disposition: 'not-executed' });
    await store.append([put('a=8', { producer: { id: 'p', seq: 2_000 } })]);
    const old = await failure(() => store.append([put('a=5', { producer: { id: 'p', seq: 5 } })]));
    expect(old).toMatchObject({ code: 'ABORTED', reason: 'PRODUCER_SEQ_PASSED', disposition: 'unknown' });
    expect(store.state().head).toBe(3);
  });

  test('a group that is sent again is known whole, whatever its size', async () => {
    const { store } = await open();
    const group = Array.from({ length: 600 }, (_, at) => put(`k${at}=1`, { producer: { id: 'p', seq: at + 1 } }));
    const first = await store.append(group);
    const again = await store.append(group);
    expect(again).toEqual(first.map((one) => ({ ...one, duplicate: true })));
    expect(store.state().head).toBe(600);
    const backwards = [602, 601].map((seq) => put('a=1', { producer: { id: 'p', seq } }));
    await refused(() => store.append(backwards), 'PRODUCER_SEQ_PASSED');
    const twice = [602, 602].map((seq) => put('a=1', { producer: { id: 'p', seq } }));
    await refused(() => store.append(twice), 'PRODUCER_SEQ_PASSED');
    await store.append([put('a=2', { producer: { id: 'p', seq: 601 } })]);
    expect(store.state().head).toBe(601);
  });

  test('a group of which only a part was published is refused', async () => {
    const { store } = await open();
    await store.append([put('a=1', { producer: { id: 'p', seq: 1 } })]);
    const group = [put('a=1', { producer: { id: 'p', seq: 1 } }), put('b=2', { producer: { id: 'p', seq: 2 } })];
    await refused(() => store.append(group), 'PRODUCER_SEQ_REUSED');
  });

  test.each([
    ['another epoch', { epoch: '0'.repeat(32) }],
    ['another head', { seq: 3 }],
    ['another newest update of the key', { keySeq: 2 }],
    ['no such key', { keySeq: 0 }],
  ])('an update that expects %s is refused', async (_, expectation) => {
    const { store, add } = await open();
    await add('a=1', 'b=2');
    await refused(() => store.append([put('a=3', { expect: expectation })]), 'EXPECTATION_FAILED');
  });

  test('an update whose expectations hold is appended; a deleted key is one that is not there', async () => {
    const { store, add } = await open();
    await add('a=1', 'a');
    const { epoch } = store.state();
    await store.append([put('a=3', { expect: { epoch, seq: 2, keySeq: 0 } })]);
    expect(store.state().head).toBe(3);
  });

  test('there are no more keys than the topic may have', async () => {
    const { store, add } = await open({ maxKeys: 2 });
    await add('a=1', 'b=2');
    await refused(() => store.append([put('c=3')]), 'TOPIC_FULL');
    await add('a=3');
    expect(store.state().head).toBe(3);
  });

  test('a position is found by its time', async () => {
    const { clock, store, add } = await open();
    const began = clock.wallTime();
    await add('a=1');
    await clock.advance(1000);
    await add('b=2');
    await clock.advance(1000);
    await add('c=3');
    expect(await store.before(began)).toBe(0);
    expect(await store.before(began + 1000)).toBe(1);
    expect(await store.before(began + 1001)).toBe(2);
    expect(await store.before(began + 9999)).toBe(3);
  });

  test('listeners hear of what readers may see, until they are removed', async () => {
    const { store, add } = await open();
    const heads: number[] = [];
    const remove = store.onVisible((head) => heads.push(head));
    await add('a=1', 'b=2');
    remove();
    await add('c=3');
    expect(heads.at(-1)).toBe(2);
    expect(store.state().head).toBe(3);
  });

  test('a topic without keys has no snapshot', async () => {
    const { store } = await open({ keyed: false });
    await store.append([{ key: '', value: Buffer.from('1'), ttl: 0 }]);
    expect((await store.scan(undefined, all)).updates).toEqual([]);
    expect((await store.read(0, all))?.updates.length).toBe(1);
  });
}
