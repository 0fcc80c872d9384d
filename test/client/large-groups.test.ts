/** Groups of several MB, published together: seen whole or not at all, on every wire, in every mode, out of every store. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import { fishServices, fishTopic, serveFish } from '../support/fish-topics.js';

const services = fishServices('test.LargeFish', (idl) => ({
  log: fishTopic(idl, 'log', { recovery: 'PRECISE' }),
  every: fishTopic(idl, 'every', { key: 'fish', mode: 'EVERY' }),
  latest: fishTopic(idl, 'latest', { key: 'fish', mode: 'LATEST' }),
  merged: fishTopic(idl, 'merged', { key: 'fish', mode: 'MERGE' }),
}));
const Fish = services.grpc;
type Topic = keyof typeof Fish.methods;

async function serve(wire: 'grpc' | 'thrift', store: 'memory' | 'sqlite') {
  const { server, client, service } = await serveFish(services, wire, store);
  const group = (topic: Topic, count: number, each: number, price: number) =>
    server
      .topic(service.methods[topic])
      .publishAll(Array.from({ length: count }, (_, at) => ({ fish: `${at}${'x'.repeat(each)}`, price })));
  return { server, client, group };
}

/** Keys are the texts, and no more than 1,024 bytes long, so groups of topics with keys are of many updates. */
const size: Readonly<Record<Topic, readonly [count: number, each: number]>> = {
  log: [5, 1_000_000],
  every: [1000, 900],
  latest: [1000, 900],
  merged: [1000, 900],
};

describe.each([
  ['grpc', 'memory'],
  ['grpc', 'sqlite'],
  ['thrift', 'memory'],
  ['thrift', 'sqlite'],
] as const)('over %s, logs in %s, a group far larger than a frame', (wire, store) => {
  it.each(['log', 'every', 'latest', 'merged'] as const)('is seen whole or not at all: %s', async (topic) => {
    const { client, group } = await serve(wire, store);
    const [count, each] = size[topic];
    const subscription = client[topic].subscribe({}, { from: 'head' });
    const positions = new Set<number>();
    const sizes = new Set<string>();
    subscription.on('consistent', ({ position }) => positions.add(position.seq));
    const look = setInterval(() => {
      const replica = [...subscription.replica()];
      sizes.add(`${replica.length}: ${[...new Set(replica.map(([, { price }]) => price))]}`);
      positions.add(subscription.position?.seq ?? 0);
    }, 1);
    onTestFinished(() => clearInterval(look));
    await subscription.ready;
    await group(topic, count, each, 1);
    const seqs: number[] = [];
    for await (const { seq } of subscription) if (seqs.push(seq) === count) break;
    expect(seqs).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    const again = client[topic].subscribe({}, { from: { seq: 1 } });
    await expect.poll(() => again.position?.seq, { timeout: 20_000 }).toBe(count);
    again.unsubscribe();
    expect([...positions].filter((seq) => seq !== 0 && seq !== count)).toEqual([]);
    if (topic !== 'log') expect([...sizes].filter((one) => one !== '0: ')).toEqual([`${count}: 1`]);
  });
});

it('one that the history cannot keep is refused with the limit, and nothing of it is published', async () => {
  const { server, group } = await serve('grpc', 'memory');
  await expect(group('log', 100, 1_000_000, 1)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    reason: 'GROUP_SIZE',
    message: expect.stringContaining(String(64 * 1024 * 1024)),
  });
  expect(server.topic(Fish.methods.log).head.seq).toBe(0);
});

it('an update that the connection cannot take ends its reader with a reason, once', async () => {
  const server = createServer({
    logger: silentLogger,
    topics: { limits: { maxValueBytes: 10_000_000 } },
  }).add(Fish, {});
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  const client = createClient(Fish, `grpc://${grpc}`, { logger: silentLogger });
  const narrow = createClient(Fish, `grpc://${grpc}`, {
    logger: silentLogger,
    grpc: { maxReceiveBytes: 1_000_000 },
    subscriptions: { backoff: { initial: 1, max: 5 } },
  });
  onTestFinished(async () => {
    await Promise.all([client.$close(), narrow.$close()]);
    await server.close({ grace: 0 });
  });
  const read = async (from: typeof client) => {
    let breaks = 0;
    const subscription = from.log.subscribe({}, { from: { seq: 1 } });
    subscription.on('broken', () => (breaks += 1));
    const seqs: number[] = [];
    for await (const { seq } of subscription) if (seqs.push(seq) === 2) break;
    return { seqs, breaks };
  };
  const publish = (bytes: number) => server.topic(Fish.methods.log).publish({ fish: 'x'.repeat(bytes), price: 1 });
  await publish(10);
  await publish(3_000_000);
  expect(await read(client)).toEqual({ seqs: [1, 2], breaks: 0 });
  await expect(read(narrow)).rejects.toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
  await publish(5_000_000);
  const late = client.log.subscribe({}, { from: { seq: 3 } });
  await expect(late[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'UPDATE_TOO_LARGE' });
}, 30_000);
