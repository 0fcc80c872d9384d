/** Health and reflection: what a caller without credentials is told, and how many streams it may hold open. */
import { createServer, type ServerOptions, silentLogger } from 'hawser';
import { afterEach, describe, expect, it } from 'vitest';
import { Health } from '../../gen/grpc/health/v1/health.rpc.js';
import { ServerReflection } from '../../gen/grpc/reflection/v1/reflection.rpc.js';
import * as proto from '../../gen/market/v1/market.rpc.js';
import { refusals } from '../../src/call/refusals.js';
import { createClient } from '../../src/client/create-client.js';
import { memoryStore } from '../../src/stores/memory.js';
import { rejection } from '../support/scripted.js';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function served(options: ServerOptions = {}) {
  const server = createServer({ store: memoryStore({ logger: silentLogger }), logger: silentLogger, ...options });
  server.add(proto.Orders, { placeOrder: () => ({ orderId: '', number: 1, total: 1 }) });
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  open.push({ close: () => server.close({ grace: 0 }) });
  const client = <S extends typeof Health | typeof ServerReflection>(service: S) => {
    const made = createClient(service, `grpc://${grpc}`, { retry: false });
    open.push({ close: () => made.$close({ grace: 0 }) });
    return made;
  };
  return { health: () => client(Health), reflection: () => client(ServerReflection) };
}

const authenticate = (headers: { get(name: string): unknown }) =>
  headers.get('authorization') === 'Bearer known' ? 'known' : undefined;

describe('a caller without credentials', () => {
  it('checks and watches what it can name, and is not told the names', async () => {
    const health = (await served({ authenticate })).health();
    expect(await health.check({ service: 'market.v1.Orders' })).toMatchObject({ status: 1 });
    expect((await health.watch({ service: '' })[Symbol.asyncIterator]().next()).value).toMatchObject({ status: 1 });
    expect(await rejection(health.list({}))).toMatchObject({ code: 'UNAUTHENTICATED' });
    const listed = await health.list({}, { headers: { authorization: 'Bearer known' } });
    expect(Object.keys(listed.statuses)).toContain('market.v1.Orders');
  });

  it('gets no reflection', async () => {
    const reflection = (await served({ authenticate })).reflection();
    const answers = reflection.serverReflectionInfo([]);
    expect(await rejection(answers[Symbol.asyncIterator]().next() as Promise<unknown>)).toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });

  it('sends no more than a name: longer requests are not decoded, longer names not watched', async () => {
    const health = (await served({ authenticate })).health();
    const before = refusals('PROBE_TOO_LARGE');
    const long = 'x'.repeat(5_000);
    expect(await rejection(health.check({ service: long }))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'PROBE_TOO_LARGE',
    });
    expect(refusals('PROBE_TOO_LARGE')).toBe(before + 1);
    expect(
      await rejection(
        health
          .watch({ service: 'x'.repeat(300) })
          [Symbol.asyncIterator]()
          .next(),
      ),
    ).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'SERVICE_NAME_TOO_LONG',
    });
    const missing = await rejection(health.check({ service: 'x'.repeat(3_000) }));
    expect((missing as Error).message.length).toBeLessThan(200);
  });
});

describe('streams that wait', () => {
  it('of health are bounded for a connection and for the server, and give their place back', async () => {
    const { health } = await served({ health: { maxStreams: 5, maxStreamsPerPeer: 3 } });
    const [one, other] = [health(), health()];
    const watching = async (client: ReturnType<typeof health>) => {
      const stream = client.watch({ service: '' })[Symbol.asyncIterator]();
      await stream.next();
      return stream;
    };
    const before = refusals('TOO_MANY_WATCHES');
    const streams = [await watching(one), await watching(one), await watching(one)];
    expect(await rejection(watching(one))).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_WATCHES' });
    await watching(other);
    await watching(other);
    expect(await rejection(watching(other))).toMatchObject({ message: expect.stringContaining('maxStreams is 5') });
    expect(refusals('TOO_MANY_WATCHES')).toBe(before + 2);
    // Other calls are let in all the while.
    expect(await one.check({ service: '' })).toMatchObject({ status: 1 });
    await streams[0]?.return?.();
    let again: unknown;
    while (again === undefined) again = await watching(one).catch(() => undefined);
    expect(again).toBeDefined();
  });

  it('of reflection are bounded, too', async () => {
    const { reflection } = await served({ reflection: { maxStreamsPerPeer: 2 } });
    const client = reflection();
    const listing = async () => {
      async function* requests() {
        yield { host: '', messageRequest: { $case: 'listServices' as const, value: '' } };
        await new Promise(() => {});
      }
      const stream = client.serverReflectionInfo(requests() as never)[Symbol.asyncIterator]();
      await stream.next();
      return stream;
    };
    await listing();
    await listing();
    expect(await rejection(listing())).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_REFLECTIONS' });
  });
});
