/** A fault in what one poller is served: that poller is told, and no other reader notices. */
import { describe, expect, it, onTestFinished } from 'vitest';
import * as idl from '../../gen/hawser.js';
import { Quotes } from '../../gen/market.js';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import { memoryTopics } from '../../src/stores/memory/topic-store.js';
import type { TopicStore, TopicStores } from '../../src/subscription/topic-store.js';

const steps = ['read', 'scan', 'changesSince', 'get'] as const;
type Step = (typeof steps)[number];

/** A store whose step throws while it is armed. */
function faulty(stores: TopicStores) {
  const armed: { step: Step | undefined; thrown: number } = { step: undefined, thrown: 0 };
  const broken: TopicStores = {
    durability: stores.durability,
    close: () => stores.close(),
    topic: (spec) =>
      new Proxy(stores.topic(spec), {
        get(store, name: keyof TopicStore) {
          const own: unknown = store[name];
          if (typeof own !== 'function') return own;
          return (...args: unknown[]) => {
            if (name === armed.step) {
              armed.thrown += 1;
              throw new Error(`thrown by ${name}`);
            }
            return own.apply(store, args) as unknown;
          };
        },
      }),
  };
  return { armed, stores: broken };
}

/** Starts that make the hub take the step for this one reader. */
const starts: Readonly<Record<Step, (epoch: Uint8Array) => Partial<idl.OpenRequest>>> = {
  read: () => ({ start: idl.Start.create({ kind: idl.StartKind.FromSeq, seq: 1n }), mode: idl.Mode.Every }),
  scan: () => ({ start: idl.Start.create({ kind: idl.StartKind.Snapshot }) }),
  changesSince: (epoch) => ({
    start: idl.Start.create({ kind: idl.StartKind.Resume, epoch, seq: 1n }),
    accept: [idl.Outcome.Conflated],
  }),
  get: () => ({ start: idl.Start.create({ kind: idl.StartKind.Snapshot }), keys: ['cod'] }),
};

describe.each(steps)('a fault of the step %s', (step) => {
  it('ends the poller that met it, with a reason, and nobody else', async () => {
    const { armed, stores } = faulty(memoryTopics());
    const server = createServer({ logger: silentLogger, health: false, topics: { store: stores } });
    server.add(Quotes, {});
    const faults: unknown[] = [];
    server.on('topicFault', ({ error }) => faults.push(error));
    const prices = server.topic(Quotes.methods.prices);
    const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
    const polls = createClient(idl.Subscriptions, `thrift://${thrift}`, { logger: silentLogger });
    const client = createClient(Quotes, `thrift://${thrift}`, { logger: silentLogger });
    onTestFinished(async () => {
      await Promise.all([polls.$close(), client.$close()]);
      await server.close({ grace: 0 });
    });
    const publish = (fish: string, price: number) => prices.publish({ fish, price, market: 1, seq: 0n });
    const { epoch } = await publish('cod', 1);
    for (let n = 2; n <= 20; n++) await publish('eel', n);
    const others = [client.prices.subscribe({}), client.prices.subscribe({}, { mode: 'EVERY' })];
    const problems: string[] = [];
    for (const other of others) {
      for (const event of ['broken', 'stale', 'reset', 'gap'] as const) other.on(event, () => problems.push(event));
      await other.ready;
    }
    const topic = 'market.v1.Quotes/Prices';
    const healthy = await polls.open({ request: idl.OpenRequest.create({ topic }) });
    const poll = (session: string) => polls.poll({ session, max: 100, waitMs: 5_000 });
    while (!(await poll(healthy.session)).some(({ $case }) => $case === 'snapshotEnd'));

    armed.step = step;
    const request = { ...idl.OpenRequest.create({ topic }), ...starts[step](Buffer.from(epoch, 'hex')) };
    const { session } = await polls.open({ request });
    const told: idl.Event[] = [];
    while (!told.some(({ $case }) => $case === 'unsubscribed')) {
      const events = await poll(session);
      expect(events).not.toEqual([]);
      told.push(...events);
    }
    armed.step = undefined;
    expect(armed.thrown).toBe(1);
    expect(told.at(-1)).toMatchObject({ value: { code: expect.stringMatching(/^(?:STORE_FAILED|INTERNAL)$/) } });
    expect(JSON.stringify(told.at(-1)?.value)).not.toContain('thrown by');
    expect(faults).toHaveLength(1);
    await expect(poll(session)).rejects.toMatchObject({ code: 'NO_SUCH_SESSION' });

    await publish('ray', 99);
    const batch = (await poll(healthy.session)).find(({ $case }) => $case === 'batch');
    expect(batch?.value).toMatchObject({ updates: [{ key: 'ray' }] });
    for (const other of others) await expect.poll(() => other.replica().get('ray')?.price).toBe(99);
    expect(problems).toEqual([]);
    // The one that met it comes back, as it would anywhere.
    const again = await polls.open({ request });
    const served: idl.Event[] = [];
    while (served.length < 2) served.push(...(await poll(again.session)));
    expect(served.some(({ $case }) => $case === 'unsubscribed')).toBe(false);
  });
});
