import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as idl from '../../gen/hawser.js';
import { Quotes } from '../../gen/market.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import { countOf, maxOf, mostUpdates, waitOf, wholeNumber } from '../../src/server/poll-numbers.js';

const topic = 'market.v1.Quotes/Prices';

function start() {
  const server = createServer({ health: false, reflection: false }).add(Quotes, {});
  server.use((method, next) => (call) => {
    if (method.name === 'poll') arrived();
    return next(call);
  });
  return { server, prices: server.topic(Quotes.methods.prices) };
}

let arrived = (): void => {};
let { server, prices } = start();
let polls: ReturnType<typeof connect>;

function connect(address: string) {
  return createClient(idl.Subscriptions, `thrift://${address}`);
}

beforeEach(async () => {
  ({ server, prices } = start());
  polls = connect((await server.listen({ thrift: '127.0.0.1:0' })).thrift);
});
afterEach(async () => {
  await polls.$close();
  await server.close({ grace: 0 });
});

const asked = (start?: Partial<idl.Start>): idl.OpenRequest =>
  idl.OpenRequest.create({ topic, ...(start === undefined ? {} : { start: idl.Start.create(start) }) });

const publish = (fish: string, price: number) => prices.publish({ fish, price, market: 1, seq: 0n });

/** Polls until an answer has an event of that kind. */
async function until(session: string, wanted: idl.Event['$case'], max = 100): Promise<idl.Event[]> {
  const events: idl.Event[] = [];
  while (!events.some(({ $case }) => $case === wanted)) {
    events.push(...(await polls.poll({ session, max, waitMs: 2000 })));
  }
  return events;
}

const refusedWith = (code: string) => expect.objectContaining({ code });

describe('subscriptions by long poll', () => {
  it('gives the snapshot, then each change as it comes', async () => {
    await publish('cod', 5);
    const { session } = await polls.open({ request: asked() });
    const begun = await until(session, 'snapshotEnd');
    expect(begun.map(({ $case }) => $case)).toEqual(['subscribed', 'snapshotBegin', 'snapshotChunk', 'snapshotEnd']);
    const waiting = until(session, 'batch');
    await publish('eel', 8);
    const batch = (await waiting).find(({ $case }) => $case === 'batch')?.value as idl.Batch;
    expect([batch.fromSeq, batch.toSeq, batch.updates?.map(({ key }) => key)]).toEqual([1n, 2n, ['eel']]);
    await polls.close({ session });
    await expect(polls.poll({ session, max: 1, waitMs: 0 })).rejects.toEqual(refusedWith('NO_SUCH_SESSION'));
  });

  it('hands out at most what was asked for, and each update once', async () => {
    const { session } = await polls.open({
      request: { ...asked({ kind: idl.StartKind.Head }), mode: idl.Mode.Every },
    });
    for (let n = 1; n <= 10; n++) await publish('cod', n);
    const seqs: bigint[] = [];
    let position = 0n;
    while (position < 10n) {
      const events = await polls.poll({ session, max: 3, waitMs: 2000 });
      const batches = events.flatMap((event) => (event.$case === 'batch' ? [event.value] : []));
      const updates = batches.flatMap((batch) => batch.updates ?? []);
      expect(updates.length).toBeLessThanOrEqual(3);
      for (const { fromSeq, toSeq } of batches) {
        expect(fromSeq).toBe(position);
        position = toSeq;
      }
      seqs.push(...updates.map(({ seq }) => seq));
    }
    expect(seqs).toEqual(Array.from({ length: 10 }, (_, at) => BigInt(at + 1)));
  });

  it('resumes after a position, and says so', async () => {
    const { epoch } = await publish('cod', 5);
    await publish('cod', 6);
    const start = { kind: idl.StartKind.Resume, epoch: Buffer.from(epoch, 'hex'), seq: 1n };
    const { session } = await polls.open({ request: asked(start) });
    const events = await until(session, 'batch');
    expect(events).toMatchObject([
      { $case: 'subscribed', value: { outcome: idl.Outcome.Replay, fromSeq: 1n } },
      { $case: 'batch', value: { fromSeq: 1n, toSeq: 2n, updates: [{ seq: 2n, key: 'cod' }] } },
    ]);
  });

  it('ends with a reason, once, then knows the session no more', async () => {
    const { session } = await polls.open({ request: idl.OpenRequest.create({ topic: 'no.Such/Topic' }) });
    expect(await polls.poll({ session, max: 1, waitMs: 2000 })).toMatchObject([
      { $case: 'unsubscribed', value: { code: 'NO_SUCH_TOPIC', retryable: false } },
    ]);
    await expect(polls.poll({ session, max: 1, waitMs: 0 })).rejects.toEqual(refusedWith('NO_SUCH_SESSION'));
  });

  it('answers with nothing after the wait, and one poll at a time', async () => {
    const { session } = await polls.open({ request: asked({ kind: idl.StartKind.Head }) });
    await until(session, 'subscribed');
    expect(await polls.poll({ session, max: 1, waitMs: 20 })).toEqual([]);
    const first = polls.poll({ session, max: 1, waitMs: 20_000 }).then((events) => events.length);
    await polls.poll({ session, max: 1, waitMs: 20 });
    expect(await first).toBe(0);
  });

  it('tells who polls that the server goes', async () => {
    const { session } = await polls.open({ request: asked() });
    await until(session, 'snapshotEnd');
    const polled = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const waiting = until(session, 'goAway');
    await polled;
    void server.close({ grace: 2000 });
    expect((await waiting).at(-1)).toMatchObject({ $case: 'goAway', value: { reason: 'SHUTDOWN' } });
  });

  describe('refuses numbers that mean nothing, by name, never as a fault of the server:', () => {
    const huge = 2n ** 63n - 1n;
    it.each<[string, () => Partial<idl.Start>]>([
      ['RESUME below 0', () => ({ kind: idl.StartKind.Resume, seq: -1n })],
      ['RESUME beyond 2^53', () => ({ kind: idl.StartKind.Resume, seq: 2n ** 53n })],
      ['FROM_SEQ at the least', () => ({ kind: idl.StartKind.FromSeq, seq: -huge - 1n })],
      ['FROM_SEQ at the most', () => ({ kind: idl.StartKind.FromSeq, seq: huge })],
      ['FROM_TIME before the epoch', () => ({ kind: idl.StartKind.FromTime, time: -5n })],
      ['FROM_TIME beyond 2^53', () => ({ kind: idl.StartKind.FromTime, time: huge })],
      [
        'RESUME that holds an update below 0',
        () => ({ kind: idl.StartKind.Resume, held: { epoch: Buffer.alloc(16), seq: -1n } }),
      ],
      ['LAST_N below 0', () => ({ kind: idl.StartKind.LastN, count: -1 })],
      ['LAST_N at the least', () => ({ kind: idl.StartKind.LastN, count: -(2 ** 31) })],
      ['a number of another start', () => ({ kind: idl.StartKind.Head, count: -1 })],
    ])('a start with %s', async (_, from) => {
      const error = await polls.open({ request: asked(from()) }).catch((caught: unknown) => caught);
      expect(error).toEqual(refusedWith('INVALID_REQUEST'));
      expect((error as idl.SubscriptionError).message).toMatch(
        /^(seq|time|count|held\.seq) is -?\d+; it is a whole number from 0/,
      );
    });

    it('a commit', async () => {
      await publish('cod', 5);
      const { session } = await polls.open({ request: asked() });
      const epoch = Buffer.alloc(16);
      for (const seq of [-1n, -huge - 1n, 2n ** 53n, huge]) {
        await expect(polls.commit({ session, position: { epoch, seq } })).rejects.toEqual(
          refusedWith('INVALID_POSITION'),
        );
      }
      for (const bytes of [1, 15, 17, 1000]) {
        const position = { epoch: Buffer.alloc(bytes), seq: 1n };
        await expect(polls.commit({ session, position })).rejects.toEqual(refusedWith('INVALID_POSITION'));
      }
      await expect(polls.commit({ session, position: { epoch, seq: 2n ** 53n - 1n } })).rejects.toEqual(
        refusedWith('COMMIT_OF_OTHER_HISTORY'),
      );
      // The session is none the worse.
      expect((await until(session, 'snapshotEnd')).length).toBeGreaterThan(0);
    });

    it('a poll', async () => {
      const { session } = await polls.open({ request: asked({ kind: idl.StartKind.Head }) });
      for (const max of [-1, -(2 ** 31)]) {
        await expect(polls.poll({ session, max, waitMs: 0 })).rejects.toEqual(refusedWith('INVALID_MAX'));
      }
      for (const waitMs of [-1, -(2 ** 31)]) {
        await expect(polls.poll({ session, max: 1, waitMs })).rejects.toEqual(refusedWith('INVALID_WAIT'));
      }
      await publish('cod', 5);
      const most = 2 ** 31 - 1;
      const events = await polls.poll({ session, max: most, waitMs: most });
      expect(events.length).toBeGreaterThan(0);
    });

    it('also where no wire has checked them', () => {
      for (const max of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, -1])
        expect(() => maxOf(max)).toThrow(`max is ${max}`);
      for (const wait of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
        expect(() => waitOf(wait)).toThrow(`wait_ms is ${wait}`);
      }
      expect(() => countOf(Number.NaN, 'count', 'INVALID_REQUEST')).toThrow('count is NaN');
      expect(() => wholeNumber(1.5 as never, 'seq', 'INVALID_REQUEST')).toThrow('seq is 1.5');
    });
  });

  it('never holds more than one answer, however much a poll asks for', () => {
    expect(maxOf(2 ** 31 - 1)).toBe(mostUpdates);
    expect(maxOf(7)).toBe(7);
  });

  it.each([
    ['max', () => polls.poll({ session: 'x', max: 1, waitMs: 0 }), 'NO_SUCH_SESSION'],
    ['no request', () => polls.open({ request: undefined as never }), 'INVALID_REQUEST'],
    [
      'a seq below 0',
      () => polls.open({ request: asked({ kind: idl.StartKind.Resume, seq: -1n }) }),
      'INVALID_REQUEST',
    ],
  ])('refuses %s', async (_, call, code) => {
    await expect(call()).rejects.toEqual(refusedWith(code));
  });
});
