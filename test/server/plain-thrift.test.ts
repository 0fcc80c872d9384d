/** A topic as a Thrift client without any runtime of ours knows it: a function that returns a list. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { topicStream, unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { createServer } from '../../src/server/create-server.js';
import { sqliteStore } from '../../src/stores/sqlite/sqlite-store.js';
import { scratchFolder } from '../support/scratch.js';

const { prices } = Quotes.methods;
const messages = { request: prices.request, response: prices.response };
const snapshot = (prices.response as unknown as { readonly snapshot: typeof prices.response }).snapshot;
const common = { name: 'test.Fish', idl: 'thrift', fingerprint: '' } as const;

const Fish = defineService({
  ...common,
  methods: {
    keyed: topicStream({ name: 'Keyed', ...messages, policy: { topic: { key: 'fish' } }, topicKey: 'fish' }),
    every: topicStream({
      name: 'Every',
      ...messages,
      policy: { topic: { key: 'fish', mode: 'EVERY' } },
      topicKey: 'fish',
    }),
    log: topicStream({ name: 'Log', ...messages, policy: { topic: { historyCount: 3 } } }),
  },
});
const called = (name: string) => unary({ name, request: prices.request, response: snapshot });
const FishByCall = defineService({
  ...common,
  methods: { keyed: called('Keyed'), every: called('Every'), log: called('Log') },
});

type List = (request: object) => Promise<unknown>;

async function serve(store: 'memory' | 'sqlite') {
  const folder = scratchFolder('plain-thrift');
  onTestFinished(() => folder.remove());
  const options = store === 'sqlite' ? { store: sqliteStore(`${folder.path}/topics.db`) } : {};
  const server = createServer({ logger: silentLogger, health: false, ...options }).add(Fish, {});
  const faults: unknown[] = [];
  server.on('topicFault', ({ error }) => faults.push(error));
  const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
  const client = createClient(FishByCall, `thrift://${thrift}`, { logger: silentLogger }) as unknown as Record<
    'keyed' | 'every' | 'log',
    List
  > & { $close(): Promise<void> };
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  const publish = async (topic: 'keyed' | 'every' | 'log', ...fish: string[]) => {
    for (const [at, name] of fish.entries()) {
      await server.topic(Fish.methods[topic]).publish({ fish: name, price: at + 1, market: 1, seq: 0n });
    }
  };
  return { server, client, publish, faults };
}

const names = async (list: Promise<unknown>) =>
  ((await list) as { fish: string; price: number }[]).map(({ fish, price }) => `${fish}=${price}`);

describe.each(['memory', 'sqlite'] as const)('a plain Thrift call of a topic function, logs in %s', (store) => {
  it('returns the newest of each key, of those that were asked for', async () => {
    const { client, publish, faults } = await serve(store);
    for (const topic of ['keyed', 'every'] as const) {
      expect(await names(client[topic]({}))).toEqual([]);
      await publish(topic, 'cod', 'eel', 'cod');
      expect((await names(client[topic]({}))).sort()).toEqual(['cod=3', 'eel=2']);
      expect(await names(client[topic]({ keys: ['eel', 'ray'] }))).toEqual(['eel=2']);
    }
    expect(faults).toEqual([]);
  });

  it('returns what the log still has where there are no keys, again and again', async () => {
    const { client, publish, faults } = await serve(store);
    expect(await names(client.log({}))).toEqual([]);
    await publish('log', 'cod', 'eel');
    expect(await names(client.log({}))).toEqual(['cod=1', 'eel=2']);
    await publish('log', 'ray', 'hake');
    expect(await names(client.log({}))).toEqual(['eel=2', 'ray=1', 'hake=2']);
    expect(faults).toEqual([]);
  });
});
