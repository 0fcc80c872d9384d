/** Every way in which a call ends early: seen by the handler once, and not as a success. */

import { connect as connectTcp, createServer, type Socket } from 'node:net';
import type * as grpc from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from '../../support/served.js';
import { type Note, Notes, note } from './note.js';
import { attempt, connect, drain, type NotesHandlers, pair, rawClient, rawServer, serve, transport } from './wire.js';

/** Handlers that wait for their end, and count the aborts that they see. */
function watching() {
  const aborts: string[] = [];
  const returned: string[] = [];
  const first = deferred();
  const begun: string[] = [];
  const watch = (signal: AbortSignal, kind: string): Promise<never> =>
    new Promise((_resolve, reject) => {
      begun.push(kind);
      signal.addEventListener('abort', () => {
        aborts.push(`${kind} ${(signal.reason as { code: string }).code}`);
        first.resolve();
        reject(signal.reason);
      });
    });
  const handlers: Partial<NotesHandlers> = {
    echo: (_request, call) => watch(call.signal, 'echo'),
    async *list(_request, call) {
      try {
        yield note('first');
        yield note('second');
        await watch(call.signal, 'list');
      } finally {
        returned.push('list');
      }
    },
    collect: async (requests, call) => {
      const ended = watch(call.signal, 'collect');
      ended.catch(() => {});
      for await (const _one of requests);
      return ended;
    },
    async *chat(requests, call) {
      const ended = watch(call.signal, 'chat');
      ended.catch(() => {});
      yield note('open');
      for await (const one of requests) yield one;
      await ended;
    },
  };
  /** Handlers of these kinds wait for their end now. */
  const waiting = (...kinds: string[]): Promise<void> =>
    expect.poll(() => [...begun].sort(), { timeout: 10_000, interval: 5 }).toEqual(kinds);
  return { handlers, aborts, returned, waiting, first: first.promise };
}

/** Two turns of the wire: what would come a second time has come by then. */
async function quiet(client: ReturnType<typeof connect>, kind: 'echo' | 'other' = 'other'): Promise<void> {
  if (kind === 'other') await client.list(note()).return?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
}

test('break out of a server stream cancels it once', async () => {
  const { handlers, aborts, returned, first } = watching();
  const { client } = await pair(handlers);
  for await (const one of client.list(note())) {
    expect(one.text).toBe('first');
    break;
  }
  await first;
  await quiet(client, 'echo');
  expect(aborts).toEqual(['list CANCELLED']);
  expect(returned).toEqual(['list']);
});

test('an error thrown in the loop body cancels the stream once', async () => {
  const { handlers, aborts, first } = watching();
  const { client } = await pair(handlers);
  const body = async (): Promise<void> => {
    for await (const _one of client.list(note())) throw new Error('mine');
  };
  await expect(body()).rejects.toThrow('mine');
  await first;
  await quiet(client, 'echo');
  expect(aborts).toEqual(['list CANCELLED']);
});

test('return() on a stream that nobody has read cancels it once', async () => {
  const { handlers, aborts, first } = watching();
  const { client } = await pair(handlers);
  const stream = client.list(note());
  await stream.headers;
  await stream.return?.();
  await stream.return?.();
  await first;
  await quiet(client, 'echo');
  expect(aborts).toEqual(['list CANCELLED']);
});

test.each(['echo', 'list', 'collect', 'chat'] as const)('an abort signal cancels %s once', async (kind) => {
  const { handlers, aborts, waiting, first } = watching();
  const { client } = await pair(handlers);
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const started = deferred();
  async function* endless(): AsyncGenerator<Note> {
    yield note('a');
    started.resolve();
    await new Promise(() => {});
  }
  const outcome =
    kind === 'echo'
      ? client.echo(note(), options).catch((error: unknown) => error)
      : kind === 'list'
        ? drain(client.list(note(), options)).then(({ error }) => error)
        : kind === 'collect'
          ? client.collect(endless(), options).catch((error: unknown) => error)
          : drain(client.chat(endless(), options)).then(({ error }) => error);
  if (kind === 'collect' || kind === 'chat') await started.promise;
  await waiting(kind);
  controller.abort();
  expect(await outcome).toMatchObject({ code: 'CANCELLED' });
  await first;
  await quiet(client, 'echo');
  expect(aborts).toEqual([`${kind} CANCELLED`]);
});

test.each(['echo', 'list'] as const)('the deadline ends %s on both sides', async (kind) => {
  const { handlers, aborts, first } = watching();
  const { client } = await pair(handlers);
  const options = { timeout: 400 };
  const error =
    kind === 'echo'
      ? await client.echo(note(), options).catch((reason: unknown) => reason)
      : (await drain(client.list(note(), options))).error;
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  await first;
  await quiet(client, 'echo');
  expect(aborts).toHaveLength(1);
});

test('a call that succeeded is not aborted afterwards', async () => {
  let aborted = 0;
  const { client } = await pair({
    echo: (request, call) => {
      call.signal.addEventListener('abort', () => {
        aborted += 1;
      });
      return request;
    },
    async *list(request, call) {
      call.signal.addEventListener('abort', () => {
        aborted += 1;
      });
      yield request;
    },
  });
  await client.echo(note());
  await drain(client.list(note()));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(aborted).toBe(0);
});

test('a client that vanishes aborts its calls once', async () => {
  const { handlers, aborts, waiting, first } = watching();
  const { address } = await serve(handlers);
  const sockets: Socket[] = [];
  const [host, port] = address.split(':') as [string, string];
  const proxy = createServer((socket) => {
    const upstream = connectTcp(Number(port), host);
    sockets.push(socket, upstream);
    socket.on('error', () => {});
    upstream.on('error', () => {});
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  const through = connect(`127.0.0.1:${(proxy.address() as { port: number }).port}`);
  const stream = through.list(note());
  const items: Note[] = [];
  const reading = (async () => {
    for await (const one of stream) items.push(one);
  })();
  const unary = through.echo(note()).catch((error: unknown) => error);
  await waiting('echo', 'list');
  await expect.poll(() => items.length, { timeout: 10_000, interval: 5 }).toBe(2);
  for (const socket of sockets) socket.destroy();
  await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
  expect(await unary).toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown', reason: 'CONNECTION_LOST' });
  expect(items.map((one) => one.text)).toEqual(['first', 'second']);
  await first;
  await expect.poll(() => aborts.length, { timeout: 10_000, interval: 5 }).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(aborts.sort()).toEqual(['echo CANCELLED', 'list CANCELLED']);
});

test('a raw grpc-js server sees our cancel exactly once', async () => {
  const seen: string[] = [];
  const cancelled = deferred();
  const { address } = await rawServer({
    list: (call: grpc.ServerWritableStream<Note, Note>) => {
      call.on('cancelled', () => {
        seen.push('cancelled');
        cancelled.resolve();
      });
      call.write(note('first'));
    },
  });
  for await (const _one of connect(address).list(note())) break;
  await cancelled.promise;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(seen).toEqual(['cancelled']);
});

test('a raw grpc-js client that cancels aborts the handler once', async () => {
  const { handlers, aborts, first } = watching();
  const { address } = await serve(handlers);
  const stream = rawClient(address).list(note());
  stream.on('error', () => {});
  stream.once('data', () => stream.cancel());
  await first;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(aborts).toEqual(['list CANCELLED']);
});

test('an abort while still connecting settles at once, with its reason', async () => {
  // Accepts, and never says a word of HTTP/2.
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const client = connect(`127.0.0.1:${(silent.address() as { port: number }).port}`);
  const controller = new AbortController();
  const unary = client.echo(note(), { signal: controller.signal }).catch((error: unknown) => error);
  const stream = drain(client.list(note(), { signal: controller.signal }));
  const chat = drain(client.chat([note()], { signal: controller.signal }));
  setImmediate(() => controller.abort());
  expect(await unary).toMatchObject({ code: 'CANCELLED' });
  expect((await stream).error).toMatchObject({ code: 'CANCELLED' });
  expect((await chat).error).toMatchObject({ code: 'CANCELLED' });
});

test('a server that accepts and never speaks fails the calls that wait for it, and is left when it recovers', async () => {
  const { address } = await serve();
  let silent = true;
  const sockets: Socket[] = [];
  const proxy = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    if (silent) return;
    const upstream = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
    sockets.push(upstream);
    upstream.on('error', () => {});
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const client = connect(`127.0.0.1:${(proxy.address() as { port: number }).port}`, { connectTimeout: 1_000 });
  const failed = { code: 'UNAVAILABLE', reason: 'CONNECT_FAILED', disposition: 'not-executed' };
  const unary = client.echo(note()).catch((error: unknown) => error);
  const chat = drain(client.chat([note()]));
  expect((await drain(client.list(note()))).error).toMatchObject(failed);
  expect(await unary).toMatchObject(failed);
  expect((await chat).error).toMatchObject(failed);
  silent = false;
  expect(await client.echo(note('again'))).toEqual(note('again'));
  // Beyond the time that a connection is given to come about: this one is not ended by it.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(await client.echo(note('still'))).toEqual(note('still'));
});

test('a call that was aborted before it began sends nothing', async () => {
  let calls = 0;
  const listener = await serve({
    echo: (request) => {
      calls += 1;
      return request;
    },
  });
  const handler = transport(listener.address).bind(Notes.methods.echo);
  const { RpcError } = await import('../../../src/call/rpc-error.js');
  const call = attempt(Notes.methods.echo, Buffer.alloc(0));
  call.abort(new RpcError('CANCELLED', 'never mind'));
  await expect(handler(call)).rejects.toMatchObject({ message: 'never mind' });
  const late = attempt(Notes.methods.echo, Buffer.alloc(0), { timeout: 0 });
  await expect(handler(late)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', disposition: 'not-executed' });
  await handler(attempt(Notes.methods.echo, Buffer.alloc(0)));
  expect(calls).toBe(1);
});

test('a request stream that throws ends the call on both sides and is told', async () => {
  const { handlers, aborts, waiting, first } = watching();
  const { client } = await pair(handlers);
  async function* failing(): AsyncGenerator<Note> {
    yield note('a');
    // A call that is over before its handler has begun is never seen by it.
    await waiting('chat');
    throw new Error('disk gone');
  }
  const { error } = await drain(client.chat(failing()));
  expect(error).toMatchObject({ code: 'CANCELLED' });
  expect((error as Error).message).toContain('disk gone');
  await first;
  expect(aborts).toEqual(['chat CANCELLED']);
});

test('a server that answers early stops the request stream', async () => {
  const stopped = deferred();
  const { client } = await pair({ collect: async () => note('enough') });
  async function* endless(): AsyncGenerator<Note> {
    try {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        yield note('more');
      }
    } finally {
      stopped.resolve();
    }
  }
  expect((await client.collect(endless())).text).toBe('enough');
  await stopped.promise;
});

test('closing the client cancels what is in flight, and later calls say that it is closed', async () => {
  const { handlers, aborts, waiting, first } = watching();
  const listener = await serve(handlers);
  const over = transport(listener.address);
  const { clientOf } = await import('./wire.js');
  const client = clientOf(Notes, over);
  const stream = client.list(note());
  await stream.headers;
  const unary = client.echo(note()).catch((error: unknown) => error);
  await waiting('echo', 'list');
  await over.close(0);
  expect((await drain(stream)).error).toMatchObject({ code: 'CANCELLED', message: 'the client was closed' });
  expect(await unary).toMatchObject({ code: 'CANCELLED' });
  await first;
  await expect.poll(() => aborts.length, { timeout: 10_000, interval: 5 }).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(aborts.sort()).toEqual(['echo CANCELLED', 'list CANCELLED']);
  await expect(client.echo(note())).rejects.toMatchObject({ reason: 'CLIENT_CLOSED', disposition: 'not-executed' });
});
