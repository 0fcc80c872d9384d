/** Hawser's stubs over channels of grpc-js: all kinds of calls, and everything that a status carries. */
import { Channel, credentials, Server as GrpcJsServer, type Metadata, ServerCredentials, status } from '@grpc/grpc-js';
import { createClient, createServer, RpcError, type ServerCall, silentLogger } from 'hawser';
import { grpcJsTransport } from 'hawser/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Quotes } from '../../gen/market/v1/market.rpc.js';
import { hasTool } from '../requires.js';
import { Echo, type Note, note, Refused } from '../support/echo.js';
import { rejection } from '../support/scripted.js';
import { makeCertificates } from '../transports/grpc/certificates.js';

interface Seen {
  readonly aborted: Promise<void>;
}

let seen: Seen | undefined;
const server = createServer({ logger: silentLogger });
server
  .add(Echo, {
    async say(one: Note, call: ServerCall) {
      call.responseHeaders.set('x-first', 'here');
      call.responseTrailers.set('x-last', 'there');
      if (one.text === 'reason') {
        throw new RpcError('ABORTED', 'über 100 %', { reason: 'STALE', metadata: { fish: 'cod' } });
      }
      if (one.text === 'declared') throw new Refused('no');
      if (one.text === 'header')
        return note(String(call.headers.get('x-own')), Number(call.deadline?.remaining() ?? 0));
      if (one.text === 'never') {
        seen = { aborted: new Promise((resolve) => call.signal.addEventListener('abort', () => resolve())) };
        await seen.aborted;
      }
      return one;
    },
    tell() {},
    async *repeat({ text, count }: Note) {
      for (let i = 0; i < count; i++) yield note(text, i);
      if (text === 'fails') throw new RpcError('DATA_LOSS', 'torn');
    },
    async collect(notes: AsyncIterable<Note>) {
      let count = 0;
      for await (const one of notes) count += one.count;
      return note('sum', count);
    },
    async *chat(notes: AsyncIterable<Note>) {
      for await (const one of notes) yield one;
    },
  } as never)
  .add(Quotes, {});

const certificates = hasTool('openssl', ['version']) ? makeCertificates() : undefined;
const targets: Record<string, string> = {};

beforeAll(async () => {
  targets.plain = (await server.listen({ grpc: '127.0.0.1:0' })).grpc;
});
afterAll(() => server.close({ grace: 0 }));

function overChannel(target = targets.plain as string, options = {}, access = credentials.createInsecure()) {
  const channel = new Channel(target, access, {});
  const client = createClient(Echo, grpcJsTransport(channel, options), { logger: silentLogger, retry: false });
  onTestFinished(async () => {
    await client.$close({ grace: 0 });
    channel.close();
  });
  return { client, channel };
}

async function* notes(count: number) {
  for (let i = 1; i <= count; i++) yield note('n', i);
}

async function all(stream: AsyncIterable<Note>): Promise<Note[]> {
  const got: Note[] = [];
  for await (const one of stream) got.push(one);
  return got;
}

describe('over a channel', () => {
  it('calls of all kinds', async () => {
    const { client } = overChannel();
    expect(await client.say(note('x'))).toEqual(note('x'));
    expect(await all(client.repeat(note('r', 500)))).toHaveLength(500);
    expect(await all(client.repeat(note('none', 0)))).toEqual([]);
    expect(await client.collect(notes(100))).toEqual(note('sum', 5050));
    expect(await all(client.chat(notes(50)))).toHaveLength(50);
  });

  it('headers and the deadline go out, headers and trailers come back, and who answered', async () => {
    const { client } = overChannel();
    const call = client.say(note('header'), { headers: { 'x-own': 'mine' }, timeout: '5s' });
    const { text, count } = await call;
    expect(text).toBe('mine');
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(5_000);
    expect((await call.headers).get('x-first')).toBe('here');
    expect((await call.trailers).get('x-last')).toBe('there');
  });

  it('errors come whole: reason, text, disposition, declared ones', async () => {
    const { client } = overChannel();
    expect(await rejection(client.say(note('reason')))).toMatchObject({
      code: 'ABORTED',
      message: 'über 100 %',
      reason: 'STALE',
      domain: 'test.Echo',
      disposition: 'executed',
    });
    await expect(client.say(note('declared'))).rejects.toBeInstanceOf(Refused);
    const got: Note[] = [];
    const failed = (async () => {
      for await (const one of client.repeat(note('fails', 40))) got.push(one);
    })();
    expect(await rejection(failed)).toMatchObject({ code: 'DATA_LOSS', message: 'torn' });
    expect(got).toHaveLength(40);
  });

  it('a deadline and an abort reach the server', async () => {
    const { client } = overChannel();
    expect(await rejection(client.say(note('never'), { timeout: 50 }))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await seen?.aborted;
    seen = undefined;
    const abort = new AbortController();
    const call = client.say(note('never'), { signal: abort.signal });
    await expect.poll(() => seen).toBeDefined();
    abort.abort();
    expect(await rejection(call)).toMatchObject({ code: 'CANCELLED' });
    await (seen as Seen | undefined)?.aborted;
  });

  it('a stream that is left ends there, and slow readers lose nothing', async () => {
    const { client } = overChannel();
    for await (const one of client.repeat(note('left', 100_000))) if (one.count === 3) break;
    let count = 0;
    for await (const _ of client.repeat(note('slow', 300))) {
      count += 1;
      if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(count).toBe(300);
  });

  it('messages above a limit are refused, and nothing else is', async () => {
    const { client } = overChannel(targets.plain, { maxReceiveBytes: 1_000, maxSendBytes: 2_000 });
    const long = (bytes: number) => client.say(note('x'.repeat(bytes)));
    expect(await rejection(long(1_500))).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', disposition: 'executed' });
    expect(await rejection(long(3_000))).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', disposition: 'not-executed' });
    expect(await long(500)).toBeDefined();
  });

  it('topics are subscribed to', async () => {
    const channel = new Channel(targets.plain as string, credentials.createInsecure(), {});
    const client = createClient(Quotes, grpcJsTransport(channel), { logger: silentLogger });
    onTestFinished(async () => {
      await client.$close();
      channel.close();
    });
    const subscription = client.prices.subscribe({});
    await subscription.ready;
    await server.topic(Quotes.methods.prices).publish({ fish: 'cod', price: 1, market: 1, seq: 1n } as never);
    await expect.poll(() => [...subscription.replica().keys()]).toEqual(['cod']);
    subscription.unsubscribe();
  });

  it('closing the client leaves the channel to its owner', async () => {
    const channel = new Channel(targets.plain as string, credentials.createInsecure(), {});
    onTestFinished(() => channel.close());
    const first = createClient(Echo, grpcJsTransport(channel), { logger: silentLogger, retry: false });
    const open = first.say(note('never'));
    await expect.poll(() => seen).toBeDefined();
    await first.$close({ grace: 0 });
    expect(await rejection(open)).toMatchObject({ reason: 'CLIENT_CLOSED' });
    const second = createClient(Echo, grpcJsTransport(channel), { logger: silentLogger, retry: false });
    expect(await second.say(note('x'))).toEqual(note('x'));
    await second.$close();
  });

  it('nothing there is UNAVAILABLE, and no channel a TypeError', async () => {
    const { client } = overChannel('127.0.0.1:1');
    expect(await rejection(client.say(note('x'), { timeout: '5s' }))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(() => grpcJsTransport('127.0.0.1:1' as never)).toThrow(/takes a Channel of @grpc\/grpc-js/);
    const { channel } = overChannel();
    expect(() => grpcJsTransport(channel, { maxSendByte: 1 } as never)).toThrow(/did you mean maxSendBytes/);
  });
});

it.skipIf(certificates === undefined)("the channel's credentials are what counts", async () => {
  const secure = createServer({ logger: silentLogger });
  secure.add(Echo, {
    say: (one: Note) => one,
    tell() {},
    async *repeat() {},
    collect: () => note(''),
    async *chat() {},
  } as never);
  const { grpc } = await secure.listen({ grpc: { address: '127.0.0.1:0', tls: certificates?.server as never } });
  onTestFinished(() => secure.close({ grace: 0 }));
  const { client } = overChannel(grpc, {}, credentials.createSsl(Buffer.from(certificates?.ca as string)));
  expect(await client.say(note('x'))).toEqual(note('x'));
});

it('a server on grpc-js that answers with trailers alone, or with metadata twice', async () => {
  const foreign = new GrpcJsServer();
  const path = { requestStream: false, responseStream: false, requestSerialize: asIs, requestDeserialize: asIs };
  foreign.addService(
    { say: { path: '/test.Echo/Say', ...path, responseSerialize: asIs, responseDeserialize: asIs } },
    {
      say: (call: { metadata: Metadata }, done: (error: object) => void) => {
        const metadata = call.metadata.clone();
        metadata.add('x-two', 'a');
        metadata.add('x-two', 'b');
        metadata.add('x-bytes-bin', Buffer.from([0, 255]));
        done({ code: status.RESOURCE_EXHAUSTED, details: 'full', metadata });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    foreign.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => foreign.forceShutdown());
  const { client } = overChannel(`127.0.0.1:${port}`);
  const call = client.say(note('x'));
  expect(await rejection(call)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', message: 'full', disposition: 'unknown' });
  const trailers = await call.trailers;
  // Node's HTTP/2, which grpc-js stands on, joins them.
  expect(trailers.getAll('x-two')).toEqual(['a, b']);
  expect([...(trailers.getBinary('x-bytes-bin') ?? [])]).toEqual([0, 255]);
});

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
