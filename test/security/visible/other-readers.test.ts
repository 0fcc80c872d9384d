/** What those may see that are no live subscription of our own: plain calls, who comes back, consumers, and clients of other makes. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ClientItem, Reset_Reason, Start_Kind } from '../../../gen/hawser/subscription/v1/subscription.js';
import { Subscriptions } from '../../../gen/hawser/subscription/v1/subscription.rpc.js';
import { Quotes } from '../../../gen/market.js';
import type { Call } from '../../../src/call/call.js';
import { silentLogger } from '../../../src/call/logger.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import { createClient } from '../../../src/client/create-client.js';
import { unary } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';
import { longestAuthorization } from '../../../src/interceptors/authorize.js';
import { permission } from '../../../src/interceptors/permission.js';
import type { ServerEventHub } from '../../../src/interceptors/server-events.js';
import { memoryTopics } from '../../../src/stores/memory/topic-store.js';
import { sqliteStore } from '../../../src/stores/sqlite/sqlite-store.js';
import { consume } from '../../../src/subscription/consume.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { declaration, HubClient, subscription } from '../../support/hub-client.js';
import { Prices } from '../../support/prices.js';
import { scratchFolder } from '../../support/scratch.js';
import { keysOf, openMarket, type Policy, secret } from './market.js';

const byKey: Policy = ({ key }) => key === undefined || !secret(key);
const visible: Policy = () => (key) => !secret(key);
const soon = (actual: () => unknown) => expect.poll(actual, { timeout: 15_000, interval: 5 });
const topic = 'test.Prices/Watch';
const resets: Record<number, string> = { [Reset_Reason.VIEW_CHANGED]: 'VIEW_CHANGED' };

async function market(policy: Policy, options = {}) {
  const opened = await openMarket(policy, options);
  for (const fish of ['cod', 'secret ray', 'eel']) await opened.publish(fish);
  return opened;
}

function collectStream(stream: AsyncIterable<unknown>) {
  const got: string[] = [];
  const ended = (async () => {
    for await (const { fish, price } of stream as AsyncIterable<{ fish: string; price: number }>)
      got.push(`${fish} ${price}`);
  })().catch((error: unknown) => error);
  return { got, ended };
}

/** As a client of another make knows it: a function that returns a list. */
const { request, response } = Quotes.methods.prices;
const QuotesByCall = defineService({
  name: Quotes.name,
  idl: 'thrift',
  fingerprint: '',
  methods: { prices: unary({ name: 'Prices', request, response: (response as unknown as Snapshot).snapshot }) },
});
interface Snapshot {
  readonly snapshot: typeof response;
}
const silent = { logger: silentLogger, retry: false } as const;

describe.each(['grpc', 'memory'] as const)('a plain stream of a topic, over %s,', (wire) => {
  it('has what may be seen, and ends where that changes', async () => {
    const it = await market(visible);
    const { got, ended } = collectStream(it.proto(it[wire]).watch({}));
    await soon(() => got).toEqual(['cod 1', 'eel 1']);
    await it.publish('secret eel', 2);
    await it.publish('cod', 2);
    await soon(() => got).toEqual(['cod 1', 'eel 1', 'cod 2']);
    it.market.policy = () => new Set(['cod']);
    await it.server.reauthorize('mallory');
    expect(await ended).toMatchObject({ code: 'ABORTED', reason: 'VIEW_CHANGED' });
  });

  it.each([
    ['all keys', byKey, {}, 'PERMISSION_DENIED'],
    ['a secret key', byKey, { keys: ['secret ray'] }, 'PERMISSION_DENIED'],
    ['one secret key of two', byKey, { keys: ['cod', 'secret ray'] }, 'PERMISSION_DENIED'],
    ['everything', () => false, {}, 'PERMISSION_DENIED'],
    [
      'with words of its own',
      () => {
        throw new RpcError('FAILED_PRECONDITION', 'pay first', { reason: 'UNPAID' });
      },
      {},
      'FAILED_PRECONDITION',
    ],
  ] satisfies [string, Policy, object, string][])(
    'says why it is refused, as a subscription does: %s',
    async (_, policy, request, code) => {
      const it = await market(policy);
      const { got, ended } = collectStream(it.proto(it[wire]).watch(request));
      expect(await ended).toMatchObject({ code });
      expect(got).toEqual([]);
      await expect(it.proto(it[wire]).watch.subscribe(request).ready).rejects.toMatchObject({ code });
    },
  );
});

it('a plain call of a topic over Thrift answers with what may be seen', async () => {
  const it = await market(visible);
  const client = createClient(QuotesByCall, it.thrift, { ...silent, headers: { principal: 'mallory' } });
  onTestFinished(() => client.$close());
  const prices = client.prices as unknown as (request: object) => Promise<{ fish: string }[]>;
  expect((await prices({ keys: [] })).map(({ fish }) => fish)).toEqual(['cod', 'eel']);
  await expect(prices({ keys: ['secret ray'] })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  it.market.policy = byKey;
  await expect(prices({ keys: [] })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

describe('a position', () => {
  const cursorsAfter = async (it: Awaited<ReturnType<typeof market>>, request: object = {}) => {
    const before = it.proto(it.grpc);
    await before.watch.subscribe(request).ready;
    const cursors = before.$exportCursors();
    await before.$close();
    return JSON.parse(JSON.stringify(cursors)) as typeof cursors;
  };
  const resumed = async (it: Awaited<ReturnType<typeof market>>, cursors: Awaited<ReturnType<typeof cursorsAfter>>) => {
    const client = it.proto(it.grpc);
    client.$importCursors(cursors);
    const subscription = client.watch.subscribe({});
    const resets: string[] = [];
    subscription.on('reset', ({ reason }) => resets.push(reason));
    const { outcome } = await new Promise<{ outcome: string }>((resolve, reject) => {
      subscription.on('recovered', resolve);
      subscription.on('ready', resolve);
      subscription.on('end', ({ error }) => reject(error));
    });
    return { subscription, outcome, resets };
  };
  const set: Policy = () => new Set(['cod', 'eel']);
  const may = (key: string): boolean => !secret(key);

  it.each([
    ['the same set', set, () => new Set(['eel', 'cod']), 'REPLAY', ['cod', 'eel']],
    ['the same function', () => may, () => may, 'REPLAY', ['cod', 'eel']],
    ['another function', visible, visible, 'RESET', ['cod', 'eel']],
    ['fewer keys', set, () => new Set(['eel']), 'RESET', ['eel']],
    ['more keys', set, () => true, 'RESET', ['cod', 'eel', 'secret ray']],
    ['fewer keys than all', () => true, set, 'RESET', ['cod', 'eel']],
  ] satisfies [string, Policy, Policy, string, string[]][])(
    'carries no permission, and is worth what was shown by it: %s',
    async (_, before, now, due, keys) => {
      const it = await market(before);
      const cursors = await cursorsAfter(it);
      it.market.policy = now;
      const { subscription, outcome, resets } = await resumed(it, cursors);
      expect([outcome, resets]).toEqual([due, due === 'RESET' ? ['VIEW_CHANGED'] : []]);
      await soon(() => keysOf(subscription)).toEqual(keys);
    },
  );

  it('is worth nothing after permissions changed, though the function is the same', async () => {
    const it = await market(() => may);
    const cursors = await cursorsAfter(it);
    await it.server.reauthorize('mallory');
    expect((await resumed(it, cursors)).outcome).toBe('RESET');
  });

  it('is refused where nothing may be seen any more', async () => {
    const it = await market(set);
    const cursors = await cursorsAfter(it);
    it.market.policy = () => false;
    await expect(resumed(it, cursors)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

it('a consumer pages through what it may see, and goes on where that changes', async () => {
  const folder = scratchFolder('visible');
  onTestFinished(() => folder.remove());
  const it = await market(visible);
  const got: string[] = [];
  const store = sqliteStore(`${folder.path}/ledger.db`);
  const consumer = consume(it.proto(it.grpc).watch, 'ledger', ({ key, seq }) => void got.push(`${key} ${seq}`), {
    store,
    logger: silentLogger,
  });
  onTestFinished(() => consumer.stop());
  await soon(() => got).toEqual(['cod 1', 'eel 3']);
  it.market.policy = () => new Set(['secret ray']);
  await it.server.reauthorize('mallory');
  for (const fish of ['cod', 'secret ray', 'eel']) await it.publish(fish, 2);
  await soon(() => got).toEqual(['cod 1', 'eel 3', 'secret ray 5']);
});

describe('updates that are put together', () => {
  it('are those of keys that may be seen, each counted, and another key that cannot be merged is no matter', async () => {
    const it = await market(visible);
    const merged = it.server.topic(Prices.methods.merged);
    const subscription = it.proto(it.grpc).merged.subscribe({});
    await subscription.ready;
    const seen: unknown[] = [];
    const cuts: number[] = [];
    subscription.on('consistent', ({ cut }) => cut && cuts.push(cut.represented + cut.skipped - (cut.to - cut.from)));
    subscription.pause();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const [fish, price] of [
      ['cod', 1],
      ['secret', 1],
      ['cod', 2],
      ['secret', -1],
      ['cod', 3],
    ] as const) {
      await merged.publish({ fish, price });
    }
    subscription.resume();
    for await (const { key, value, mergedCount } of subscription) {
      seen.push([key, value?.price, mergedCount]);
      break;
    }
    expect([seen, cuts.every((rest) => rest === 0)]).toEqual([[['cod', 6, 3]], true]);
  });
});

describe('a client of another make', () => {
  const connected = (it: Awaited<ReturnType<typeof market>>) => {
    const client = createClient(Subscriptions, it.grpc, {
      logger: silentLogger,
      retry: false,
      headers: { principal: 'mallory' },
    });
    onTestFinished(() => client.$close());
    const waiting: ((item: ClientItem[]) => void)[] = [];
    const given: ClientItem[][] = [];
    const give = (...items: NonNullable<ClientItem['item']>[]): void => {
      const frame = items.map((item) => ({ item }));
      const next = waiting.shift();
      if (next === undefined) given.push(frame);
      else next(frame);
    };
    async function* frames() {
      for (;;) yield { items: given.shift() ?? (await new Promise<ClientItem[]>((resolve) => waiting.push(resolve))) };
    }
    const items: string[] = [];
    void (async () => {
      for await (const frame of client.connect(frames())) {
        for (const { item } of frame.items) {
          if (item?.$case === 'snapshotChunk') items.push(...item.value.entries.map(({ key }) => `entry ${key}`));
          else if (item?.$case === 'batch') items.push(...item.value.updates.map(({ key }) => `update ${key}`));
          else if (item?.$case === 'snapshotEnd') items.push(`end ${item.value.count}`);
          else if (item?.$case === 'error' || item?.$case === 'unsubscribed')
            items.push(`${item.$case} ${item.value.code} ${item.value.status}`);
          else if (item?.$case === 'reset') items.push(`reset ${resets[item.value.reason]}`);
        }
      }
    })().catch(() => {});
    give({ $case: 'hello', value: { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0 } });
    return { give, items };
  };
  const none = { keysAdd: [], keysRemove: [] };

  it('that names no keys is asked about as one that wants all', async () => {
    const it = await market(byKey);
    const { give, items } = connected(it);
    give({ $case: 'subscribe', value: subscription(1, topic) });
    await soon(() => items).toEqual(['unsubscribed PERMISSION_DENIED 7']);
    expect(it.market.asked.map(({ keys }) => keys)).toEqual(['all']);
  });

  it('is counted what it may see in a snapshot, and nothing else', async () => {
    const it = await market(visible);
    const { give, items } = connected(it);
    give({ $case: 'subscribe', value: subscription(1, topic) });
    await soon(() => items).toEqual(['entry cod', 'entry eel', 'end 2']);
  });

  it('that takes away its last key gets nothing', async () => {
    const it = await market(() => true);
    const { give, items } = connected(it);
    give({ $case: 'subscribe', value: subscription(1, topic, { keys: ['cod'] }) });
    await soon(() => items).toEqual(['entry cod', 'end 1']);
    give({ $case: 'amend', value: { sub: 1, ...none, keysRemove: ['cod'] } });
    await soon(() => items.at(-1)).toBe('end 0');
    await it.publish('cod', 2);
    give({ $case: 'amend', value: { sub: 1, ...none, keysAdd: ['eel'] } });
    await soon(() => items.slice(-2)).toEqual(['entry eel', 'end 1']);
    expect(items.filter((item) => item.includes('cod'))).toEqual(['entry cod']);
  });

  it('may not amend what it may not subscribe to, and cannot take keys from all', async () => {
    const it = await market(visible);
    const { give, items } = connected(it);
    give({ $case: 'subscribe', value: subscription(1, topic, { keys: ['cod'] }) });
    give({ $case: 'subscribe', value: subscription(2, topic) });
    give({ $case: 'amend', value: { sub: 1, ...none, keysAdd: ['secret ray'], keysRemove: ['cod'] } });
    give({ $case: 'amend', value: { sub: 2, ...none, keysRemove: ['cod'] } });
    await soon(() => items.filter((item) => item.startsWith('error')).sort()).toEqual([
      'error INVALID_KEYS 3',
      'error PERMISSION_DENIED 7',
    ]);
  });

  it('that comes back and does not say by what view begins anew where something is hidden', async () => {
    const it = await market(visible);
    const { give, items } = connected(it);
    const epoch = Buffer.from(it.server.topic(Prices.methods.watch).head.epoch, 'hex');
    const start = { kind: Start_Kind.RESUME, epoch, seq: 2, time: 0, count: 0 };
    give({ $case: 'subscribe', value: subscription(1, topic, { start }) });
    await soon(() => items).toEqual(['reset VIEW_CHANGED', 'entry cod', 'entry eel', 'end 2']);
  });
});

describe('the hook', () => {
  const patient = (keys: number) => Array.from({ length: keys }, (_, n) => `k${n}`);

  it('is not asked on for each key when the client has gone', async () => {
    const it = await market(async ({ key }) => {
      if (key !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
      return true;
    });
    const client = it.proto(it.grpc);
    const subscription = client.watch.subscribe({ keys: patient(2000) });
    subscription.ready.catch(() => {});
    await soon(() => it.market.asked.length > 3).toBe(true);
    await client.$close();
    let before = 0;
    await soon(() => {
      const grown = it.market.asked.length - before;
      before = it.market.asked.length;
      return grown;
    }).toBe(0);
    expect(it.market.asked.length).toBeLessThan(1500);
  });

  it('is asked sixteen questions of one connection at once', async () => {
    let running = 0;
    let most = 0;
    const hub = new Hub({
      stores: memoryTopics(),
      authorize: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return 'all' as const;
      },
    });
    hub.declare(declaration('t.S/Topic'));
    onTestFinished(() => hub.close(0));
    const client = new HubClient(hub);
    for (let sub = 1; sub <= 200; sub++) client.subscribe(sub, 't.S/Topic');
    await soon(() => client.of('subscribed').length).toBe(200);
    expect(most).toBe(16);
  });

  it('that never answers refuses, so that the client asks again later', async () => {
    const clock = new VirtualClock();
    const call = { principal: 'mallory', method: { path: topic } } as Call;
    const context = { clock, logger: silentLogger, events: { wants: () => false } as unknown as ServerEventHub };
    const request = { action: 'subscribe', topic, keys: 'all', keyed: true, wanted: () => true } as const;
    const answer = permission(() => new Promise(() => {}), call, context, request).catch((error: unknown) => error);
    await clock.advance(longestAuthorization - 1);
    expect(await Promise.race([answer, 'waits'])).toBe('waits');
    await clock.advance(1);
    expect(await answer).toMatchObject({ code: 'UNAVAILABLE', reason: 'AUTHORIZATION_TIMEOUT' });
  });
});
