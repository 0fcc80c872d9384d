/** What the gates of a server tell those whom they refuse, and what they count: on virtual time, or where a wire matters over sockets. */
import { createClient, createServer, type QuotaLimiter, silentLogger } from 'hawser';
import { SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { deferred, served } from '../support/served.js';

const idle = {
  say: (request: { text: string; count: number }) => request,
  tell: () => {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};

describe.each(['grpc', 'thrift'] as const)('the answer to a call that is shed over %s', (wire) => {
  it('says on the wire when to come again: now, at another server', async () => {
    const held = deferred();
    const began = deferred();
    const server = createServer({ admission: { limit: 1, queue: false }, logger: silentLogger });
    const say = async (request: { text: string; count: number }) => {
      began.resolve();
      await held.promise;
      return request;
    };
    for (const service of [Echo, EchoOverThrift]) server.add(service, { ...idle, say } as never);
    const bound = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
    const address = `${wire}://${bound[wire]}${wire === 'thrift' ? '?wire=header' : ''}`;
    const client = createClient(wire === 'grpc' ? Echo : EchoOverThrift, address, { retry: false });
    onTestFinished(async () => {
      held.resolve();
      await client.$close();
      await server.close({ grace: 0 });
    });
    client.say(note('holds')).then(undefined, () => {});
    await began.promise;
    const refused = client.say(note('too many'));
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
    expect((await refused.trailers).get('grpc-retry-pushback-ms')).toBe('0');
  });
});

describe('a quota that servers share', () => {
  it('is asked for each call with its key, its cost and its rate, and its answer holds, at once or later', async () => {
    const asked: unknown[] = [];
    const answers: (number | Promise<number>)[] = [0, 1_500, Promise.resolve(0), Promise.resolve(20)];
    const limiter: QuotaLimiter = {
      take: (...args) => {
        asked.push(args);
        return answers.shift() ?? 0;
      },
    };
    const { client } = await served(Echo, idle, {
      server: { quota: { rate: 5, limiter, by: (call) => call.headers.get('x-name') } },
      client: { retry: false },
    });
    const options = { headers: { 'x-name': 'a' } };
    await expect(client.say(note('1'), options)).resolves.toEqual(note('1'));
    const refused = client.say(note('2'), options);
    await expect(refused).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'QUOTA_EXCEEDED' });
    expect((await refused.trailers).get('grpc-retry-pushback-ms')).toBe('1500');
    await expect(client.say(note('3'), options)).resolves.toEqual(note('3'));
    await expect(client.say(note('4'), options)).rejects.toMatchObject({ reason: 'QUOTA_EXCEEDED' });
    await expect(client.say(note('nobody'))).resolves.toEqual(note('nobody'));
    expect(asked).toEqual(Array(4).fill(['a', 1, { rate: 5, burst: 5 }]));
  });
});

describe('a stream', () => {
  it('takes a place while it is opened, and none while it is idle', async () => {
    const { client, server } = await served(
      Echo,
      {
        ...idle,
        async *chat(requests) {
          for await (const request of requests) yield request;
        },
      },
      { server: { admission: { limit: 1, queue: false, slice: '1m' } }, client: { retry: false } },
    );
    const ends: (() => void)[] = [];
    for (let i = 0; i < 20; i++) {
      const end = deferred();
      ends.push(end.resolve);
      const stream = client.chat(
        (async function* () {
          yield note('open');
          await end.promise;
        })(),
      );
      const answers = stream[Symbol.asyncIterator]();
      expect((await answers.next()).value).toEqual(note('open'));
      onTestFinished(async () => {
        end.resolve();
        await answers.next();
      });
    }
    expect(server.admission()).toMatchObject({ inFlight: 0, admitted: 20, refused: 0 });
    await expect(client.say(note('x'))).resolves.toEqual(note('x'));
    for (const end of ends) end();
  });

  it('is refused like a call where there is no room to open it', async () => {
    const held = deferred();
    const { client, server } = await served(
      Echo,
      {
        ...idle,
        say: async (request) => {
          await held.promise;
          return request;
        },
      },
      { server: { admission: { limit: 1, queue: false } }, client: { retry: false } },
    );
    const first = client.say(note('holds'));
    first.then(undefined, () => {});
    await expect.poll(() => server.admission()?.inFlight).toBe(1);
    const stream = client.repeat(note('x'))[Symbol.asyncIterator]();
    await expect(stream.next()).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'OVERLOADED' });
    held.resolve();
    await first;
  });
});

it('calls that wait for handlers which take long, and whose callers have the time, are all served', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const net = new SeededNetwork({ clock, random });
  const server = createServer({ clock, logger: silentLogger, admission: { limit: 1 } }).add(Echo, {
    ...idle,
    say: async (request) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 1_000));
      return request as never;
    },
  });
  await server.listen({ memory: net.node('a') });
  const client = createClient(Echo, net.node('a'), {
    clock,
    random,
    logger: silentLogger,
    retry: false,
    throttle: false,
    timeout: '60s',
  });
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 10; i++) {
    calls.push(Promise.resolve(client.say(note('x', i))));
    await clock.runUntil(new Promise<void>((resolve) => clock.setTimer(resolve, 60)));
  }
  const all = Promise.allSettled(calls);
  const outcomes = await clock.runUntil(all);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  expect(server.admission()).toMatchObject({ admitted: 10, refused: 0 });
});

it('one who asks for ten times his quota, for long, takes nothing from another', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const net = new SeededNetwork({ clock, random });
  // Four can be served at a time, more than two quotas and less than what is asked for.
  const server = createServer({
    clock,
    logger: silentLogger,
    authenticate: (headers) => headers.get('x-name'),
    quota: { rate: 20, burst: 2 },
    admission: { limit: 4, queue: false },
  }).add(Echo, {
    ...idle,
    say: async (request) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 10));
      return request as never;
    },
  });
  await server.listen({ memory: net.node('a') });
  const plain = { clock, random, logger: silentLogger, retry: false, throttle: false, breaker: false } as const;
  const client = createClient(Echo, net.node('a'), plain);
  const outcomes: Record<string, { sent: number; ok: number }> = {};
  const sendAs = (name: string): void => {
    outcomes[name] ??= { sent: 0, ok: 0 };
    const counts = outcomes[name];
    counts.sent += 1;
    client.say(note('x'), { headers: { 'x-name': name } }).then(
      () => {
        counts.ok += 1;
      },
      () => {},
    );
  };
  const seconds = 15;
  let ticks = 0;
  const ended = new Promise<void>((resolve) => {
    const tick = (): void => {
      ticks += 1;
      for (let i = 0; i < 20; i++) sendAs('greedy');
      sendAs('modest');
      if (ticks < seconds * 10) clock.setTimer(tick, 100);
      else clock.setTimer(resolve, 1_000);
    };
    tick();
  });
  await clock.runUntil(ended);
  const { greedy, modest } = outcomes as Record<'greedy' | 'modest', { sent: number; ok: number }>;
  expect(greedy.sent).toBe(200 * seconds);
  expect(greedy.ok).toBeLessThanOrEqual(20 * (seconds + 1));
  expect(greedy.ok).toBeGreaterThan(18 * seconds);
  expect(modest.ok / modest.sent).toBeGreaterThanOrEqual(0.99);
}, 120_000);
