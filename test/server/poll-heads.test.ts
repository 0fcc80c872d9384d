/** Polls for no updates: one that has no room is told how far the log is, gets none, and opens no credit by it. */
import { expect, it, onTestFinished } from 'vitest';
import * as idl from '../../gen/hawser.js';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';

async function serve() {
  const server = createServer({ health: false, reflection: false, logger: silentLogger }).add(Quotes, {});
  const prices = server.topic(Quotes.methods.prices);
  const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
  const polls = createClient(idl.Subscriptions, `thrift://${thrift}`, { logger: silentLogger });
  onTestFinished(async () => {
    await polls.$close();
    await server.close({ grace: 0 });
  });
  let n = 0;
  const publish = async (count: number) => {
    for (let i = 0; i < count; i++) await prices.publish({ fish: `f${++n % 7}`, price: n, market: 1, seq: 0n });
  };
  const open = async (kind: idl.StartKind, mode: idl.Mode = idl.Mode.Every) => {
    const topic = 'market.v1.Quotes/Prices';
    const request = { ...idl.OpenRequest.create({ topic, start: idl.Start.create({ kind }) }), mode };
    const opened = await polls.open({ request });
    expect(opened.tellsHead).toBe(true);
    return (max: number, waitMs = 5_000) => polls.poll({ session: opened.session, max, waitMs });
  };
  return { publish, open };
}

const kinds = (events: readonly idl.Event[]) => events.map(({ $case }) => $case);
const updatesIn = (events: readonly idl.Event[]) =>
  events.flatMap((event) =>
    event.$case === 'batch'
      ? (event.value.updates ?? [])
      : event.$case === 'snapshotChunk'
        ? (event.value.entries ?? [])
        : [],
  );
const headIn = (events: readonly idl.Event[]): bigint =>
  events.reduce((head, event) => (event.$case === 'progress' ? event.value.head : head), 0n);

it('says how far the log is as soon as that is news, and where the poller stands', async () => {
  const { publish, open } = await serve();
  await publish(5);
  const poll = await open(idl.StartKind.Head);
  expect(kinds(await poll(0))).toEqual(['subscribed']);
  for (const head of [15n, 25n]) {
    const waiting = poll(0);
    await publish(10);
    let events = await waiting;
    // It may have been told in the middle of them.
    while (headIn(events) !== head) events = await poll(0);
    expect(events).toMatchObject([{ $case: 'progress', value: { head, deliveredTo: 5n } }]);
  }
  expect(await poll(0, 0)).toEqual([]);
  let position = 5n;
  while (position < 25n) {
    const events = await poll(3);
    expect(updatesIn(events).length).toBeLessThanOrEqual(3);
    for (const event of events) {
      if (event.$case !== 'batch') continue;
      expect(event.value.fromSeq).toBe(position);
      position = event.value.toSeq;
    }
  }
});

it('gives no entry of a snapshot, and the rest of it to the next poll that takes some', async () => {
  const { publish, open } = await serve();
  await publish(50);
  const poll = await open(idl.StartKind.Snapshot, idl.Mode.Latest);
  const before: idl.Event[] = [];
  while (!kinds(before).includes('snapshotBegin')) before.push(...(await poll(0)));
  expect(kinds(before)).toEqual(['subscribed', 'snapshotBegin']);
  expect(await poll(0, 50)).toEqual([]);
  const rest: idl.Event[] = [];
  while (!kinds(rest).includes('snapshotEnd')) {
    const events = await poll(3);
    expect(updatesIn(events).length).toBeLessThanOrEqual(3);
    rest.push(...events);
  }
  expect(new Set(updatesIn(rest).map(({ key }) => key)).size).toBe(7);
});

it('opens no credit, however often it is asked', async () => {
  const { publish, open } = await serve();
  const poll = await open(idl.StartKind.Head);
  for (let round = 0; round < 20; round++) {
    await publish(10);
    expect(updatesIn(await poll(0, 10))).toEqual([]);
  }
  const first = await poll(4);
  expect(updatesIn(first).length).toBeGreaterThan(0);
  expect(updatesIn(first).length).toBeLessThanOrEqual(4);
  expect(kinds(first)).not.toContain('gap');
});
