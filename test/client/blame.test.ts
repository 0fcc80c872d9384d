/** What the caller did itself opens no breaker, and has the same reason on every wire. */
import { type ClientOptions, createClient, createServer, isRpcError, RpcError, silentLogger } from 'hawser';
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
