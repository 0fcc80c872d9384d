import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import {
  ClientFrame,
  type ClientItem,
  ServerFrame,
  type Start,
} from '../../gen/hawser/subscription/v1/subscription.js';
import { silentLogger } from '../../src/call/logger.js';
import { isRpcError, RpcError } from '../../src/call/rpc-error.js';
import { createServer } from '../../src/server/create-server.js';
import type { ServerOptions } from '../../src/server/types.js';
import { subscription } from '../support/hub-client.js';
import { type Price, Prices } from '../support/prices.js';

async function serve(options: ServerOptions = {}) {
  const server = createServer({ logger: silentLogger, reflection: false, ...options });
  server.add(Prices, {});
  server.topic(Prices.methods.merged).mergeWith((a, b) => ({ ...b, price: a.price + b.price }));
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const client = new Client(grpc, credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    await server.close({ grace: 0 });
  });
  return { server, client, prices: server.topic(Prices.methods.watch) };
}

const same = (bytes: Buffer): Buffer => bytes;

/** The declared method, as any gRPC client calls it. */
function watch(client: Client, request: object = {}, path = '/test.Prices/Watch') {
  const stream = client.makeServerStreamRequest(path, same, same, Buffer.from(JSON.stringify(request)), new Metadata());
  const updates: Price[] = [];
  let failure: { details: string; code: number } | undefined;
  let over: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  stream.on('data', (bytes: Buffer) => updates.push(JSON.parse(bytes.toString()) as Price));
  stream.on('error', (error) => {
    failure = error as never;
    over();
  });
  stream.on('end', () => over());
  return { updates, ended, failure: () => failure, cancel: () => stream.cancel() };
}

/** The subscription service over a raw bidirectional stream. */
function connect(client: Client) {
  const stream = client.makeBidiStreamRequest('/hawser.subscription.v1.Subscriptions/Connect', same, same);
  const items: NonNullable<ServerFrame['items'][number]['item']>[] = [];
  let status: number | undefined;
  stream.on('data', (bytes: Buffer) => {
    for (const { item } of ServerFrame.decode(bytes).items) if (item !== undefined) items.push(item);
  });
  stream.on('error', () => {});
  stream.on('status', ({ code }) => {
    status = code;
  });
  const give = (...given: NonNullable<ClientItem['item']>[]): void => {
    stream.write(Buffer.from(ClientFrame.encode({ items: given.map((item) => ({ item })) })));
  };
  const hello = { version: 1, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined };
  return { stream, items, give, status: () => status, hello: { $case: 'hello' as const, value: hello } };
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 15_000, interval: 1 }).toBe(true);
}

test('a plain caller of the declared method gets the snapshot, then every update', async () => {
  const { client, prices } = await serve();
  await prices.publish({ fish: 'cod', price: 1 });
  await prices.publish({ fish: 'cod', price: 2 });
  const { updates } = watch(client);
  await until(() => updates.length === 1);
  await prices.publish({ fish: 'hake', price: 3 });
  await until(() => updates.length === 2);
  expect(updates).toEqual([
    { fish: 'cod', price: 2 },
    { fish: 'hake', price: 3 },
  ]);
});

test('a plain caller may choose keys, and parameters name another topic', async () => {
  const { server, client, prices } = await serve();
  const north = server.topic(Prices.methods.watch, { market: 'north' });
  expect(north.name).toBe('test.Prices/Watch?{"market":"north"}');
  await prices.publish({ fish: 'cod', price: 1 });
  await prices.publish({ fish: 'hake', price: 2 });
  await north.publish({ fish: 'cod', price: 3 });
  const all = watch(client, { keys: ['hake'] });
  const other = watch(client, { market: 'north' });
  await until(() => all.updates.length === 1 && other.updates.length === 1);
  expect(all.updates).toEqual([{ fish: 'hake', price: 2 }]);
  expect(other.updates).toEqual([{ fish: 'cod', price: 3 }]);
});

test('a plain caller that loses updates is told so by the end of its stream', async () => {
  const { server, client } = await serve();
  const sales = server.topic(Prices.methods.sales);
  const { updates, failure, ended } = watch(client, {}, '/test.Prices/Sales');
  const begun = async (): Promise<number> => {
    await sales.publish({ fish: 'cod', price: 0 });
    return updates.length;
  };
  await expect.poll(begun, { timeout: 15_000, interval: 5 }).toBeGreaterThan(0);
  // More at once than the log keeps: whoever reads one by one has lost some.
  const burst = Array.from({ length: 2000 }, (_, i) => sales.publish({ fish: 'cod'.repeat(200), price: i }));
  await Promise.all(burst);
  await ended;
  expect(failure()).toMatchObject({ code: 10 });
  expect(failure()?.details).toContain('are lost');
});

test('a raw gRPC client subscribes, and resumes on a new stream where it was', async () => {
  const { client, prices } = await serve();
  const first = connect(client);
  first.give(first.hello, { $case: 'subscribe', value: subscription(1, 'test.Prices/Watch') });
  await until(() => first.items.some((item) => item.$case === 'snapshotEnd'));
  const { epoch, seq } = await prices.publish({ fish: 'cod', price: 1 });
  await until(() => first.items.some((item) => item.$case === 'batch'));
  first.stream.cancel();
  await prices.publish({ fish: 'cod', price: 2 });
  const second = connect(client);
  const start: Start = { kind: 3, epoch: Buffer.from(epoch, 'hex'), seq, time: 0, count: 0 };
  second.give(second.hello, { $case: 'subscribe', value: subscription(1, 'test.Prices/Watch', { start }) });
  await until(() => second.items.some((item) => item.$case === 'batch'));
  expect(second.items.find((item) => item.$case === 'subscribed')?.value).toMatchObject({ outcome: 2, from: 1 });
  expect(second.items.find((item) => item.$case === 'batch')?.value).toMatchObject({ from: 1, to: 2 });
});

test('garbage is answered with an error in the stream, which ends in good order, and others go on', async () => {
  const { client, prices } = await serve();
  const good = connect(client);
  good.give(good.hello, { $case: 'subscribe', value: subscription(1, 'test.Prices/Watch') });
  const bad = connect(client);
  bad.stream.write(Buffer.from('garbage that is no frame'));
  await until(() => bad.status() !== undefined);
  expect(bad.items).toMatchObject([{ $case: 'error', value: { code: 'FRAME_MALFORMED' } }]);
  expect(bad.status()).toBe(0);
  await prices.publish({ fish: 'cod', price: 1 });
  await until(() => good.items.some((item) => item.$case === 'batch'));
});

test('a server that closes sends its subscribers away at once', async () => {
  const { server, client } = await serve();
  const one = connect(client);
  one.give(one.hello, { $case: 'subscribe', value: subscription(1, 'test.Prices/Watch') });
  await until(() => one.items.length >= 4);
  // Longer than a test may take.
  await server.close({ grace: 600_000 });
  await until(() => one.status() !== undefined);
  expect(one.items.at(-1)).toMatchObject({ $case: 'goAway', value: { reason: 'SHUTDOWN' } });
  expect(one.status()).toBe(0);
});

test('the hook is asked for each topic and key, and what it refuses nobody sees', async () => {
  const { client, prices } = await serve({
    authorize: (_call, _principal, resource) => resource?.key !== 'secret',
  });
  await prices.publish({ fish: 'secret', price: 1 });
  const one = connect(client);
  one.give(
    one.hello,
    { $case: 'subscribe', value: subscription(1, 'test.Prices/Watch', { keys: ['secret'] }) },
    { $case: 'subscribe', value: subscription(2, 'test.Prices/Watch', { keys: ['cod'] }) },
  );
  await until(() => one.items.length >= 4);
  expect(one.items.find((item) => item.$case === 'unsubscribed')?.value).toMatchObject({ sub: 1 });
  expect(one.items.find((item) => item.$case === 'subscribed')?.value).toMatchObject({ sub: 2 });
});

test('a publisher is told when what it expects does not hold', async () => {
  const { prices } = await serve();
  const first = await prices.publish({ fish: 'cod', price: 1 });
  await prices.publish({ fish: 'hake', price: 1 });
  const late = prices.publish({ fish: 'cod', price: 2 }, { expect: { head: first } });
  await expect(late).rejects.toSatisfy((error) => isRpcError(error) && error.reason === 'EXPECTATION_FAILED');
  expect(await prices.publish({ fish: 'cod', price: 2 }, { expect: { keySeq: 1 } })).toMatchObject({ seq: 3 });
  expect(prices.head.seq).toBe(3);
});

test('a topic that must last is refused by a server that keeps it in memory', async () => {
  const server = createServer({ logger: silentLogger });
  onTestFinished(() => server.close({ grace: 0 }));
  const lasting = { ...Prices.methods.watch, policy: { topic: { key: 'fish', durability: 'FSYNC' as const } } };
  server.add({ ...Prices, methods: { watch: lasting }, topics: [lasting] } as never, {});
  await expect(server.listen({ grpc: '127.0.0.1:0' })).rejects.toThrow('durability FSYNC');
});

test('a topic method has no handler', () => {
  const server = createServer({ logger: silentLogger });
  expect(() => server.add(Prices, { watch: () => [] } as never)).toThrow('declares a topic, so it has no handler');
});

test('a topic that is merged by a function of the user says so when there is none', async () => {
  const server = createServer({ logger: silentLogger });
  onTestFinished(() => server.close({ grace: 0 }));
  server.add(Prices, {});
  await expect(server.listen({ grpc: '127.0.0.1:0' })).rejects.toThrow('mergeWith');
});

test('an RpcError of a refused subscription ends a plain call with its reason', async () => {
  const { client } = await serve({
    authorize: (_call, _principal, resource) => {
      if (resource !== undefined) throw new RpcError('PERMISSION_DENIED', 'not yours', { reason: 'NOT_YOURS' });
      return true;
    },
  });
  const { failure, ended } = watch(client);
  await ended;
  expect(failure()?.details).toContain('not yours');
});
