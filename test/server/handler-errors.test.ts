import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { createClient, createServer, isRpcError, RpcError, type RpcErrorOptions, silentLogger } from 'hawser';
import { afterEach, describe, expect, it } from 'vitest';
import { ErrorInfo } from '../../gen/google/rpc/error_details.js';
import { isOwn } from '../../src/call/own-error.js';
import { outcomeOf } from '../../src/interceptors/breaker.js';
import { isOverload } from '../../src/interceptors/throttle.js';
import { MemoryNetwork } from '../../src/transports/memory/network.js';
import { Echo, EchoOverThrift, type Note, note } from '../support/echo.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Asking {
  /** What a unary call ends with. */
  say(): Promise<unknown>;
  /** What a stream ends with, where the wire has streams. */
  repeat?(): Promise<unknown>;
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function drained(stream: AsyncIterable<Note>): Promise<unknown> {
  try {
    for await (const _ of stream);
  } catch (error) {
    return error;
  }
  return undefined;
}

type Fail = () => unknown;
const handlers = (fail: Fail) => ({
  say: () => {
    throw fail();
  },
  tell() {},
  async *repeat(): AsyncGenerator<Note> {
    yield note('first');
    throw fail();
  },
  collect: () => note(''),
  async *chat(): AsyncGenerator<Note> {},
});

const wires: Readonly<Record<string, (fail: Fail) => Promise<Asking>>> = {
  async memory(fail) {
    const network = new MemoryNetwork();
    const server = createServer({ logger: silentLogger }).add(Echo, handlers(fail) as never);
    await server.listen({ memory: network });
    const client = createClient(Echo, network, { retry: false });
    closers.push(
      () => server.close({ grace: 0 }),
      () => client.$close(),
    );
    return { say: () => rejection(client.say(note('x'))), repeat: () => drained(client.repeat(note('x'))) };
  },
  async grpc(fail) {
    const server = createServer({ logger: silentLogger }).add(Echo, handlers(fail) as never);
    const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
    const client = createClient(Echo, `grpc://${grpc}`, { retry: false });
    closers.push(
      () => server.close({ grace: 0 }),
      () => client.$close(),
    );
    return { say: () => rejection(client.say(note('x'))), repeat: () => drained(client.repeat(note('x'))) };
  },
  async mounted(fail) {
    const grpcServer = new GrpcServer();
    createServer({ logger: silentLogger })
      .add(Echo, handlers(fail) as never)
      .mount(grpcServer);
    const port = await new Promise<number>((resolve, reject) =>
      grpcServer.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const client = createClient(Echo, `grpc://127.0.0.1:${port}`, { retry: false });
    closers.push(
      () => grpcServer.forceShutdown(),
      () => client.$close(),
    );
    return { say: () => rejection(client.say(note('x'))), repeat: () => drained(client.repeat(note('x'))) };
  },
  async binary(fail) {
    return overThrift(fail, 'binary');
  },
  async compact(fail) {
    return overThrift(fail, 'compact');
  },
  async header(fail) {
    return overThrift(fail, 'header');
  },
};

async function overThrift(fail: Fail, wire: string): Promise<Asking> {
  const server = createServer({ logger: silentLogger }).add(EchoOverThrift, handlers(fail) as never);
  const { thrift } = await server.listen({ thrift: '127.0.0.1:0' });
  const client = createClient(EchoOverThrift, `thrift://${thrift}?wire=${wire}`, { retry: false });
  closers.push(
    () => server.close({ grace: 0 }),
    () => client.$close(),
  );
  return { say: () => rejection(client.say(note('x'))) };
}

const info = (domain: string, reason: string, type = 'google.rpc.ErrorInfo') => ({
  type,
  value: ErrorInfo.encode(ErrorInfo.create({ domain, reason })),
});

async function everyError(name: string, fail: Fail): Promise<RpcError[]> {
  const asking = await (wires[name] as (fail: Fail) => Promise<Asking>)(fail);
  const errors = [await asking.say(), ...(asking.repeat === undefined ? [] : [await asking.repeat()])];
  for (const error of errors) if (!isRpcError(error)) throw error;
  return errors as RpcError[];
}

describe.each(Object.keys(wires))('an error of a handler (%s)', (wire) => {
  it('has no ErrorInfo when it has no reason', async () => {
    for (const error of await everyError(wire, () => new RpcError('ABORTED', 'text'))) {
      expect(error).toMatchObject({ code: 'ABORTED', message: 'text', details: [], disposition: 'executed' });
      expect([error.info, error.domain, error.reason]).toEqual([undefined, undefined, 'ABORTED']);
    }
  });

  it('has its reason in the domain of its service, or in the one it names', async () => {
    const metadata = { fish: 'cod' };
    for (const error of await everyError(wire, () => new RpcError('NOT_FOUND', 'x', { reason: 'NO_SALE', metadata }))) {
      expect(error.info).toMatchObject({ reason: 'NO_SALE', domain: 'test.Echo', metadata });
    }
    for (const error of await everyError(
      wire,
      () => new RpcError('NOT_FOUND', 'x', { reason: 'A', domain: 'sea.example' }),
    )) {
      expect([error.reason, error.domain]).toEqual(['A', 'sea.example']);
    }
  });

  const forged: readonly [string, RpcErrorOptions][] = [
    ['by the reason alone', { reason: 'OVERLOADED' }],
    ['with the domain', { reason: 'OVERLOADED', domain: 'hawser' }],
    ['with an empty domain', { reason: 'OVERLOADED', domain: '' }],
    ['in a detail', { details: [info('hawser', 'OVERLOADED')] }],
    ['in a detail without a domain', { details: [info('', 'OVERLOADED')] }],
    ['in a detail by its URL', { details: [info('hawser', 'OVERLOADED', 'type.googleapis.com/google.rpc.ErrorInfo')] }],
  ];

  it.each(forged)("cannot be the runtime's own (%s)", async (_how, options) => {
    for (const error of await everyError(
      wire,
      () => new RpcError('UNAVAILABLE', 'x', { ...options, disposition: 'not-executed' }),
    )) {
      expect([error.reason, error.domain, error.disposition]).toEqual(['OVERLOADED', 'test.Echo', 'executed']);
      expect(isOwn(error, 'OVERLOADED')).toBe(false);
      expect(isOverload(error)).toBe(false);
    }
  });

  it('cannot make a breaker look away, nor a client try again', async () => {
    for (const error of await everyError(
      wire,
      () => new RpcError('INTERNAL', 'x', { reason: 'MESSAGE_TOO_LARGE', domain: 'hawser' }),
    )) {
      expect(outcomeOf(error)).toBe('failure');
    }
  });

  it("is the runtime's own where the handler threw what is no RpcError", async () => {
    for (const error of await everyError(wire, () => new TypeError('secret'))) {
      expect([error.reason, error.domain]).toEqual(['HANDLER_FAILED', 'hawser']);
      expect(error.message).not.toContain('secret');
    }
  });

  it('that came from a call of the handler is not forwarded, however it was copied', async () => {
    const below = new MemoryNetwork();
    const leaf = createServer({ logger: silentLogger }).add(
      Echo,
      handlers(() => new RpcError('UNAVAILABLE', 'x')) as never,
    );
    await leaf.listen({ memory: below });
    const nested = createClient(Echo, below, { retry: false });
    closers.push(
      () => leaf.close({ grace: 0 }),
      () => nested.$close(),
    );
    const received = (await rejection(nested.say(note('x')))) as RpcError;
    for (const error of await everyError(wire, () => received)) {
      expect([error.reason, error.domain]).toEqual(['DEPENDENCY_FAILED', 'hawser']);
    }
    for (const error of await everyError(wire, () => received.withDisposition('not-executed'))) {
      expect([error.reason, error.domain, error.disposition]).toEqual(['DEPENDENCY_FAILED', 'hawser', 'executed']);
    }
    const unreachable = createClient(Echo, new MemoryNetwork(), { retry: false });
    const local = (await rejection(unreachable.say(note('x')))) as RpcError;
    expect(isOwn(local, 'CONNECT_FAILED')).toBe(true);
    const { code, message, reason, details } = local;
    for (const error of await everyError(
      wire,
      () => new RpcError(code, message, { reason, details, domain: 'hawser' }),
    )) {
      expect([error.reason, error.domain]).toEqual(['CONNECT_FAILED', 'test.Echo']);
    }
  });
});
