/** What one caller may have open at a server, on every way in: at its bound it is refused, and no other caller notices. */
import { Server as GrpcJsServer, ServerCredentials } from '@grpc/grpc-js';
import { createClient, createServer, MemoryNetwork, type ServerOptions, silentLogger } from 'hawser';
import { afterEach, describe, expect, it } from 'vitest';
import { refusals } from '../../src/call/refusals.js';
import { defaultCallerLimits } from '../../src/server/caller-limits.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { deferred } from '../support/served.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {
    yield note('open');
    await new Promise(() => {});
  },
  collect: () => new Promise<never>(() => {}),
  async *chat() {
    yield note('open');
    await new Promise(() => {});
  },
};
const authenticate = (headers: { get(name: string): unknown }) => String(headers.get('x-name') ?? 'nobody');

const entries = ['grpc', 'grpc by node', 'mounted', 'memory'] as const;

/** A client of the entry for each name. */
async function serve(entry: (typeof entries)[number] | 'thrift', options: ServerOptions) {
  const server = createServer({
    logger: silentLogger,
    grpc: { engine: entry === 'grpc by node' ? 'node' : 'own' },
    ...options,
  });
  const service = entry === 'thrift' ? EchoOverThrift : Echo;
  server.add(service, idle as never);
  closing.push(() => server.close({ grace: 0 }));
  const node = new MemoryNetwork();
  let target: string | typeof node = node;
  if (entry === 'memory') await server.listen({ memory: node });
  else if (entry === 'thrift')
    target = `thrift://${(await server.listen({ thrift: '127.0.0.1:0' })).thrift}?wire=header`;
  else if (entry === 'mounted') {
    const host = new GrpcJsServer();
    server.mount(host);
    const port = await new Promise<number>((resolve, reject) =>
      host.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    closing.push(() => host.forceShutdown());
    target = `grpc://127.0.0.1:${port}`;
  } else target = `grpc://${(await server.listen({ grpc: '127.0.0.1:0' })).grpc}`;
  return (name: string) => {
    const client = createClient(service, target, { retry: false, headers: { 'x-name': name } });
    closing.push(() => client.$close({ grace: 0 }));
    return client;
  };
}

describe.each(entries)('streams over %s', (entry) => {
  it('are bounded by caller, and given back when they end', async () => {
    const connect = await serve(entry, { authenticate, limits: { maxStreamsPerCaller: 3 } });
    const before = refusals('TOO_MANY_STREAMS_OF_CALLER');
    const open = async (name: string) => {
      const stop = new AbortController();
      const stream = connect(name).repeat(note('a'), { signal: stop.signal })[Symbol.asyncIterator]();
      await stream.next();
      return stop;
    };
    const first = await open('greedy');
    await open('greedy');
    const chat = connect('greedy')
      .chat([note('a')])
      [Symbol.asyncIterator]();
    await chat.next();
    const refused = { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_STREAMS_OF_CALLER', disposition: 'not-executed' };
    await expect(open('greedy')).rejects.toMatchObject(refused);
    expect(refusals('TOO_MANY_STREAMS_OF_CALLER') - before).toBe(1);
    await expect(connect('greedy').say(note('a call is no stream'))).resolves.toMatchObject({ count: 1 });
    await open('honest');
    first.abort();
    await expect
      .poll(() =>
        open('greedy').then(
          () => 'open',
          () => 'refused',
        ),
      )
      .toBe('open');
  });
});

describe.each([...entries, 'thrift'] as const)('questions to hooks over %s', (entry) => {
  it('are bounded by caller', async () => {
    const held = deferred();
    const connect = await serve(entry, {
      authenticate,
      authorize: async (_call, principal) => {
        if (principal === 'greedy') await held.promise;
        return true;
      },
      limits: { maxHookCallsPerCaller: 3 },
    });
    const greedy = connect('greedy');
    const asked = [1, 2, 3].map((n) => greedy.say(note('a', n)));
    const refused = { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_HOOK_CALLS', disposition: 'not-executed' };
    await expect.poll(() => greedy.say(note('b'), { timeout: 200 }).catch((error) => error)).toMatchObject(refused);
    await expect(connect('honest').say(note('c'))).resolves.toMatchObject({ text: 'c' });
    held.resolve();
    expect((await Promise.all(asked)).map(({ count }) => count)).toEqual([1, 2, 3]);
    await expect(greedy.say(note('d'))).resolves.toMatchObject({ text: 'd' });
  });

  it('that nobody has a name for yet are bounded by address', async () => {
    const held = deferred();
    const connect = await serve(entry, {
      authenticate: async () => {
        await held.promise;
        return 'somebody';
      },
      limits: { maxHookCallsPerCaller: 2 },
    });
    const asked = ['a', 'b'].map((name) => connect(name).say(note(name)));
    await expect
      .poll(() =>
        connect('c')
          .say(note('c'), { timeout: 200 })
          .catch((error) => error),
      )
      .toMatchObject({ reason: 'TOO_MANY_HOOK_CALLS' });
    held.resolve();
    expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(['a', 'b']);
  });
});

it('has defaults, and names the option for what cannot be meant', () => {
  expect(defaultCallerLimits).toEqual({ maxStreamsPerCaller: 10_000, maxHookCallsPerCaller: 10_000 });
  expect(() => createServer({ limits: { maxStreamsPerCaller: 0 } })).toThrow(/limits\.maxStreamsPerCaller is 0/);
  expect(() => createServer({ limits: { maxStreams: 1 } as never })).toThrow(/maxStreams/);
});
