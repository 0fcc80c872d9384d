/** Clients whose servers come and go: when the addresses are asked for again. */
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Echo, EchoOverThrift } from '../support/echo.js';

type Engine = 'node' | 'own';

const saying = (name: string) => ({
  say: () => ({ text: name, count: 0 }),
  tell() {},
  async *repeat() {},
  collect: () => ({ text: name, count: 0 }),
  async *chat() {},
});

async function serving(name: string, engine: Engine, age?: { time: number; grace: number }) {
  const grpc = { engine, ...(age === undefined ? {} : { maxConnectionAge: age }) };
  const server = createServer({ grpc, logger: silentLogger });
  server.add(Echo, saying(name));
  const { grpc: address } = await server.listen({ grpc: '127.0.0.1:0' });
  onTestFinished(() => server.close({ grace: 0 }));
  return { server, address };
}

describe.each(['node', 'own'] as const)('over gRPC, on the engine %s', (engine) => {
  const clientOf = (list: () => string[]) => {
    const client = createClient(Echo, async () => list(), { grpc: { engine }, logger: silentLogger });
    onTestFinished(() => client.$close());
    return client;
  };

  test('servers that have come get calls once another sends its connections away', async () => {
    const first = await serving('first', engine, { time: 50, grace: 1_000 });
    const second = await serving('second', engine);
    let list = [first.address];
    const client = clientOf(() => list);
    expect((await client.say({ text: '', count: 0 })).text).toBe('first');
    list = [first.address, second.address];
    // No call fails meanwhile.
    while ((await client.say({ text: '', count: 0 })).text !== 'second') {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  test('a server that has moved is found, though it went while no call was open', async () => {
    const first = await serving('first', engine);
    let list = [first.address];
    const client = clientOf(() => list);
    expect((await client.say({ text: '', count: 0 })).text).toBe('first');
    const second = await serving('second', engine);
    list = [second.address];
    await first.server.close({ grace: 0 });
    // Nobody calls: the end of the connection is reason enough.
    await expect.poll(() => client.$addresses().map(({ address }) => address), { timeout: 10_000 }).toEqual(list);
    expect((await client.say({ text: '', count: 0 })).text).toBe('second');
  });
});

test('over Thrift, a server that has moved is found, though it went while no call was open', async () => {
  const serve = async (name: string) => {
    const server = createServer({ logger: silentLogger });
    server.add(EchoOverThrift, saying(name));
    const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
    onTestFinished(() => server.close({ grace: 0 }));
    return { server, address: thrift };
  };
  const first = await serve('first');
  let list = [first.address];
  const client = createClient(EchoOverThrift, async () => list, { logger: silentLogger });
  onTestFinished(() => client.$close());
  expect((await client.say({ text: '', count: 0 })).text).toBe('first');
  const second = await serve('second');
  list = [second.address];
  await first.server.close({ grace: 0 });
  await expect.poll(() => client.$addresses().map(({ address }) => address), { timeout: 10_000 }).toEqual(list);
  expect((await client.say({ text: '', count: 0 })).text).toBe('second');
});

test('addresses are asked for again soon, and ever more rarely while that brings nothing new', async () => {
  const clock = new VirtualClock();
  const places = [new MemoryNetwork(), new MemoryNetwork()];
  let list = places.slice(0, 1);
  const asked: number[] = [];
  const client = createClient(
    Echo,
    () => {
      asked.push(Math.round(clock.now() / 1_000));
      return list;
    },
    { clock, random: seededRandom(1), logger: silentLogger, retry: false, breaker: false },
  );
  // Nobody listens there: each call fails.
  const fail = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 4; i++) {
      await clock.runUntil(
        client.say({ text: '', count: 0 }).then(undefined, () => {}),
        { within: 200 },
      );
      await clock.advance(250);
    }
  };
  await fail(100);
  expect(asked).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  list = places;
  await fail(22);
  // News, and then none again.
  await fail(10);
  expect(asked.slice(8)).toEqual([121, 122, 124, 128]);
  await client.$close();
  expect(clock.timers).toBe(0);
});
