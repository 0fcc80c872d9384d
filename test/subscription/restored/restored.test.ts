/**
 * A file that is put back from a copy is an older log under the same epoch, which grows again under the same numbers. No reader
 * takes its new updates for the ones that it has, wherever it stands.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Event, Subscriptions as PollSubscriptions, type Start, type Subscribed } from '../../../gen/hawser.js';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { type Consumer, consume } from '../../../src/subscription/consume.js';
import type { Position } from '../../../src/subscription/position.js';
import { scratchPath } from '../../stores/sqlite/scratch-store.js';
import { Followed, Market, type Name, names } from './market.js';

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const log = (from: number, ...prices: number[]): string[] => prices.map((price, n) => `${from + n}:${price}`);

/** Puts a copy back in one of the ways that people have. */
const ways = {
  'with a restart': async (market: Market, copy: string) => {
    await market.stop();
    market.putBack(copy);
    await market.start();
  },
  'into the running server': async (market: Market, copy: string) => market.putBackInto(copy),
  'as another file under the running server': async (market: Market, copy: string) => market.replace(copy),
} as const;
type Way = keyof typeof ways;

async function at(followed: Followed, last: string): Promise<void> {
  await expect.poll(() => followed.seen.at(-1), { timeout: 10_000 }).toBe(last);
}

describe.each(Object.keys(ways) as Way[])('a log that is put back %s', (way) => {
  const putBack = ways[way];

  it('resets readers that were connected and beyond it, also twice over', async () => {
    const market = await Market.open();
    await market.publish(...numbers(1, 5));
    const copy = market.copy();
    const gap = market.follow('gap', { from: { seq: 1 } });
    const latest = market.follow('latest');
    const precise = market.follow('precise', { from: { seq: 1 } });
    await market.publish(...numbers(6, 10));
    await Promise.all([at(gap, '10:10'), at(precise, '10:10')]);

    await putBack(market, copy);
    await market.publish(...numbers(106, 112));
    await at(gap, '12:112');
    expect(gap.seen).toEqual(log(1, 1, 2, 3, 4, 5, ...numbers(106, 112)));
    await expect.poll(() => precise.error, { timeout: 10_000 }).toBe('UNRECOVERABLE');
    expect(precise.seen).toEqual(log(1, ...numbers(1, 10)));

    await putBack(market, copy);
    await market.publish(...numbers(206, 220));
    await at(gap, '20:220');
    expect(gap.seen).toEqual(log(1, 1, 2, 3, 4, 5, ...numbers(206, 220)));
    expect(gap.all.filter((one) => one === 'EPOCH_VIOLATION').length).toBe(2);
    const fresh = market.follow('latest');
    await fresh.subscription.ready;
    await expect.poll(() => latest.replica, { timeout: 10_000 }).toEqual(fresh.replica);
  });

  it('lets a reader go on that it has all of, without a word', async () => {
    const market = await Market.open();
    await market.publish(...numbers(1, 5));
    const copy = market.copy();
    const [gap, precise] = (['gap', 'precise'] as const).map((name) => market.follow(name, { from: { seq: 1 } }));
    await Promise.all([at(gap as Followed, '5:5'), at(precise as Followed, '5:5')]);
    await Promise.all([(gap as Followed).pause(), (precise as Followed).pause()]);
    await market.publish(...numbers(6, 10));
    await putBack(market, copy);
    await market.publish(...numbers(106, 112));
    for (const followed of [gap, precise] as Followed[]) {
      followed.subscription.resume();
      await at(followed, '12:112');
      expect(followed.all).toEqual(log(1, 1, 2, 3, 4, 5, ...numbers(106, 112)));
      expect(followed.error).toBeUndefined();
    }
  });

  it.each([
    ['and has not grown', 0],
    ['and has grown to the positions', 5],
    ['and has grown past them', 20],
  ])('%s: a position that comes back is taken only if the log has it', async (_, grown) => {
    const market = await Market.open();
    await market.publish(1, 2);
    const copies = [market.copy()];
    const first = await market.publish(3, 4, 5, 6);
    await putBack(market, copies[0] as string);
    const second = await market.publish(103, 104, 105, 106);
    copies.push(market.copy());
    const third = await market.publish(107);
    await putBack(market, copies[1] as string);
    const more = numbers(207, 206 + grown);
    await market.publish(...more);
    const rest = (seq: number) => log(seq + 1, ...[1, 2, 103, 104, 105, 106, ...more].slice(seq));
    const resumed = async (position: Position): Promise<Followed> => {
      const followed = market.follow('gap', { from: { position } });
      await followed.subscription.ready;
      return followed;
    };
    for (const position of [...first, ...third]) {
      const followed = await resumed(position);
      await expect.poll(() => followed.all[0], { timeout: 10_000 }).toBe('EPOCH_VIOLATION');
      const precise = market.follow('precise', { from: { position: { ...position, epoch: await epochOf(market) } } });
      await expect.poll(() => precise.error, { timeout: 10_000 }).toBe('UNRECOVERABLE');
    }
    for (const position of second) await has(await resumed(position), rest(position.seq));
    // A cursor from before there were generations is told what its epoch and number tell.
    const [{ epoch }] = first as [Position];
    await has(await resumed({ epoch, seq: 3 }), rest(3));
  });
});

async function has(followed: Followed, all: readonly string[]): Promise<void> {
  await expect.poll(() => followed.all, { timeout: 10_000 }).toEqual(all);
}

async function epochOf(market: Market): Promise<string> {
  return market.topic('precise').head.epoch;
}

it('a log that was cut is one that was put back', async () => {
  const market = await Market.open();
  await market.publish(...numbers(1, 5));
  const copy = market.copy();
  const followed = Object.fromEntries(names.map((name) => [name, market.follow(name)])) as Record<Name, Followed>;
  await market.publish(...numbers(6, 10));
  await at(followed.gap, '10:10');
  market.putBackInto(copy);
  // Nobody publishes: who is connected is told all the same.
  await expect.poll(() => followed.gap.all.at(-1), { timeout: 10_000 }).toBe('5:5');
  expect(followed.gap.all).toContain('EPOCH_VIOLATION');
  await expect.poll(() => followed.precise.error, { timeout: 10_000 }).toBe('UNRECOVERABLE');
});

it('what was published after the copy is no head and no key that an expectation holds for', async () => {
  const market = await Market.open();
  await market.publish(1, 2);
  const copy = market.copy();
  const latest = market.topic('latest');
  const lost = await latest.publish({ fish: 'cod', price: 3 });
  market.putBackInto(copy);
  const now = await latest.publish({ fish: 'cod', price: 103 });
  expect([lost.seq, now.seq, lost.epoch === now.epoch]).toEqual([3, 3, true]);
  const refused = { code: 'ABORTED', reason: 'EXPECTATION_FAILED' };
  await expect(latest.publish({ fish: 'cod', price: 4 }, { expect: { head: lost } })).rejects.toMatchObject(refused);
  await expect(latest.publish({ fish: 'cod', price: 4 }, { expect: { keySeq: lost } })).rejects.toMatchObject(refused);
  await latest.publish({ fish: 'cod', price: 4 }, { expect: { head: now, keySeq: now } });
});

it('a publication that was lost with the log is appended again', async () => {
  const market = await Market.open();
  await market.publish(1);
  const copy = market.copy();
  const gap = market.topic('gap');
  const again = () => gap.publish({ fish: '', price: 2 }, { producer: { id: 'p', seq: 1 } });
  const lost = await again();
  expect(await again()).toEqual(lost);
  market.putBackInto(copy);
  const now = await again();
  expect(now).toMatchObject({ epoch: lost.epoch, seq: 2 });
  expect(now.generation).not.toBe(lost.generation);
  expect(await again()).toEqual(now);
});

describe('a consumer of a log that is put back', () => {
  async function consuming(): Promise<{
    market: Market;
    copy: string;
    start: (gap: boolean) => Consumer;
    seen: number[];
  }> {
    const market = await Market.open();
    const ledger = sqliteStore(scratchPath().path, { logger: silentLogger, groupDelay: 0 });
    onTestFinished(() => ledger.close());
    await market.publish(...numbers(1, 5));
    const copy = market.copy();
    const seen: number[] = [];
    const start = (gap: boolean): Consumer =>
      consume(market.client().gap, 'ledger', ({ value }) => void seen.push(value?.price ?? 0), {
        store: ledger,
        logger: silentLogger,
        ...(gap ? { gap: () => {} } : {}),
      });
    return { market, copy, start, seen };
  }

  it.each([
    ['one that loses nothing', false, 'UNRECOVERABLE'],
    ['one that puts up with gaps', true, 'EPOCH_CHANGED'],
  ])('ends: %s, running or started again', async (_, gap, reason) => {
    const { market, copy, start, seen } = await consuming();
    const first = start(gap);
    await market.publish(...numbers(6, 10));
    await expect.poll(() => first.position?.seq, { timeout: 10_000 }).toBe(10);
    expect(first.position).toEqual(market.topic('gap').head);
    market.putBackInto(copy);
    await market.publish(...numbers(106, 120));
    await expect(first.done).rejects.toMatchObject({ reason });
    await expect(start(gap).done).rejects.toMatchObject({ reason });
    expect(seen).toEqual(numbers(1, 10));
  });

  it('goes on where the log has all that it has read', async () => {
    const { market, copy, start, seen } = await consuming();
    const first = start(false);
    await expect.poll(() => first.position?.seq, { timeout: 10_000 }).toBe(5);
    await first.stop();
    await market.publish(...numbers(6, 10));
    market.putBackInto(copy);
    await market.publish(...numbers(106, 110));
    const second = start(false);
    await expect.poll(() => second.position?.seq, { timeout: 10_000 }).toBe(10);
    await second.stop();
    expect(seen).toEqual([...numbers(1, 5), ...numbers(106, 110)]);
  });
});

describe('what is kept of a reader', () => {
  it('a cursor that was exported does not go on in another history', async () => {
    const market = await Market.open();
    await market.publish(...numbers(1, 3));
    const copy = market.copy();
    await market.publish(4, 5);
    const before = market.client();
    const held = before.latest.subscribe({});
    await held.ready;
    const cursors: unknown = JSON.parse(JSON.stringify(before.$exportCursors()));
    market.putBackInto(copy);
    await market.publish(...numbers(104, 110));
    const after = market.client();
    after.$importCursors(cursors as never);
    const followed = new Followed(after.latest.subscribe({}));
    await expect.poll(() => followed.all, { timeout: 10_000 }).toContain('EPOCH_VIOLATION');
    const fresh = market.follow('latest');
    await fresh.subscription.ready;
    await expect.poll(() => followed.replica, { timeout: 10_000 }).toEqual(fresh.replica);
  });

  it('a commit under a name does not either', async () => {
    const market = await Market.open();
    await market.publish(...numbers(1, 3));
    const copy = market.copy();
    await market.publish(4, 5);
    const named = { name: 'reader', from: 'committed' } as const;
    const first = market.follow('gap', { ...named, from: { seq: 1 } });
    await at(first, '5:5');
    const committed = new Promise((resolve) => first.subscription.on('committed', resolve));
    first.subscription.commit();
    await committed;
    first.subscription.unsubscribe();
    market.putBackInto(copy);
    await market.publish(...numbers(104, 110));
    const second = market.follow('gap', named);
    await at(second, '10:110');
    expect(second.all[0]).toBe('EPOCH_VIOLATION');
  });

  it('a position that a poll gave does not either', async () => {
    const market = await Market.open();
    await market.publish(...numbers(1, 3));
    const copy = market.copy();
    const polls = createClient(PollSubscriptions, `thrift://${market.thrift}`, { logger: silentLogger });
    onTestFinished(() => polls.$close());
    const read = async (start: Start): Promise<Event[]> => {
      const { session } = await polls.open({
        request: { topic: 'test.Logs/Gap', keys: [], start, accept: [], mode: 0, durableName: '' },
      });
      const events: Event[] = [];
      const { head } = market.topic('gap');
      const atHead = (event: Event) => event.$case === 'batch' && event.value.toSeq === BigInt(head.seq);
      for (let n = 0; n < 20 && !events.some(atHead); n++) {
        events.push(...(await polls.poll({ session, max: 100, waitMs: 500 })));
      }
      return events;
    };
    const start = (kind: number, seq: bigint, more: Partial<Start> = {}): Start => ({
      kind,
      seq,
      epoch: new Uint8Array(),
      time: 0n,
      count: 0,
      ...more,
    });
    await market.publish(4, 5);
    const first = await read(start(4, 1n));
    const [{ epoch } = { epoch: new Uint8Array() }] = first.map(({ value }) => value as Subscribed);
    const batches = first.flatMap((event) => (event.$case === 'batch' ? [event.value] : []));
    // Told where it changes, and all that was published so far is of one.
    const generation = batches[0]?.generation;
    expect(batches.map((batch) => batch.generation?.byteLength)).toEqual([8, undefined]);
    market.putBackInto(copy);
    await market.publish(...numbers(104, 110));
    const at = { epoch, ...(generation === undefined ? {} : { generation }) };
    expect((await read(start(3, 5n, at)))[0]).toMatchObject({ $case: 'reset', value: { reason: 2 } });
    // One who knows nothing of generations is answered as ever.
    expect((await read(start(3, 5n, { epoch })))[0]).toMatchObject({ $case: 'subscribed', value: { outcome: 2 } });
  });
});
