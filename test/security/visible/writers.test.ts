/** What clients may publish and delete: the keys that `authorize` lets them change, which need not be those that it shows them. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClientItem, Publish } from '../../../gen/hawser/subscription/v1/subscription.js';
import { Subscriptions } from '../../../gen/hawser/subscription/v1/subscription.rpc.js';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import type { MemoryNode } from '../../../src/transports/memory/network.js';
import { Prices } from '../../support/prices.js';
import { openMarket, type Policy, secret } from './market.js';

const topic = 'test.Prices/Watch';
const soon = (actual: () => unknown) => expect.poll(actual, { timeout: 15_000, interval: 5 });

const publication = (request: number, key: string, more: Partial<Publish> = {}): Publish => ({
  request,
  topic,
  key,
  value: Buffer.from(JSON.stringify({ fish: key, price: request })),
  tombstone: false,
  ttlMs: 0,
  producerId: '',
  producerSeq: 0,
  expect: undefined,
  atomicGroup: 0,
  ...more,
});
const deletion = (request: number, key: string): Publish =>
  publication(request, key, { value: new Uint8Array(), tombstone: true });

/** A connection that publishes by frames, as clients of any make do. */
function publisher(address: string | MemoryNode, principal = 'mallory') {
  const client = createClient(Subscriptions, address, { logger: silentLogger, retry: false, headers: { principal } });
  onTestFinished(() => client.$close());
  const given: ClientItem[][] = [];
  let wake = (): void => {};
  async function* frames() {
    for (;;) {
      const items = given.shift();
      if (items !== undefined) yield { items };
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  const answers: Record<number, string> = {};
  void (async () => {
    for await (const frame of client.connect(frames())) {
      for (const { item } of frame.items) {
        if (item?.$case === 'published') answers[item.value.request] = item.value.error?.code ?? 'published';
      }
    }
  })().catch(() => {});
  const give = (...items: NonNullable<ClientItem['item']>[]): void => {
    given.push(items.map((item) => ({ item })));
    wake();
  };
  give({ $case: 'hello', value: { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0 } });
  return {
    answers,
    publish: (...all: Publish[]) => give(...all.map((value) => ({ $case: 'publish' as const, value }))),
  };
}

const policies: Readonly<Record<string, { policy: Policy; cod: string; ray: string }>> = {
  nothing: { policy: () => false, cod: 'PERMISSION_DENIED', ray: 'PERMISSION_DENIED' },
  everything: { policy: () => true, cod: 'published', ray: 'published' },
  'a set': { policy: () => new Set(['cod', 'eel']), cod: 'published', ray: 'PERMISSION_DENIED' },
  'a function': { policy: () => (key) => !secret(key), cod: 'published', ray: 'PERMISSION_DENIED' },
  'single keys': { policy: ({ key }) => key === undefined || !secret(key), cod: 'published', ray: 'PERMISSION_DENIED' },
  'what it shows, and no word of publishing': {
    policy: ({ action }) => action !== 'publish' && ((key: string) => !secret(key)),
    cod: 'PERMISSION_DENIED',
    ray: 'PERMISSION_DENIED',
  },
  'publishing what it does not show': {
    policy: ({ action }) => action === 'publish',
    cod: 'published',
    ray: 'published',
  },
  'an answer that is none': {
    policy: () => ({ yes: true }) as never,
    cod: 'PERMISSION_DENIED',
    ray: 'PERMISSION_DENIED',
  },
};

describe.each(['grpc', 'memory'] as const)('over %s', (wire) => {
  it.each(Object.entries(policies))('a client publishes and deletes what is permitted: %s', async (_, row) => {
    const it = await openMarket(row.policy, { topics: { clientsPublish: true } });
    for (const fish of ['cod', 'secret ray', 'eel']) await it.publish(fish);
    const { answers, publish } = publisher(it[wire]);
    publish(publication(1, 'cod'), publication(2, 'secret ray'));
    publish(deletion(3, 'cod'), deletion(4, 'secret ray'));
    // Atomic: one key that is not permitted refuses the group.
    publish(publication(5, 'eel', { atomicGroup: 1 }), publication(6, 'secret ray', { atomicGroup: 1 }));
    await soon(() => answers).toEqual({ 1: row.cod, 2: row.ray, 3: row.cod, 4: row.ray, 5: row.ray, 6: row.ray });
    const asked = it.market.asked.filter(({ action }) => action !== 'publish');
    expect(asked).toEqual([]);
    // What the log holds is what was permitted.
    const log = it.server.topic(Prices.methods.watch);
    const written = [row.cod, row.ray, row.cod, row.ray, row.ray, row.ray].filter((one) => one === 'published').length;
    expect(log.head.seq).toBe(3 + written);
  });

  it('no client publishes where clients are not to, whatever the hook says', async () => {
    const it = await openMarket(() => true);
    const { answers, publish } = publisher(it[wire]);
    publish(publication(1, 'cod'), deletion(2, 'cod'));
    await soon(() => answers).toEqual({ 1: 'MAY_NOT_PUBLISH', 2: 'MAY_NOT_PUBLISH' });
    expect(it.server.topic(Prices.methods.watch).head.seq).toBe(0);
  });
});
