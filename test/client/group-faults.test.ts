/**
 * What happens to readers that are inside a group which is larger than a frame: the server restarts, the log is trimmed, put back or
 * lost. On real sockets, by stream, by poll and by plain calls; the store holds a reader inside the group until that has happened.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import type { Codec } from '../../src/contract/codec.js';
import { topicStream, unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { createServer } from '../../src/server/create-server.js';
import type { Server } from '../../src/server/types.js';
import { memoryTopics } from '../../src/stores/memory/topic-store.js';
import { type SqliteStore, sqliteDriver, sqliteStore } from '../../src/stores/sqlite/index.js';
import type { SubscribeOptions } from '../../src/subscription/subscriber/options.js';
import type { TopicStores } from '../../src/subscription/topic-store.js';
import { faultProxy } from '../../src/testing/proxy/fault-proxy.js';
import { type Price, Prices } from '../support/prices.js';
import { scratchFolder } from '../support/scratch.js';

const topics = {
  precise: { recovery: 'PRECISE', durability: 'FSYNC' },
  gaps: { recovery: 'GAP', historyCount: 20 },
  resets: { recovery: 'DIVERGENT', durability: 'FSYNC' },
} as const;
type Topic = keyof typeof topics;

/** The same topics in either IDL; over Thrift by calls that return a list, too. */
function fishIn(idl: 'proto' | 'thrift') {
  const { request, response } = (idl === 'proto' ? Prices.methods.watch : Quotes.methods.prices) as unknown as {
    readonly request: Codec<object>;
    readonly response: Codec<Price> & { readonly snapshot: Codec<Price[]> };
  };
  const common = { name: 'test.HeldFish', idl, fingerprint: '' };
  const method = (name: Topic) => {
    const topic = topics[name];
    return topicStream<object, Price>({ name, request, response, policy: { topic } });
  };
  const methods = {
    precise: method('precise'),
    gaps: method('gaps'),
    resets: method('resets'),
  };
  const lists = { gaps: unary<object, Price[]>({ name: 'gaps', request, response: response.snapshot }) };
  return { streams: defineService({ ...common, methods }), lists: defineService({ ...common, methods: lists }) };
}

const services = { grpc: fishIn('proto'), thrift: fishIn('thrift') };
type Wire = keyof typeof services;

/** The group: updates 2 to 9 of a topic, unless more went before, in pages and frames of a few of them. */
const group = { from: 2, to: 9, each: 200_000 };
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** Holds who reads from inside the group, until it is let go. */
class Gate {
  shut = true;
  /** Of the updates before the one that the group follows. */
  offset = 0;
  readonly reached: Promise<void>;
  #tell!: () => void;
  #open: (() => void)[] = [];

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  stores(inner: TopicStores): TopicStores {
    return {
      ...inner,
      durability: inner.durability,
      close: () => inner.close(),
      topic: (spec) => {
        const store = inner.topic(spec);
        const { read } = store;
        store.read = (after, limits) => {
          const at = after - this.offset;
          if (!this.shut || at <= group.from || at >= group.to) return read.call(store, after, limits);
          this.#tell();
          return new Promise<void>((resolve) => this.#open.push(resolve)).then(() => read.call(store, after, limits));
        };
        return store;
      },
    };
  }

  open(): void {
    this.shut = false;
    for (const go of this.#open.splice(0)) go();
  }
}

async function market(wire: Wire) {
  const folder = scratchFolder('group-faults');
  const path = `${folder.path}/topics.db`;
  const gate = new Gate();
  const { streams, lists } = services[wire];
  let server!: Server;
  let store!: SqliteStore;
  let bound = '127.0.0.1:0';
  const start = async () => {
    store = sqliteStore(path, { logger: silentLogger, groupDelay: 0 });
    const memory = memoryTopics();
    const kept: TopicStores = {
      durability: 'FSYNC',
      topic: (spec) => (spec.durability === 'NONE' ? memory : store.topics).topic(spec),
      close: () => {},
    };
    server = createServer({ logger: silentLogger, health: false, topics: { store: gate.stores(kept) } });
    server.add(streams, {});
    bound = ((await server.listen({ [wire]: bound })) as Record<Wire, string>)[wire];
  };
  const stop = async () => {
    await server.close({ grace: 0 });
    await store.close();
  };
  await start();
  const proxy = await faultProxy({ target: bound });
  const options = { logger: silentLogger, subscriptions: { backoff: { initial: 5, max: 20 } } };
  const client = createClient(streams, `${wire}://${proxy.address}`, options);
  const caller = createClient(lists, `${wire}://${proxy.address}`, { ...options, retry: false });
  onTestFinished(async () => {
    gate.open();
    await Promise.all([client.$close(), caller.$close()]);
    await proxy.close();
    await stop();
    folder.remove();
  });
  const publish = async (topic: Topic, count: number) => {
    for (let n = 0; n < count; n++) await server.topic(streams.methods[topic]).publish({ fish: 'eel', price: 1 });
  };
  const publishGroup = (topic: Topic) =>
    server.topic(streams.methods[topic]).publishAll(
      range(group.from, group.to).map((seq) => ({
        fish: 'x'.repeat(group.each),
        price: seq,
      })),
    );
  /** One update, then the group. */
  const fill = async (topic: Topic) => {
    await publish(topic, 1);
    await publishGroup(topic);
  };
  /** The same after what is there, for one that follows already. */
  const fillAfter = async (topic: Topic) => {
    gate.offset = server.topic(streams.methods[topic]).head.seq;
    gate.shut = true;
    await fill(topic);
  };
  /** A reader is inside the group, and so much of it has come through that a part of it is there. */
  const inside = async () => {
    await gate.reached;
    await expect.poll(() => proxy.carried.toClient, { timeout: 10_000 }).toBeGreaterThan(group.each / 2);
  };
  const restart = async () => {
    await stop();
    await start();
    gate.open();
  };
  /** By another program, while the server runs: the log of `topic` ends before the group again. */
  const putBack = (topic: Topic) => {
    const db = sqliteDriver().open(path);
    db.exec(`
      PRAGMA busy_timeout = 5000;
      BEGIN IMMEDIATE;
      DELETE FROM hawser_updates WHERE seq > 1 AND topic = (SELECT id FROM hawser_topics WHERE name LIKE '%/${topic}');
      UPDATE hawser_topics SET head = 1 WHERE name LIKE '%/${topic}';
      COMMIT;`);
    db.close();
  };
  return { client, caller, fill, fillAfter, publish, inside, gate, restart, putBack };
}

/** Follows a topic from its first update on, and writes down what it is told. */
function follow(client: Awaited<ReturnType<typeof market>>['client'], topic: Topic, more: SubscribeOptions = {}) {
  const subscription = client[topic].subscribe({}, { from: { seq: 1 }, mode: 'EVERY', ...more });
  const seen: number[] = [];
  const told: unknown[] = [];
  const stood = new Set<number>();
  subscription.on('gap', ({ from, to }) => told.push(['gap', from, to]));
  subscription.on('reset', ({ reason }) => told.push(['reset', reason]));
  subscription.on('consistent', ({ position }) => stood.add(position.seq));
  subscription.on('state', () => stood.add(subscription.position?.seq ?? 0));
  const done = (async () => {
    for await (const { seq } of subscription) seen.push(seq);
  })();
  done.catch(() => {});
  onTestFinished(() => subscription.unsubscribe());
  const inGroup = () => [...stood].filter((seq) => seq >= group.from && seq < group.to);
  return { seen, told, inGroup, done, subscription };
}

describe.each(['grpc', 'thrift'] as const)('over %s, a subscriber inside a group', (wire) => {
  it('goes on after a restart of the server, and sees each of its updates once', async () => {
    const { client, fill, publish, inside, restart } = await market(wire);
    await fill('precise');
    const { seen, told, inGroup } = follow(client, 'precise');
    await inside();
    expect(seen).toEqual([1]);
    await restart();
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(group.to);
    await publish('precise', 1);
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(range(1, group.to + 1));
    expect([told, inGroup()]).toEqual([[], []]);
  });

  it('is told of a gap when the log drops it meanwhile, and sees nothing of it', async () => {
    const { client, fill, publish, inside, gate } = await market(wire);
    await fill('gaps');
    const { seen, told, inGroup } = follow(client, 'gaps');
    await inside();
    await publish('gaps', 20);
    gate.open();
    const last = group.to + 20;
    await expect.poll(() => seen.at(-1), { timeout: 10_000 }).toBe(last);
    expect(seen).toEqual([1, ...range(group.to + 1, last)]);
    expect([told, inGroup()]).toEqual([[['gap', 1, group.to]], []]);
  });

  it('is reset when the log is put back to before it, and sees nothing of it', async () => {
    const { client, fill, publish, inside, gate, putBack } = await market(wire);
    await fill('resets');
    const { seen, told, inGroup, subscription } = follow(client, 'resets');
    await inside();
    putBack('resets');
    gate.open();
    await expect.poll(() => told, { timeout: 10_000 }).toEqual([['reset', 'EPOCH_VIOLATION']]);
    await publish('resets', 1);
    await expect.poll(() => subscription.position?.seq, { timeout: 10_000 }).toBe(2);
    // What the log holds, from its beginning: the group is none of it.
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual([1, 1, 2]);
    expect(inGroup().filter((seq) => seq > 2)).toEqual([]);
  });

  it('is reset when the log is lost with its server, and sees the next one whole', async () => {
    const { client, fill, inside, restart } = await market(wire);
    await fill('gaps');
    const { seen, told, inGroup } = follow(client, 'gaps');
    await inside();
    await restart();
    await expect.poll(() => told, { timeout: 10_000 }).toEqual([['reset', 'EPOCH_CHANGED']]);
    await fill('gaps');
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual([1, ...range(1, group.to)]);
    expect(inGroup()).toEqual([]);
  });
});

/** What a plain stream gave until it ended, and by what. */
async function drained(stream: AsyncIterable<Price>): Promise<{ prices: number[]; error: unknown }> {
  const prices: number[] = [];
  try {
    for await (const { price } of stream) prices.push(price);
  } catch (error) {
    return { prices, error };
  }
  return { prices, error: undefined };
}

describe('a plain gRPC stream', () => {
  const streaming = async () => {
    const all = await market('grpc');
    all.gate.open();
    const call = all.client.gaps as unknown as (request: object) => AsyncIterable<Price>;
    const stream = call({})[Symbol.asyncIterator]();
    const first = stream.next();
    let begun = false;
    void first.then(() => {
      begun = true;
    });
    // It begins at the head, some time after it was called.
    while (!begun) {
      await all.publish('gaps', 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return { ...all, stream: { [Symbol.asyncIterator]: () => stream } };
  };

  it('gets all of the group, in order', async () => {
    const { stream, gate, fillAfter } = await streaming();
    await fillAfter('gaps');
    await gate.reached;
    gate.open();
    const prices: number[] = [];
    for await (const { price } of stream) if (price > 1 && prices.push(price) === group.to - 1) break;
    expect(prices).toEqual(range(group.from, group.to));
  });

  it('ends with ABORTED when the log drops the group meanwhile', async () => {
    const { stream, gate, fillAfter, publish } = await streaming();
    await fillAfter('gaps');
    const end = drained(stream);
    await gate.reached;
    await publish('gaps', 20);
    gate.open();
    expect((await end).error).toMatchObject({ code: 'ABORTED', reason: 'TOPIC_GAP' });
  });

  it('ends with UNAVAILABLE when the server restarts', async () => {
    const { stream, gate, fillAfter, restart } = await streaming();
    await fillAfter('gaps');
    const end = drained(stream);
    await gate.reached;
    await restart();
    expect((await end).error).toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('a plain Thrift call', () => {
  it('returns all of the group', async () => {
    const { caller, gate, fill } = await market('thrift');
    gate.open();
    await fill('gaps');
    expect((await caller.gaps({})).map(({ price }) => price)).toEqual(range(1, group.to));
  });

  it('returns no half of it, but ABORTED, when the log drops it meanwhile', async () => {
    const { caller, gate, fill, publish } = await market('thrift');
    await fill('gaps');
    const call = caller.gaps({});
    call.catch(() => {});
    await gate.reached;
    await publish('gaps', 20);
    gate.open();
    await expect(call).rejects.toMatchObject({ reason: 'TOPIC_GAP' });
  });

  it('returns no half of it, but UNAVAILABLE, when the server restarts', async () => {
    const { caller, gate, fill, restart } = await market('thrift');
    await fill('gaps');
    const call = caller.gaps({});
    call.catch(() => {});
    await gate.reached;
    await restart();
    await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
