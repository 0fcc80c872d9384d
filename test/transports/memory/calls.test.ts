import { describe, expect, it } from 'vitest';
import { Call } from '../../../src/call/call.js';
import type { Interceptor } from '../../../src/call/interceptor.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import { createClient } from '../../../src/client/create-client.js';
import { createServer } from '../../../src/server/create-server.js';
import type { Handlers, ServerCall } from '../../../src/server/handlers.js';
import { MemoryNetwork } from '../../../src/transports/memory/network.js';
import { Echo, type Note, note, Refused } from '../../support/echo.js';
import { deferred, served, settled } from '../../support/served.js';

const idle: Handlers<typeof Echo> = {
  say: (request) => request,
  tell: () => {},
  async *repeat(request) {
    for (let i = 0; i < request.count; i++) yield note(request.text, i);
  },
  async collect(requests) {
    let count = 0;
    for await (const { count: one } of requests) count += one;
    return note('sum', count);
  },
  async *chat(requests) {
    for await (const request of requests) yield note(request.text.toUpperCase(), request.count);
  },
};

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('a call of each kind', () => {
  it('answers a unary call', async () => {
    const { client } = await served(Echo, idle);
    expect(await client.say(note('hello', 3))).toEqual({ text: 'hello', count: 3 });
  });

  it('delivers a oneway call', async () => {
    const got = deferred<Note>();
    const { client } = await served(Echo, { ...idle, tell: (request) => got.resolve(request) });
    await client.tell(note('psst'));
    expect(await got.promise).toEqual(note('psst'));
  });

  it('streams responses in order', async () => {
    const { client } = await served(Echo, idle);
    const counts = (await collect(client.repeat(note('x', 100)))).map((one) => one.count);
    expect(counts).toEqual([...Array(100).keys()]);
  });

  it('streams requests from an array, a generator or an AsyncIterable', async () => {
    const { client } = await served(Echo, idle);
    expect((await client.collect([note('a', 1), note('b', 2)])).count).toBe(3);
    const many = (async function* () {
      for (let i = 0; i < 100; i++) yield note('n', i);
    })();
    expect((await client.collect(many)).count).toBe(4950);
  });

  it('streams both ways, each message answered before the next is sent', async () => {
    const { client } = await served(Echo, idle);
    const answered = [deferred(), deferred()];
    const requests = (async function* () {
      yield note('a');
      await answered[0]!.promise;
      yield note('b');
      await answered[1]!.promise;
    })();
    const texts: string[] = [];
    for await (const { text } of client.chat(requests)) {
      texts.push(text);
      answered[texts.length - 1]!.resolve();
    }
    expect(texts).toEqual(['A', 'B']);
  });

  it('keeps `this` for handlers that are methods of a class', async () => {
    class Service {
      readonly suffix = '!';
      say(request: Note): Note {
        return note(request.text + this.suffix);
      }
      tell(): void {}
      repeat = idle.repeat;
      collect = idle.collect;
      chat = idle.chat;
    }
    const { client } = await served(Echo, new Service());
    expect((await client.say(note('hey'))).text).toBe('hey!');
  });
});

describe('what a handler and a caller see besides the messages', () => {
  it('carries headers there, response headers and trailers back, and tells the peers', async () => {
    let seen: ServerCall | undefined;
    const { client } = await served(Echo, {
      ...idle,
      say(request, call) {
        seen = call;
        call.responseHeaders.set('x-served-by', 'one');
        call.responseTrailers.set('x-cost', '5').set('x-raw-bin', new Uint8Array([0, 255]));
        return request;
      },
    });
    const call = client.say(note('x'), { headers: { 'X-Tenant': 'a', 'x-many': ['1', '2'] }, timeout: '2s' });
    await call;
    expect(seen?.headers.get('x-tenant')).toBe('a');
    expect(seen?.headers.getAll('x-many')).toEqual(['1', '2']);
    expect(seen?.deadline?.remaining()).toBeGreaterThan(0);
    expect(seen?.deadline?.remaining()).toBeLessThanOrEqual(2000);
    expect(seen?.peer.address).toBe('memory');
    expect(seen?.method.path).toBe('/test.Echo/Say');
    expect((await call.headers).get('x-served-by')).toBe('one');
    expect((await call.trailers).get('x-cost')).toBe('5');
    expect((await call.trailers).getBinary('x-raw-bin')).toEqual(new Uint8Array([0, 255]));
    expect(call.peer.address).toBe('memory');
  });

  it('sends the headers of the client with every call, and lets a call replace one', async () => {
    const seen: unknown[] = [];
    const { client } = await served(
      Echo,
      {
        ...idle,
        say(request, call) {
          seen.push(call.headers.toJSON());
          return request;
        },
      },
      { client: { headers: { 'x-app': 'shop', 'x-tenant': 'a' } } },
    );
    await client.say(note('x'));
    await client.say(note('x'), { headers: { 'x-tenant': 'b' } });
    const correlation = { 'x-correlation-id': expect.any(String) };
    expect(seen).toEqual([
      { 'x-app': 'shop', 'x-tenant': 'a', ...correlation },
      { 'x-app': 'shop', 'x-tenant': 'b', ...correlation },
    ]);
  });

  it('gives trailers of a stream once it has ended', async () => {
    const { client } = await served(Echo, {
      ...idle,
      async *repeat(_request, call) {
        yield note('x');
        call.responseTrailers.set('x-total', '1');
      },
    });
    const stream = client.repeat(note('x', 1));
    await collect(stream);
    expect((await stream.trailers).get('x-total')).toBe('1');
  });
});

describe('errors', () => {
  const failing = (error: unknown): Handlers<typeof Echo> => ({
    ...idle,
    say: () => {
      throw error;
    },
    async *repeat(request) {
      for (let i = 0; i < request.count; i++) yield note('before', i);
      throw error;
    },
  });

  it('brings an RpcError with its code, message, reason, metadata and disposition', async () => {
    const { client } = await served(
      Echo,
      failing(new RpcError('NOT_FOUND', 'no such note', { reason: 'NO_NOTE', domain: 'test', metadata: { id: '7' } })),
    );
    const error = await client.say(note('x')).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'no such note', disposition: 'executed' });
    expect((error as RpcError).info).toMatchObject({ reason: 'NO_NOTE', domain: 'test', metadata: { id: '7' } });
  });

  it('brings a declared error as its class, from a unary call and a stream', async () => {
    const { client } = await served(Echo, failing(new Refused('not today')));
    await expect(client.say(note('x'))).rejects.toBeInstanceOf(Refused);
    await expect(client.say(note('x'))).rejects.toMatchObject({ text: 'not today' });
    await expect(collect(client.repeat(note('x', 2)))).rejects.toBeInstanceOf(Refused);
  });

  it('hides an undeclared error from the caller and logs it with the correlation id', async () => {
    const logged: Record<string, unknown>[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => logged.push({ ...fields }) };
    const { client } = await served(Echo, failing(new Error('password is hunter2')), { server: { logger } });
    const error = (await client
      .say(note('x'), { headers: { 'x-correlation-id': 'order-17' } })
      .catch((e: unknown) => e)) as RpcError;
    expect(error).toMatchObject({ code: 'INTERNAL', disposition: 'executed' });
    expect(error.message).not.toContain('hunter2');
    expect(error.message).toContain('order-17');
    expect(logged).toMatchObject([{ correlationId: 'order-17', method: '/test.Echo/Say' }]);
    expect(String(logged[0]?.err)).toContain('hunter2');
  });

  it('delivers what came before an error, then the error', async () => {
    const { client } = await served(Echo, failing(new RpcError('ABORTED', 'enough')));
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { count } of client.repeat(note('x', 50))) {
        await settled();
        seen.push(count);
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' });
    expect(seen).toHaveLength(50);
  });

  it('does not forward the error of a service further down', async () => {
    const { client: inner } = await served(Echo, failing(new RpcError('NOT_FOUND', 'inner secret')));
    const { client } = await served(Echo, { ...idle, say: (request) => inner.say(request) });
    const error = (await client.say(note('x')).catch((e: unknown) => e)) as RpcError;
    expect(error).toMatchObject({ code: 'INTERNAL', reason: 'DEPENDENCY_FAILED', disposition: 'executed' });
    expect(error.message).not.toContain('inner secret');
  });

  it('names a response that is not what the IDL says in the log, not to the caller', async () => {
    const { client } = await served(Echo, { ...idle, say: () => ({ text: 5 }) as unknown as Note });
    await expect(client.say(note('x'))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('is answered when a handler fails and the logger too', async () => {
    const fails = (): never => {
      throw new Error('broken');
    };
    const logger = { debug() {}, info() {}, warn() {}, error: fails };
    const { client } = await served(Echo, { ...idle, say: fails }, { server: { logger } });
    await expect(client.say(note('x'))).rejects.toMatchObject({ code: 'INTERNAL', disposition: 'executed' });
  });

  it('treats a streamed message of the wrong type like any failure of the handler', async () => {
    const logged: object[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => logged.push(fields) };
    const { client } = await served(
      Echo,
      {
        ...idle,
        async *repeat() {
          yield null as unknown as Note;
        },
      },
      { server: { logger } },
    );
    await expect(collect(client.repeat(note('x')))).rejects.toMatchObject({ reason: 'HANDLER_FAILED' });
    expect(logged).toHaveLength(1);
  });

  it('refuses a request that is not what the IDL says before anything is sent', async () => {
    const { client } = await served(Echo, idle);
    await expect(client.say({ text: 5 } as unknown as Note)).rejects.toThrow('test.Note.text must be a string');
    await expect(client.say('text' as unknown as Note)).rejects.toThrow('must be a test.Note object, not string');
    await expect(client.say([] as unknown as Note)).rejects.toThrow('must be a test.Note object, not an array');
    expect(() => client.collect(5 as unknown as Note[])).toThrow('takes a stream of requests');
  });

  it('answers UNIMPLEMENTED, not executed, for a method that the server does not have', async () => {
    const network = new MemoryNetwork();
    const server = createServer();
    await server.listen({ memory: network });
    const client = createClient(Echo, network);
    const unimplemented = { code: 'UNIMPLEMENTED', disposition: 'not-executed' };
    await expect(client.say(note('x'))).rejects.toMatchObject(unimplemented);
    await expect(collect(client.repeat(note('x')))).rejects.toMatchObject(unimplemented);
    await server.close();
  });

  it('answers UNAVAILABLE, not executed, when nobody listens', async () => {
    const client = createClient(Echo, new MemoryNetwork());
    await expect(client.say(note('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  });
});

it('leaves no listener on a call after each of its attempts', async () => {
  const { network } = await served(Echo, { ...idle, say: () => Promise.reject(new RpcError('ABORTED', 'again')) });
  const attempt = network.connect(Echo).bind(Echo.methods.say);
  const call = new Call({
    method: Echo.methods.say,
    side: 'client',
    encoding: 'proto',
    request: Echo.methods.say.request.encode(note('x'), 'proto'),
  });
  for (let i = 0; i < 3; i++) await expect(attempt(call)).rejects.toMatchObject({ code: 'ABORTED' });
  expect(call.abortListeners).toBe(0);
});

describe('cancelling', () => {
  /** A handler that reports its call and never answers by itself. */
  function hanging() {
    const started = deferred<ServerCall>();
    let aborts = 0;
    const watch = (call: ServerCall): void => {
      call.signal.addEventListener('abort', () => {
        aborts += 1;
      });
      started.resolve(call);
    };
    const handlers: Handlers<typeof Echo> = {
      ...idle,
      say: (_request, call) => {
        watch(call);
        return new Promise(() => {});
      },
      async *repeat(_request, call) {
        watch(call);
        for (let i = 0; ; i++) yield note('x', i);
      },
    };
    return { handlers, started: started.promise, aborts: () => aborts };
  }

  it('tells the handler once when the caller aborts, and rejects with CANCELLED at once', async () => {
    const { handlers, started, aborts } = hanging();
    const { client } = await served(Echo, handlers);
    const controller = new AbortController();
    const call = client.say(note('x'), { signal: controller.signal });
    const server = await started;
    controller.abort(new Error('changed my mind'));
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', cause: { message: 'changed my mind' } });
    expect(server.signal.aborted).toBe(true);
    expect(aborts()).toBe(1);
  });

  it('never starts a call whose signal is aborted already', async () => {
    const { client } = await served(Echo, idle);
    await expect(client.say(note('x'), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
      disposition: 'not-executed',
    });
  });

  it.each([
    [
      'break',
      async (stream: AsyncIterableIterator<Note>) => {
        for await (const _ of stream) break;
      },
    ],
    [
      'return()',
      async (stream: AsyncIterableIterator<Note>) => {
        await stream.next();
        await stream.return?.();
        await stream.return?.();
      },
    ],
    [
      'a throw in the loop',
      async (stream: AsyncIterableIterator<Note>) => {
        try {
          for await (const _ of stream) throw new Error('x');
        } catch {}
      },
    ],
  ])('cancels a stream exactly once by %s', async (_name, stop) => {
    const { handlers, started, aborts } = hanging();
    const { client } = await served(Echo, handlers);
    const stream = client.repeat(note('x'));
    await stop(stream);
    expect((await started).signal.aborted).toBe(true);
    await settled();
    expect(aborts()).toBe(1);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('lets a generator on the server run its finally', async () => {
    const closed = deferred();
    const { client } = await served(Echo, {
      ...idle,
      async *repeat() {
        try {
          for (let i = 0; ; i++) yield note('x', i);
        } finally {
          closed.resolve();
        }
      },
    });
    for await (const _ of client.repeat(note('x'))) break;
    await closed.promise;
  });

  it('stops at the deadline on both sides', async () => {
    const { handlers, started } = hanging();
    const { client } = await served(Echo, handlers);
    const call = client.say(note('x'), { timeout: 30 });
    await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect((await started).signal.aborted).toBe(true);
  });

  it('hands the deadline down to calls that the handler makes', async () => {
    let inner: number | undefined;
    const { client: leaf } = await served(Echo, {
      ...idle,
      say(request, call) {
        inner = call.deadline?.remaining();
        return request;
      },
    });
    const { client } = await served(Echo, { ...idle, say: (request) => leaf.say(request, { timeout: '1h' }) });
    await client.say(note('x'), { timeout: '5s' });
    expect(inner).toBeLessThanOrEqual(5000);
  });

  it('cancels what a handler called when its own caller gives up', async () => {
    const { handlers, started } = hanging();
    const { client: leaf } = await served(Echo, handlers);
    const { client } = await served(Echo, { ...idle, say: (request) => leaf.say(request) });
    const controller = new AbortController();
    const call = client.say(note('x'), { signal: controller.signal });
    const server = await started;
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(server.signal.aborted).toBe(true);
  });

  it('carries the correlation id down the tree', async () => {
    let inner: string | undefined;
    const { client: leaf } = await served(Echo, {
      ...idle,
      say(request, call) {
        inner = call.correlationId;
        return request;
      },
    });
    const { client } = await served(Echo, { ...idle, say: (request) => leaf.say(request) });
    await client.say(note('x'), { headers: { 'x-correlation-id': 'order-17' } });
    expect(inner).toBe('order-17');
  });
});

describe('backpressure', () => {
  it('stops a server that sends faster than the client reads', async () => {
    let sent = 0;
    const { client } = await served(Echo, {
      ...idle,
      async *repeat() {
        for (;;) yield note('x', sent++);
      },
    });
    const stream = client.repeat(note('x'));
    await stream.next();
    await settled();
    expect(sent).toBeLessThan(40);
    await stream.return?.();
  });

  it('stops a client that sends faster than the server reads', async () => {
    let sent = 0;
    const started = deferred();
    const { client } = await served(Echo, {
      ...idle,
      collect: async () => {
        started.resolve();
        return new Promise(() => {});
      },
    });
    const call = client.collect(
      (function* () {
        for (;;) yield note('x', sent++);
      })(),
      { timeout: '1h' },
    );
    call.catch(() => {});
    await started.promise;
    await settled();
    expect(sent).toBeLessThan(40);
  });
});

describe('a server', () => {
  it('names every handler that is missing', () => {
    const server = createServer();
    expect(() => server.add(Echo, { say: idle.say } as Handlers<typeof Echo>)).toThrow(
      'the handlers of test.Echo lack tell, repeat, collect, chat',
    );
  });

  it('refuses a service twice, and changes after it listens', async () => {
    const { server } = await served(Echo, idle);
    expect(() => server.add(Echo, idle)).toThrow('listens already');
    expect(() => createServer().add(Echo, idle).add(Echo, idle)).toThrow('added already');
    expect(() => server.use((_m, next) => next)).toThrow('listens already');
  });

  it('lets a call in flight end within the grace, and refuses new ones', async () => {
    const hold = deferred();
    const { client, server } = await served(Echo, { ...idle, say: (request) => hold.promise.then(() => request) });
    const call = client.say(note('x'));
    await settled();
    const closing = server.close({ grace: '5s' });
    await expect(client.say(note('y'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    hold.resolve();
    expect(await call).toEqual(note('x'));
    await closing;
  });

  it('aborts what is left after the grace with UNAVAILABLE', async () => {
    const { client, server } = await served(Echo, { ...idle, say: () => new Promise(() => {}) });
    const call = client.say(note('x'));
    await settled();
    const closing = server.close({ grace: 1 });
    await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await closing;
  });

  it('answers a call without a deadline too when it shuts down', async () => {
    const { client, server } = await served(Echo, { ...idle, collect: () => new Promise(() => {}) });
    const call = client.collect([note('x')]);
    await settled();
    const closing = server.close({ grace: 1 });
    await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'the server is shutting down' });
    await closing;
  });

  it('runs interceptors of the user at their stages, in order', async () => {
    const order: string[] = [];
    const mark =
      (name: string): Interceptor =>
      (_method, next) =>
      async (call) => {
        order.push(`${name} in`);
        const response = await next(call);
        order.push(`${name} out`);
        return response;
      };
    const { client } = await served(
      Echo,
      {
        ...idle,
        say(request) {
          order.push('handler');
          return request;
        },
      },
      {
        configure: (server) => {
          server.use(mark('inner')).use(mark('outer'), { before: 'trace' });
          expect(() => server.use(mark('x'), { before: 'nowhere' as 'trace' })).toThrow('there is no stage "nowhere"');
        },
        client: { interceptors: [mark('client')] },
      },
    );
    await client.say(note('x'));
    expect(order).toEqual(['client in', 'outer in', 'inner in', 'handler', 'inner out', 'outer out', 'client out']);
  });
});
