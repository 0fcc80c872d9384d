/** What the caller did itself opens no breaker, and has the same reason on every wire. */
import {
  type ClientOptions,
  createClient,
  createServer,
  isRpcError,
  MemoryNetwork,
  type MemoryNetworkOptions,
  RpcError,
  silentLogger,
} from 'hawser';
import { afterEach, describe, expect, it } from 'vitest';
import { outcomeOf } from '../../src/interceptors/breaker.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const wires = ['grpc', 'binary', 'compact', 'header'] as const;
type Wire = (typeof wires)[number];
const limit = 10_000;

/** Two servers, and a client of both. */
async function pair(wire: Wire, sides: { client?: ClientOptions; server?: object } = {}) {
  const service = wire === 'grpc' ? Echo : EchoOverThrift;
  const handlers = {
    say: ({ text, count }: { text: string; count: number }) =>
      note(text === 'fill' ? 'x'.repeat(count) : text.slice(0, 10)),
    tell() {},
    async *repeat() {},
    collect: async (notes: AsyncIterable<unknown>) => {
      for await (const _ of notes);
      return note('');
    },
    async *chat() {},
  };
  const addresses: string[] = [];
  for (let i = 0; i < 2; i++) {
    const server = createServer({
      logger: silentLogger,
      admission: false,
      ...(wire === 'grpc' ? { grpc: { ...sides.server } } : { thrift: { ...sides.server } }),
    }).add(service, handlers as never);
    const at = '127.0.0.1:0';
    const bound = await server.listen(wire === 'grpc' ? { grpc: at } : { thrift: at });
    addresses.push(wire === 'grpc' ? `grpc://${bound.grpc}` : `thrift://${bound.thrift}?wire=${wire}`);
    closers.push(() => server.close({ grace: 0 }));
  }
  const client = createClient(service, addresses, { logger: silentLogger, retry: false, ...sides.client });
  closers.push(() => client.$close());
  return client;
}

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as RpcError,
  );

async function failsAlike(client: Awaited<ReturnType<typeof pair>>, fail: () => Promise<unknown>) {
  const said = new Set<string>();
  for (let i = 0; i < 24; i++) {
    const error = await rejection(fail());
    said.add(isRpcError(error) ? `${error.code} ${error.reason} ${error.domain}` : String(error));
  }
  expect(client.$addresses().map((one) => one.breaker)).toEqual(['closed', 'closed']);
  expect(await client.say(note('cod'))).toEqual(note('cod'));
  return [...said];
}

describe.each(wires)('a healthy server (%s) is not blamed for', (wire) => {
  const grpc = wire === 'grpc';

  it("a request above the client's own limit", async () => {
    const client = await pair(wire, {
      client: grpc ? { grpc: { maxSendBytes: limit } } : { thrift: { limits: { maxFrameBytes: limit } } },
    });
    const big = note('x'.repeat(3 * limit));
    expect(await failsAlike(client, () => client.say(big))).toEqual(['RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE hawser']);
  });

  it("a response above the client's own limit", async () => {
    const client = await pair(wire, {
      client: grpc ? { grpc: { maxReceiveBytes: limit } } : { thrift: { limits: { maxFrameBytes: limit } } },
    });
    expect(await failsAlike(client, () => client.say(note('fill', 3 * limit)))).toEqual([
      'RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE hawser',
    ]);
  });

  it("a response above the server's limit", async () => {
    const client = await pair(wire, { server: grpc ? { maxSendBytes: limit } : { limits: { maxFrameBytes: limit } } });
    expect(await failsAlike(client, () => client.say(note('fill', 3 * limit)))).toEqual([
      'RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE hawser',
    ]);
  });

  it("a request above the server's limit", async () => {
    const client = await pair(wire, {
      server: grpc ? { maxReceiveBytes: limit } : { limits: { maxFrameBytes: limit } },
    });
    const big = note('x'.repeat(3 * limit));
    expect(await failsAlike(client, () => client.say(big))).toEqual(['RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE hawser']);
  });
});

/** A client of one server in memory, whose every call is an attempt of its own. */
async function inMemory(limits: MemoryNetworkOptions) {
  const network = new MemoryNetwork(limits);
  let ran = 0;
  const server = createServer({ logger: silentLogger }).add(Echo, {
    say: ({ text, count }: { text: string; count: number }) => {
      ran += 1;
      return note(text === 'fill' ? 'x'.repeat(count) : text.slice(0, 10));
    },
    tell() {},
    async *repeat({ count }: { count: number }) {
      yield note('first');
      yield note('x'.repeat(count));
    },
    collect: async (notes: AsyncIterable<unknown>) => {
      for await (const _ of notes);
      return note('');
    },
    async *chat() {},
  } as never);
  await server.listen({ memory: network });
  const client = createClient(Echo, network, { logger: silentLogger, retry: false, breaker: { failures: 1 } });
  closers.push(
    () => server.close({ grace: 0 }),
    () => client.$close(),
  );
  return { client, ran: () => ran };
}

describe('a healthy server (memory) is not blamed for', () => {
  const large = note('x'.repeat(3 * limit));
  const said = (error: unknown) => {
    expect(error).toBeInstanceOf(RpcError);
    const { code, reason, domain, disposition } = error as RpcError;
    expect(outcomeOf(error as RpcError)).toBe('neutral');
    return `${code} ${reason} ${domain} ${disposition}`;
  };

  it.each<[string, MemoryNetworkOptions, string]>([
    ["a request above the client's own limit", { client: { maxSendBytes: limit } }, 'not-executed'],
    ["a request above the server's limit", { server: { maxReceiveBytes: limit } }, 'not-executed'],
    ["a response above the client's own limit", { client: { maxReceiveBytes: limit } }, 'executed'],
    ["a response above the server's limit", { server: { maxSendBytes: limit } }, 'executed'],
  ])('%s', async (_what, limits, disposition) => {
    const { client, ran } = await inMemory(limits);
    const isRequest = disposition === 'not-executed';
    for (let i = 0; i < 24; i++) {
      const error = await rejection(client.say(isRequest ? large : note('fill', 3 * limit)));
      expect(said(error)).toBe(`RESOURCE_EXHAUSTED MESSAGE_TOO_LARGE hawser ${disposition}`);
    }
    expect(ran()).toBe(isRequest ? 0 : 24);
    expect(client.$addresses().map((one) => one.breaker)).toEqual(['closed']);
    expect(await client.say(note('cod'))).toEqual(note('cod'));
  });

  it('streams with one message above a limit', async () => {
    async function* requests() {
      yield note('first');
      yield large;
    }
    for (const limits of [{ client: { maxSendBytes: limit } }, { server: { maxReceiveBytes: limit } }]) {
      const { client } = await inMemory(limits);
      expect(said(await rejection(client.collect(requests())))).toContain('MESSAGE_TOO_LARGE hawser');
      expect(await client.say(note('cod'))).toEqual(note('cod'));
    }
    for (const limits of [{ client: { maxReceiveBytes: limit } }, { server: { maxSendBytes: limit } }]) {
      const { client } = await inMemory(limits);
      const texts: string[] = [];
      const read = async () => {
        for await (const { text } of client.repeat(note('', 3 * limit))) texts.push(text);
      };
      expect(said(await rejection(read()))).toContain('MESSAGE_TOO_LARGE hawser executed');
      expect(texts).toEqual(['first']);
    }
  });

  it.each([
    [{ client: { maxSendBytes: 0 } }, RangeError, 'maxSendBytes is 0; it is a number of bytes, 1 or more'],
    [{ server: { maxBytes: 1 } }, TypeError, 'maxBytes'],
    [{ limits: {} }, TypeError, 'limits'],
  ])('and a network is not made with %j', (options, kind, message) => {
    const make = () => new MemoryNetwork(options as MemoryNetworkOptions);
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
  });
});

describe('a healthy gRPC server is not blamed for', () => {
  it('too many headers', async () => {
    const client = await pair('grpc');
    const headers = { 'x-much': 'x'.repeat(20_000) };
    expect(await failsAlike(client, () => client.say(note('x'), { headers }))).toEqual([
      'RESOURCE_EXHAUSTED HEADERS_TOO_LARGE hawser',
    ]);
  });

  it.each(['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED'] as const)(
    'a request stream that ends with an error of the caller, %s by its code',
    async (code) => {
      const client = await pair('grpc');
      async function* requests() {
        yield note('x');
        throw new RpcError(code, 'the source of the caller failed');
      }
      expect(await failsAlike(client, () => client.collect(requests()))).toEqual([`${code} ${code} undefined`]);
    },
  );

  it('a request stream that throws anything else', async () => {
    const client = await pair('grpc');
    async function* requests() {
      yield note('x');
      throw new TypeError('x');
    }
    expect(await failsAlike(client, () => client.collect(requests()))).toEqual([
      'CANCELLED REQUEST_STREAM_FAILED hawser',
    ]);
  });
});

describe('an error says of the address', () => {
  const own = (reason: string, code: RpcError['code'] = 'UNAVAILABLE') =>
    new RpcError(code, 'x', { reason, domain: 'hawser' });

  it.each<[string, RpcError, ReturnType<typeof outcomeOf>]>([
    ['a word of before', own('REQUEST_TOO_LARGE', 'RESOURCE_EXHAUSTED'), 'neutral'],
    ['the quota of the caller', own('QUOTA_EXCEEDED', 'RESOURCE_EXHAUSTED'), 'neutral'],
    ['a conflict of callers', new RpcError('ABORTED', 'x'), 'success'],
    ['a conflict in the database', own('STORE_CONFLICT'), 'neutral'],
    ['a server without room', own('OVERLOADED'), 'failure'],
    ['a database that is gone', own('STORE_UNAVAILABLE'), 'failure'],
    [
      "a handler's own word for a size",
      new RpcError('INTERNAL', 'x', { reason: 'MESSAGE_TOO_LARGE', domain: 'sea.Till' }),
      'failure',
    ],
  ])('%s', (_what, error, outcome) => expect(outcomeOf(error)).toBe(outcome));
});
