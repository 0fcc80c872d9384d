/** Topics that a reader makes by naming them, on the ways that there are to read one: none is taken from the server or from others. */
import { createClient, createServer, silentLogger } from 'hawser';
import { afterEach, expect, it } from 'vitest';
import * as idl from '../../gen/hawser.js';
import { Prices } from '../support/prices.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Forty topics: a caller gets 20 of them, of which one connection has 15, and the server keeps 10. */
async function serve() {
  const server = createServer({
    logger: silentLogger,
    authenticate: (headers) => String(headers.get('x-name')),
    topics: { limits: { maxTopics: 40 } },
  });
  server.topic(Prices.methods.merged).mergeWith((_, newer) => newer);
  server.add(Prices, {});
  const { grpc, thrift } = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
  closing.push(() => server.close({ grace: 0 }));
  const subscriber = (name: string) => {
    const client = createClient(Prices, `grpc://${grpc}`, { logger: silentLogger, headers: { 'x-name': name } });
    closing.push(() => client.$close({ grace: 0 }));
    return client;
  };
  const poller = (name: string) => {
    const options = { logger: silentLogger, headers: { 'x-name': name }, retry: false } as const;
    const client = createClient(idl.Subscriptions, `thrift://${thrift}?wire=header`, options);
    closing.push(() => client.$close({ grace: 0 }));
    return client;
  };
  const publish = (market: string) => server.topic(Prices.methods.watch, { market }).publish({ fish: 'cod', price: 1 });
  return { subscriber, poller, publish };
}

const entries = {
  'a subscription': async (
    { subscriber }: Awaited<ReturnType<typeof serve>>,
    name: string,
    rooms: readonly string[],
  ) => {
    const client = subscriber(name);
    return Promise.all(
      rooms.map((market) =>
        client.watch.subscribe({ market }, { changes: false }).ready.then(
          () => 'read',
          (error) => error.reason,
        ),
      ),
    );
  },
  'a plain stream': async (
    { subscriber }: Awaited<ReturnType<typeof serve>>,
    name: string,
    rooms: readonly string[],
  ) => {
    const client = subscriber(name);
    return Promise.all(
      rooms.map(async (market) => {
        const first = client.watch({ market })[Symbol.asyncIterator]().next();
        const quiet = new Promise((resolve) => setTimeout(resolve, 2_500, 'read'));
        return Promise.race([first.catch((error) => error.reason), quiet]);
      }),
    );
  },
  'a session of polls': async (
    { poller }: Awaited<ReturnType<typeof serve>>,
    name: string,
    rooms: readonly string[],
  ) => {
    const client = poller(name);
    return Promise.all(
      rooms.map(async (market) => {
        const topic = `test.Prices/Watch?${JSON.stringify({ market })}`;
        const { session } = await client.open({ request: idl.OpenRequest.create({ topic }) });
        const events = await client.poll({ session, max: 1, waitMs: 1_000 }).catch((error) => [error]);
        const [event] = events as [{ $case?: string; code?: string; value?: { code?: string } }];
        return event.$case === 'subscribed' ? 'read' : (event.value?.code ?? event.code);
      }),
    );
  },
} as const;

const rooms = (who: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${who} ${at}`);

it.each(Object.keys(entries) as (keyof typeof entries)[])(
  'one caller reads so many rooms by %s, and others and the server have theirs',
  async (entry) => {
    const served = await serve();
    const read = entries[entry];
    if (entry === 'a subscription') {
      // A subscriber comes back after a refusal that passes, so it is not told at once.
      void read(served, 'greedy', rooms('greedy', 60));
      await expect.poll(() => served.publish('first').then(() => true)).toBe(true);
    } else {
      const answers = await read(served, 'greedy', rooms('greedy', 60));
      expect(answers.filter((one) => one === 'read').length).toBeGreaterThanOrEqual(10);
      expect(answers.filter((one) => one === 'read').length).toBeLessThanOrEqual(20);
      expect(new Set(answers)).toEqual(new Set(['read', 'TOO_MANY_TOPICS_OF_CALLER']));
    }
    for (let at = 0; at < 5; at++) await served.publish(`of the server ${at}`);
    expect(await read(served, 'honest', rooms('honest', 5))).toEqual(Array(5).fill('read'));
  },
);
