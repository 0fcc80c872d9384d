/** What a subscriber may see, over every wire that it can subscribe by: nothing that `authorize` did not let through. */
import { describe, expect, it } from 'vitest';
import { isRpcError } from '../../../src/call/rpc-error.js';
import type { SubscribeOptions } from '../../../src/subscription/subscriber/options.js';
import type { Subscription } from '../../../src/subscription/subscriber/subscription.js';
import { collect, keysOf, openMarket, type Policy, secret } from './market.js';

type Opened = Awaited<ReturnType<typeof openMarket>>;
type Subscribe = (request: object, options?: SubscribeOptions) => Subscription<unknown>;

const wires = {
  gRPC: (it: Opened): Subscribe => it.proto(it.grpc).watch.subscribe,
  memory: (it: Opened): Subscribe => it.proto(it.memory).watch.subscribe,
  'polls over Thrift': (it: Opened): Subscribe => it.quotes(it.thrift).prices.subscribe,
};
/** Of the wires on which a subscription can be changed. */
const streams = { gRPC: wires.gRPC, memory: wires.memory };

/** The policy of a server that has not heard of all keys: it judges those that are named. */
const byKey: Policy = ({ key }) => key === undefined || !secret(key);
const visible: Policy = () => (key) => !secret(key);
const named: Policy = () => new Set(['cod', 'eel']);
const denied = (error: unknown): unknown => isRpcError(error) && error.code;
const soon = (actual: () => unknown) => expect.poll(actual, { timeout: 15_000, interval: 5 });

async function market(policy: Policy, options = {}) {
  const opened = await openMarket(policy, options);
  for (const fish of ['cod', 'secret ray', 'eel']) await opened.publish(fish);
  return opened;
}

describe.each(Object.entries(wires))('a subscription, over %s,', (_, wire) => {
  it('to all keys is refused by a policy that has no word for all of them', async () => {
    const it = await market(byKey);
    const subscription = wire(it)({});
    await expect(subscription.ready).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(it.market.asked.map(({ action, key, keys }) => [action, key, keys])).toEqual([
      ['subscribe', undefined, 'all'],
    ]);
    expect(keysOf(subscription)).toEqual([]);
  });

  it.each([
    ['true', () => true, ['cod', 'eel', 'secret ray']],
    ['a word for all', ({ keys }) => keys === 'all', ['cod', 'eel', 'secret ray']],
    ['a function', visible, ['cod', 'eel']],
    ['a set', named, ['cod', 'eel']],
    ['an empty set', () => new Set<string>(), []],
  ] satisfies [string, Policy, string[]][])('to all keys is shown what is answered: %s', async (_, policy, keys) => {
    const it = await market(policy);
    const subscription = wire(it)({});
    await subscription.ready;
    expect(keysOf(subscription)).toEqual(keys);
    for (const fish of ['secret eel', 'cod']) await it.publish(fish, 2);
    if (keys.includes('cod')) await soon(() => subscription.position?.seq).toBe(5);
    expect(keysOf(subscription)).toEqual(keys.includes('secret ray') ? [...keys, 'secret eel'].sort() : keys);
  });

  it.each([
    ['nothing', () => undefined as never],
    ['false', () => false],
    ['a list', () => ['cod'] as never],
    ['text', () => 'all' as never],
    ['a number', () => 1 as never],
    [
      'a throw',
      () => {
        throw new Error('no');
      },
    ],
  ] satisfies [string, Policy][])('is refused by any other answer: %s', async (_, policy) => {
    const it = await market(policy);
    for (const request of [{}, { keys: ['cod'] }, { keys: [] }]) {
      await expect(wire(it)(request).ready).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
  });

  it.each([
    ['key by key', byKey],
    ['a function', visible],
    ['a set', named],
  ])('by name is refused where none of it may be seen: %s', async (_, policy) => {
    const it = await market(policy);
    await expect(wire(it)({ keys: ['secret ray'] }).ready).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const subscription = wire(it)({ keys: ['cod'] });
    await subscription.ready;
    expect(keysOf(subscription)).toEqual(['cod']);
  });

  it('to no keys gets nothing', async () => {
    const it = await market(() => true);
    const subscription = wire(it)({ keys: [] });
    await subscription.ready;
    await it.publish('cod', 2);
    await soon(() => subscription.state).toBe('Live');
    expect([keysOf(subscription), it.market.asked[0]?.keys]).toEqual([[], new Set()]);
  });

  it('deletes what may not be seen any more, and is sent what may be', async () => {
    const it = await market(visible);
    const subscription = wire(it)({});
    const { told } = collect(subscription);
    await subscription.ready;
    await soon(() => told).toEqual(['set cod', 'set eel']);
    it.market.policy = () => new Set(['eel', 'secret ray']);
    await it.server.reauthorize('mallory');
    await soon(() => keysOf(subscription)).toEqual(['eel', 'secret ray']);
    await soon(() => told).toContain('delete cod');
    await it.publish('cod', 3);
    await it.publish('eel', 3);
    await soon(() => told.at(-1)).toBe('set eel');
    expect(keysOf(subscription)).toEqual(['eel', 'secret ray']);
  });

  it('ends where everything is taken back, and holds nothing then', async () => {
    const it = await market(visible);
    const subscription = wire(it)({});
    const { ended } = collect(subscription);
    await subscription.ready;
    it.market.policy = () => false;
    await it.server.reauthorize('mallory');
    expect(denied(await ended)).toBe('PERMISSION_DENIED');
    expect(keysOf(subscription)).toEqual([]);
  });

  it('is sent nothing between the change and the answer, however late that is', async () => {
    const it = await market(() => true);
    const subscription = wire(it)({});
    await subscription.ready;
    let answer: (visible: ReadonlySet<string>) => void = () => {};
    it.market.policy = () => new Promise((resolve) => (answer = resolve));
    const done = it.server.reauthorize('mallory');
    await it.publish('secret eel');
    await it.publish('cod', 9);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(subscription.position?.seq).toBe(3);
    answer(new Set(['cod']));
    await done;
    await soon(() => keysOf(subscription)).toEqual(['cod']);
  });

  it('of another principal is left alone', async () => {
    const it = await market(visible);
    const subscription = wire(it)({});
    await subscription.ready;
    it.market.policy = () => false;
    await it.server.reauthorize('alice');
    await it.publish('cod', 2);
    await soon(() => subscription.position?.seq).toBe(4);
  });

  it.each([
    ['key by key', byKey],
    ['a function', visible],
    ['a set', named],
  ])('of every update, that accepts no reset, goes on with what may be seen: %s', async (_, policy) => {
    const it = await market((resource, principal) => (resource.keys === 'all' ? visible : policy)(resource, principal));
    const subscription = wire(it)({}, { mode: 'EVERY', accept: ['REPLAY'], from: { seq: 1 } });
    const { told } = collect(subscription);
    await soon(() => told).toEqual(['set cod', 'set eel']);
    it.market.policy = () => (key) => key !== 'cod';
    await it.server.reauthorize();
    for (const fish of ['cod', 'secret ray', 'eel']) await it.publish(fish, 2);
    await soon(() => told).toEqual(['set cod', 'set eel', 'set secret ray', 'set eel']);
    expect(keysOf(subscription)).not.toContain('cod');
  });
});

describe.each(Object.entries(streams))('a subscription that is changed, over %s,', (_, wire) => {
  it.each([
    ['key by key', byKey],
    ['a function', visible],
    ['a set', named],
  ])('is asked for as a new one is, and stays as it was where that is refused: %s', async (_, policy) => {
    const it = await market(policy);
    const subscription = wire(it)({ keys: ['cod'] });
    const refused: string[] = [];
    subscription.on('refused', ({ error }) => refused.push(error.code));
    await subscription.ready;
    subscription.amend(policy === byKey ? { keysAdd: ['eel', 'secret ray'] } : { keys: ['secret ray'] });
    await soon(() => refused).toEqual(['PERMISSION_DENIED']);
    await it.publish('secret ray', 2);
    await it.publish('cod', 2);
    await soon(() => subscription.position?.seq).toBe(5);
    expect(keysOf(subscription)).toEqual(['cod']);
    subscription.amend({ keysAdd: ['eel'] });
    await soon(() => keysOf(subscription)).toEqual(['cod', 'eel']);
  });

  it('to all keys is asked for all of them', async () => {
    const it = await market(byKey);
    const subscription = wire(it)({ keys: ['cod'] });
    const refused: string[] = [];
    subscription.on('refused', ({ error }) => refused.push(error.code));
    await subscription.ready;
    subscription.amend({ keys: 'all' });
    await soon(() => refused).toEqual(['PERMISSION_DENIED']);
    it.market.policy = visible;
    subscription.amend({ keys: 'all' });
    await soon(() => keysOf(subscription)).toEqual(['cod', 'eel']);
    expect(it.market.asked.filter(({ keys }) => keys === 'all')).toHaveLength(2);
  });

  it('gets nothing without its last key, and what is added then', async () => {
    const it = await market(() => true);
    const subscription = wire(it)({ keys: ['cod'] });
    await subscription.ready;
    subscription.amend({ keysRemove: ['cod'] });
    await soon(() => keysOf(subscription)).toEqual([]);
    for (const fish of ['cod', 'secret ray']) await it.publish(fish, 2);
    subscription.amend({ keysAdd: ['eel'] });
    await soon(() => keysOf(subscription)).toEqual(['eel']);
    expect(() => wire(it)({}).amend({ keysRemove: ['cod'] })).toThrow('all keys');
    expect(() => subscription.amend({ keys: ['cod'], keysAdd: ['eel'] })).toThrow('keysAdd');
    expect(() => subscription.amend({ keysAdd: 'cod' as never })).toThrow('a list of strings');
  });
});
