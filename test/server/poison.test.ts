/** Bytes that are no message of a topic: refused on every way in, and harmless where a log holds them already. */
import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ClientFrame, ServerFrame } from '../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import type { TopicMethod } from '../../src/contract/method.js';
import { createServer } from '../../src/server/create-server.js';
import type { TopicOptions } from '../../src/server/topics.js';
import { memoryTopics } from '../../src/stores/memory/topic-store.js';
import { sqliteStore } from '../../src/stores/sqlite/sqlite-store.js';
import type { TopicStore, TopicStores } from '../../src/subscription/topic-store.js';
import { Otel } from '../support/otel.js';
import { type Price, Prices, type WatchRequest } from '../support/prices.js';
import { scratchFolder } from '../support/scratch.js';

const bad = Buffer.from('{"fish":');
const good = (fish: string, price: number) => Buffer.from(JSON.stringify({ fish, price }));
const topics = { watch: 'test.Prices/Watch', sales: 'test.Prices/Sales', merged: 'test.Prices/Merged' } as const;

async function serve(kind: 'memory' | 'sqlite' = 'memory', onMalformed: TopicOptions['onMalformed'] = 'stop') {
  const folder = scratchFolder('poison');
  const made = new Map<string, TopicStore>();
  const store = kind === 'sqlite' ? sqliteStore(`${folder.path}/topics.db`) : undefined;
  const kept: TopicStores = store?.topics ?? memoryTopics();
  const stores: TopicStores = {
    durability: kept.durability,
    topic: (spec) => {
      const one = kept.topic(spec);
      made.set(spec.name, one);
      return one;
    },
    close: () => kept.close(),
  };
  const server = createServer({
    logger: silentLogger,
    reflection: false,
    topics: { store: stores, clientsPublish: true, onMalformed },
  }).add(Prices, {});
  server.topic(Prices.methods.merged).mergeWith((a, b) => ({ ...b, price: a.price + b.price }));
  const faults: unknown[] = [];
  const skipped: number[] = [];
  server.on('topicFault', ({ error }) => faults.push(error));
  server.on('topicMalformed', ({ seq }) => skipped.push(seq));
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const client = createClient(Prices, `grpc://${grpc}`, { logger: silentLogger });
  const raw = new Client(grpc, credentials.createInsecure());
  onTestFinished(async () => {
    raw.close();
    await client.$close();
    await server.close({ grace: 0 });
    folder.remove();
  });
  /** Past every check: as a log that is older than they are holds it. */
  const slip = async (topic: keyof typeof topics, key: string, value: Uint8Array) => {
    const { head } = server.topic(Prices.methods[topic]);
    await made.get(topics[topic])?.append([{ key, value, ttl: 0 }]);
    return head;
  };
  return { server, client, raw, slip, faults, skipped };
}

/** Publishes over a stream of its own, as a program without our codecs would. */
async function publish(raw: Client, topic: string, ...updates: readonly (readonly [key: string, value: Uint8Array])[]) {
  const same = (bytes: Buffer): Buffer => bytes;
  const stream = raw.makeBidiStreamRequest('/hawser.subscription.v1.Subscriptions/Connect', same, same);
  const codes: string[] = [];
  const over = new Promise<void>((resolve) => {
    stream.on('data', (bytes: Buffer) => {
      for (const { item } of ServerFrame.decode(bytes).items) {
        if (item?.$case === 'published') codes.push(item.value.error?.code ?? 'published');
      }
      if (codes.length === updates.length) resolve();
    });
    stream.on('error', () => resolve());
  });
  const hello = { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined };
  const items = updates.map(([key, value], request) => ({
    item: {
      $case: 'publish' as const,
      value: {
        request,
        topic,
        key,
        value,
        tombstone: false,
        ttlMs: 0,
        producerId: '',
        producerSeq: 0,
        atomicGroup: 1,
        expect: undefined,
      },
    },
  }));
  stream.write(Buffer.from(ClientFrame.encode({ items: [{ item: { $case: 'hello', value: hello } }, ...items] })));
  await over;
  stream.cancel();
  return codes;
}

describe('bytes that are no message', () => {
  it.each([
    ['watch', 'cod'],
    ['sales', ''],
    ['merged', 'cod'],
  ] as const)(
    'are refused of a client that may publish to %s, with the whole group that they are in',
    async (topic, key) => {
      const { server, raw, faults } = await serve();
      expect(await publish(raw, topics[topic], [key, bad])).toEqual(['VALUE_MALFORMED']);
      expect(await publish(raw, topics[topic], [key, good('cod', 1)], [key, bad])).toEqual([
        'VALUE_MALFORMED',
        'VALUE_MALFORMED',
      ]);
      expect(await publish(raw, topics[topic], [key, good('cod', 1)])).toEqual(['published']);
      expect(server.topic(Prices.methods[topic]).head.seq).toBe(1);
      expect(faults).toEqual([]);
    },
  );

  it.each(['watch', 'sales'] as const)(
    'are refused of the server itself, where a codec writes what it does not read: %s',
    async (topic) => {
      const { server } = await serve();
      const handle = server.topic(Prices.methods[topic]);
      // JSON.stringify makes nothing of it, and an empty text of that.
      const unreadable = { toJSON: () => undefined } as unknown as Price;
      await expect(handle.publish(unreadable)).rejects.toThrow();
      await expect(handle.publishAll([{ fish: 'cod', price: 1 }, unreadable])).rejects.toThrow();
      expect(handle.head.seq).toBe(0);
    },
  );
});

describe.each(['memory', 'sqlite'] as const)('a log in %s that holds them already', (kind) => {
  it.each(['watch', 'sales', 'merged'] as const)(
    'ends a plain reader of %s with the reason, and the server goes on',
    async (topic) => {
      const { server, client, slip } = await serve(kind);
      const handle = server.topic(Prices.methods[topic]);
      await handle.publish({ fish: 'eel', price: 1 });
      const call = client[topic] as unknown as (request: WatchRequest) => AsyncIterable<Price>;
      const following = (async () => {
        for await (const _ of call({}));
      })();
      let over = false;
      const end = following.finally(() => {
        over = true;
      });
      end.catch(() => {});
      // Where there are no keys, a reader begins at the head, and may begin after the first.
      while (!over) {
        await slip(topic, topic === 'sales' ? '' : 'cod', bad);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await expect(end).rejects.toMatchObject({ reason: 'RESPONSE_MALFORMED' });
      const { seq } = handle.head;
      expect((await handle.publish({ fish: 'eel', price: 2 })).seq).toBe(seq + 1);
    },
  );

  it.each(['watch', 'sales'] as const)(
    'ends a subscriber of %s that meets one with the reason and the number, and others go on',
    async (topic) => {
      const { server, client, slip } = await serve(kind);
      const method = Prices.methods[topic] as TopicMethod<WatchRequest, Price>;
      await server.topic(method).publish({ fish: 'cod', price: 1 });
      await slip(topic, topic === 'sales' ? '' : 'cod', bad);
      await server.topic(method).publish({ fish: 'eel', price: 2 });
      const read = async (from: number): Promise<number[]> => {
        const seqs: number[] = [];
        for await (const { seq } of client[topic].subscribe({}, { from: { seq: from }, mode: 'EVERY' })) {
          seqs.push(seq);
          if (seq === 3) break;
        }
        return seqs;
      };
      await expect(read(1)).rejects.toMatchObject({
        reason: 'RESPONSE_MALFORMED',
        message: expect.stringContaining('update 2'),
      });
      expect(await read(3)).toEqual([3]);
    },
  );

  it('ends one whose updates would be merged with it, for good and counted, and nobody else', async () => {
    const { server, client, slip, faults } = await serve(kind);
    const handle = server.topic(Prices.methods.merged);
    const other = client.watch.subscribe({});
    const merged = client.merged.subscribe({}, { from: 'head', conflate: 'ALWAYS' });
    const ended = new Promise<unknown>((resolve) => merged.on('end', ({ error }) => resolve(error)));
    await merged.ready;
    await handle.publishAll([
      { fish: 'cod', price: 1 },
      { fish: 'cod', price: 2 },
    ]);
    await expect.poll(() => merged.position?.seq, { timeout: 10_000 }).toBe(2);
    merged.pause();
    await slip('merged', 'cod', bad);
    await slip('merged', 'cod', good('cod', 3));
    merged.resume();
    expect(await ended).toMatchObject({ reason: 'MERGE_FAILED' });
    expect(faults.length).toBe(1);
    await server.topic(Prices.methods.watch).publish({ fish: 'ray', price: 9 });
    await expect.poll(() => other.replica().get('ray')?.price, { timeout: 10_000 }).toBe(9);
  });

  it('is left out for a subscriber that skips it, which is told so, in its changes and in its replica', async () => {
    const { server, client, slip } = await serve(kind);
    await server.topic(Prices.methods.watch).publish({ fish: 'eel', price: 1 });
    await slip('watch', 'cod', bad);
    await server.topic(Prices.methods.watch).publish({ fish: 'ray', price: 3 });
    const watching = client.watch.subscribe({}, { changes: false, onMalformed: 'skip' });
    const inReplica: unknown[] = [];
    watching.on('malformed', ({ key, seq, snapshot }) => inReplica.push([key, seq, snapshot]));
    await watching.ready;
    const replica = watching.replica();
    expect([replica.get('cod'), [...replica.entries()].map(([key]) => key).sort(), replica.has('cod')]).toEqual([
      undefined,
      ['eel', 'ray'],
      true,
    ]);
    expect(inReplica).toEqual([['cod', 2, true]]);
    const reading = client.watch.subscribe({}, { from: { seq: 1 }, mode: 'EVERY', onMalformed: 'skip' });
    const met: unknown[] = [];
    reading.on('malformed', ({ key, seq, value, error }) => met.push([key, seq, bad.equals(value), error.reason]));
    const seqs: number[] = [];
    for await (const { seq } of reading) {
      seqs.push(seq);
      if (seq === 3) break;
    }
    expect([seqs, met]).toEqual([[1, 3], [['cod', 2, true, 'RESPONSE_MALFORMED']]]);
  });

  it('is left out of a plain call and of what is merged, where the server skips it, and told', async () => {
    const otel = new Otel({ spans: false });
    const { server, client, slip, faults, skipped } = await serve(kind, 'skip');
    const handle = server.topic(Prices.methods.merged);
    await handle.publish({ fish: 'eel', price: 1 });
    await slip('merged', 'cod', bad);
    const call = client.merged as unknown as (request: WatchRequest) => AsyncIterableIterator<Price>;
    const plain = call({});
    expect((await plain.next()).value).toEqual({ fish: 'eel', price: 1 });
    expect(skipped).toEqual([2]);
    const merged = client.merged.subscribe({ keys: ['ray'] }, { from: 'head', conflate: 'ALWAYS' });
    await merged.ready;
    merged.pause();
    await handle.publish({ fish: 'ray', price: 1 });
    await slip('merged', 'ray', bad);
    await handle.publish({ fish: 'ray', price: 2 });
    // In one turn with those before it or not: what the merges come to is the same.
    merged.resume();
    await expect.poll(() => merged.replica().get('ray')?.price, { timeout: 10_000 }).toBe(3);
    expect([...skipped, ...faults]).toEqual(expect.arrayContaining([2, 4]));
    expect(faults).toEqual([]);
    await plain.return?.();
    const [point] = await otel.metric('hawser.server.topic.malformed');
    expect(point?.value).toBe(skipped.length);
  });
});
