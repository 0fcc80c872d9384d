/** What bounds subscriptions by long poll, on virtual time: sessions, their owners and ends, and what waiting polls cost. */
import { createClient, createServer, type ServerOptions, silentLogger } from 'hawser';
import { SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { afterEach, describe, expect, it } from 'vitest';
import * as idl from '../../gen/hawser.js';
import { Quotes } from '../../gen/market.js';
import type { Call } from '../../src/call/call.js';
import { PollService, pollLimits } from '../../src/server/poll-service.js';
import type { Hub } from '../../src/subscription/hub/hub.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(options: ServerOptions = {}) {
  const clock = new VirtualClock();
  const network = new SeededNetwork({ clock, random: seededRandom('polls') });
  const server = createServer({ clock, logger: silentLogger, ...options }).add(Quotes, {});
  const prices = server.topic(Quotes.methods.prices);
  await server.listen({ memory: network.node('market') });
  closing.push(() => clock.runUntil(server.close({ grace: 0 })));
  const connect = (name = '') => {
    const plain = { clock, logger: silentLogger, retry: false, throttle: false, breaker: false } as const;
    const client = createClient(idl.Subscriptions, network.node('market'), { ...plain, headers: { 'x-name': name } });
    closing.push(() => client.$close());
    return client;
  };
  const request = idl.OpenRequest.create({
    topic: 'market.v1.Quotes/Prices',
    start: idl.Start.create({ kind: idl.StartKind.Head }),
  });
  const polls = connect();
  const open = async (client = polls): Promise<string> => (await clock.runUntil(client.open({ request }))).session;
  const openMany = async (count: number): Promise<string[]> => {
    const opened = await clock.runUntil(Promise.all(Array.from({ length: count }, () => polls.open({ request }))));
    return opened.map(({ session }) => session);
  };
  const subscribed = async (sessions: readonly string[]): Promise<void> => {
    const first = sessions.map((session) => polls.poll({ session, max: 1, waitMs: 1000 }));
    for (const events of await clock.runUntil(Promise.all(first))) expect(events[0]?.$case).toBe('subscribed');
  };
  /** Resolves to what it answers, or fails with. */
  const poll = (session: string, waitMs = 0, client = polls) =>
    clock.runUntil(client.poll({ session, max: 10, waitMs }).then((events) => events.map(({ $case }) => $case)));
  const pass = (ms: number) => clock.runUntil(new Promise<void>((resolve) => clock.setTimer(resolve, ms)));
  return { clock, server, prices, polls, connect, open, openMany, subscribed, poll, pass };
}

const refusedWith = (code: string) => expect.objectContaining({ code });

describe('the sessions of those who poll', () => {
  it('are 10,000 at most, and one that is closed makes room', async () => {
    const hub = { connect: () => ({ receive() {}, closed() {} }) } as unknown as Hub;
    const polls = new PollService(
      () => hub,
      new VirtualClock(),
      pollLimits(undefined),
      () => undefined,
    );
    const by = (principal: string) => ({ peer: { address: 'memory' }, principal }) as Call;
    const call = by('ada');
    const open = (caller = call) => polls.open(idl.OpenRequest.create({ topic: 'a' }), caller);
    const { session } = await open();
    for (let n = 1; n < 5_000; n++) await open();
    // Half of them is what one caller may have.
    await expect(open()).rejects.toMatchObject({ code: 'TOO_MANY_SESSIONS_OF_CALLER', retryable: true });
    for (let n = 0; n < 5_000; n++) await open(by('eve'));
    await expect(open(by('bob'))).rejects.toMatchObject({
      code: 'TOO_MANY_SESSIONS',
      retryable: true,
      retryAfterMs: 5000,
    });
    await polls.close(session, call);
    expect(await open()).toMatchObject({ idleMs: 60_000, maxWaitMs: 30_000 });
    await expect(open(by('bob'))).rejects.toEqual(refusedWith('TOO_MANY_SESSIONS'));
  });

  it('of one caller are bounded, whatever its connections, and cost no other caller one', async () => {
    const { open, connect } = await serve({
      topics: { polls: { maxSessionsPerCaller: 2 } },
      authenticate: (headers) => headers.get('x-name') ?? '',
    });
    await open(connect('greedy'));
    await open(connect('greedy'));
    await expect(open(connect('greedy'))).rejects.toEqual(refusedWith('TOO_MANY_SESSIONS_OF_CALLER'));
    await open(connect('ada'));
  });

  it('are as many as the server says', async () => {
    const { open } = await serve({ topics: { polls: { maxSessions: 2 } } });
    await open();
    await open();
    await expect(open()).rejects.toEqual(refusedWith('TOO_MANY_SESSIONS'));
  });

  it('are gone, and make room, a minute after the last poll', async () => {
    const { open, subscribed, poll, pass } = await serve({ topics: { polls: { maxSessions: 1 } } });
    const session = await open();
    await subscribed([session]);
    await pass(59_000);
    await poll(session);
    await pass(59_999);
    await expect(open()).rejects.toEqual(refusedWith('TOO_MANY_SESSIONS'));
    await pass(1);
    await expect(poll(session)).rejects.toEqual(refusedWith('NO_SUCH_SESSION'));
    await open();
  });

  it('last through a poll that waits for longer than they may be idle', async () => {
    const { open, subscribed, poll } = await serve({ topics: { polls: { idleMs: 100, maxWaitMs: 5000 } } });
    const session = await open();
    await subscribed([session]);
    await poll(session, 4000);
    await poll(session, 50);
  });

  it('are known to nobody but who opened them', async () => {
    const { open, poll, connect, clock, prices } = await serve({
      authenticate: (headers) => headers.get('x-name') ?? '',
    });
    const [ada, eve] = [connect('ada'), connect('eve')];
    const session = await open(ada);
    const none = refusedWith('NO_SUCH_SESSION');
    await expect(poll(session, 0, eve)).rejects.toEqual(none);
    const position = idl.Position.create({ epoch: Buffer.from(prices.head.epoch, 'hex'), seq: 0n });
    await expect(clock.runUntil(eve.commit({ session, position }))).rejects.toEqual(none);
    await clock.runUntil(eve.close({ session }));
    expect(await poll(session, 1000, ada)).toContain('subscribed');
  });

  it('wait no longer than the server lets them', async () => {
    const { open, subscribed, poll, clock } = await serve({ topics: { polls: { maxWaitMs: 500 } } });
    const session = await open();
    await subscribed([session]);
    const before = clock.now();
    await poll(session, 20_000);
    expect(clock.now() - before).toBe(500);
  });

  it.each([
    [{ maxSessions: 0 }, 'maxSessions is 0'],
    [{ idleMs: 1.5 }, 'idleMs is 1.5'],
    [{ maxWait: 1 }, 'there is no limit "maxWait"; the limits are maxSessions, idleMs, maxWaitMs'],
  ])('cannot be limited by %j', (polls, message) => {
    expect(() => createServer({ topics: { polls: polls as object } })).toThrow(new RegExp(`^${message}`));
  });
});

describe('polls that wait', () => {
  it('take no place from other calls', async () => {
    const { open, subscribed, polls, server, clock, prices, pass } = await serve({
      admission: { limit: 1, queue: false },
    });
    const sessions = [];
    for (let n = 0; n < 200; n++) sessions.push(await open());
    await subscribed(sessions);
    const waiting = sessions.map((session) => polls.poll({ session, max: 1, waitMs: 20_000 }));
    await pass(10_000);
    expect(server.admission()).toMatchObject({ inFlight: 0, limit: 1, refused: 0 });
    await open();
    await clock.runUntil(prices.publish({ fish: 'cod', price: 5, market: 1, seq: 1n }));
    const answers = await clock.runUntil(Promise.all(waiting));
    expect(answers.map((events) => events.map(({ $case }) => $case))).toEqual(Array(200).fill(['batch']));
    expect(server.admission()).toMatchObject({ inFlight: 0, refused: 0 });
  });

  it('do not change the limit by how long they take, nor by being given up', async () => {
    const { openMany, subscribed, polls, server, clock, pass } = await serve({
      admission: { limit: { initial: 300 } },
    });
    const sessions = await openMany(100);
    sessions.push(...(await openMany(100)));
    await subscribed(sessions);
    const given = new AbortController();
    const waiting = sessions.map((session) =>
      polls.poll({ session, max: 1, waitMs: 20_000 }, { signal: given.signal }),
    );
    const ended = Promise.allSettled(waiting);
    await pass(10_000);
    given.abort();
    await clock.runUntil(ended);
    await clock.runUntil(Promise.all(sessions.map((session) => polls.poll({ session, max: 1, waitMs: 15_000 }))));
    expect(server.admission()).toMatchObject({ inFlight: 0, limit: 300, refused: 0 });
  });
});
