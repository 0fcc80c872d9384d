import { type ClientOptions, createClient, createServer, MemoryNetwork, RpcError, silentLogger } from 'hawser';
import { SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { Echo, note } from '../support/echo.js';
import { fails, rejection, scripted } from '../support/scripted.js';

const readOnly = { methods: { say: { idempotency: 'NO_SIDE_EFFECTS' } } } as const;

/** A server that can be full, and then refuses every call before its handler. */
async function shop(client: ClientOptions) {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const net = new SeededNetwork({ clock, random });
  const state = { full: false, arrivals: 0, clock };
  const server = createServer({ clock, logger: silentLogger }).add(Echo, {
    say: (request) => request,
    tell() {},
    async *repeat() {},
    collect: () => note(''),
    async *chat() {},
  });
  server.use(
    (_method, next) => async (call) => {
      state.arrivals += 1;
      if (state.full) throw new RpcError('UNAVAILABLE', 'full', { reason: 'OVERLOADED' });
      return next(call);
    },
    { before: 'limiter' },
  );
  await server.listen({ memory: net.node('a') });
  const options = { clock, random, logger: silentLogger, throttle: false, timeout: '10s', ...client } as const;
  return Object.assign(state, { client: createClient(Echo, net.node('a'), options) });
}

describe('a call that every server refuses', () => {
  it('is given the value, after its retries, and says so', async () => {
    const server = await shop({ fallback: { say: { value: note('none') } } });
    const { client, clock } = server;
    server.full = true;
    const events: unknown[] = [];
    client.$on('fallback', ({ kind, error }) => events.push({ kind, code: error.code }));
    const call = client.say({ text: 'x' });
    await expect(clock.runUntil(call)).resolves.toEqual(note('none'));
    expect(call.fellBack).toBe('value');
    expect(server.arrivals).toBe(3);
    expect(events).toEqual([{ kind: 'value', code: 'UNAVAILABLE' }]);
  });

  it('is given what a function makes of its request', async () => {
    const server = await shop({ fallback: { say: (request: { text: string }) => note(`no ${request.text}`) } });
    const { client, clock } = server;
    server.full = true;
    await expect(clock.runUntil(client.say({ text: 'cod' }))).resolves.toEqual(note('no cod'));
  });

  it('waits for the function no longer than the call may last', async () => {
    const server = await shop({ fallback: { say: () => new Promise(() => {}) } });
    const { client, clock } = server;
    server.full = true;
    const error = rejection(client.say({ text: 'x' }, { timeout: '2s' }));
    await clock.advance(2_000);
    expect(await Promise.race([error, 'still waiting'])).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(clock.timers).toBe(0);
  });

  it('fails with what the function throws', async () => {
    const server = await shop({
      fallback: {
        say: () => {
          throw new TypeError('nor that');
        },
      },
    });
    const { client, clock } = server;
    server.full = true;
    await expect(clock.runUntil(client.say({ text: 'x' }))).rejects.toThrow('nor that');
  });

  it('is given the last answer to the same request, no older than may be, and its age is told', async () => {
    const server = await shop({ ...readOnly, fallback: { say: { stale: { maxAge: '10s' } } } });
    const { client, clock } = server;
    await clock.runUntil(client.say({ text: 'a' }));
    server.full = true;
    const ages: unknown[] = [];
    client.$on('fallback', ({ age }) => ages.push(age));
    await clock.advance(4_000);
    const call = client.say({ text: 'a' });
    await expect(clock.runUntil(call)).resolves.toMatchObject({ text: 'a' });
    expect(call.fellBack).toBe('stale');
    expect(ages[0]).toBeGreaterThanOrEqual(4_000);
    expect((await rejection(clock.runUntil(client.say({ text: 'b' })))).reason).toBe('OVERLOADED');
    await clock.advance(10_000);
    expect((await rejection(clock.runUntil(client.say({ text: 'a' })))).reason).toBe('OVERLOADED');
  });

  it('is never given an answer that was another caller’s', async () => {
    const server = await shop({ ...readOnly, fallback: { say: { stale: { maxAge: '1h' } } } });
    const { client, clock } = server;
    await clock.runUntil(client.say({ text: 'a' }, { headers: { authorization: 'Bearer ann' } }));
    server.full = true;
    const bob = client.say({ text: 'a' }, { headers: { authorization: 'Bearer bob' } });
    expect((await rejection(clock.runUntil(bob))).reason).toBe('OVERLOADED');
    const ann = client.say({ text: 'a' }, { headers: { authorization: 'Bearer ann', 'x-correlation-id': 'other' } });
    await expect(clock.runUntil(ann)).resolves.toMatchObject({ text: 'a' });
  });

  it('gets a copy of the old answer: one who changes it changes no other’s', async () => {
    const server = await shop({ ...readOnly, fallback: { say: { stale: { maxAge: '1h' } } } });
    const { client, clock } = server;
    await clock.runUntil(client.say({ text: 'a' }));
    server.full = true;
    const first = await clock.runUntil(client.say({ text: 'a' }));
    (first as { text: string }).text = 'changed';
    await expect(clock.runUntil(client.say({ text: 'a' }))).resolves.toMatchObject({ text: 'a' });
  });

  it('keeps so many answers, and forgets the one that is oldest', async () => {
    const server = await shop({ ...readOnly, fallback: { say: { stale: { maxAge: '1h', maxEntries: 2 } } } });
    const { client, clock } = server;
    for (const text of ['a', 'b', 'c']) await clock.runUntil(client.say({ text }));
    server.full = true;
    expect((await rejection(clock.runUntil(client.say({ text: 'a' })))).reason).toBe('OVERLOADED');
    await expect(clock.runUntil(client.say({ text: 'c' }))).resolves.toMatchObject({ text: 'c' });
  });
});

it('a call that failed, or may have run, is not papered over', async () => {
  for (const answer of [fails('UNAVAILABLE'), fails('NOT_FOUND'), fails('INTERNAL')]) {
    const { client, clock } = await scripted({
      client: { fallback: { say: { value: note('none') } }, retry: false },
      script: () => answer,
    });
    const call = client.say({ text: 'x' });
    await rejection(clock.runUntil(call));
    expect(call.fellBack).toBeUndefined();
  }
});

it('a client without a server that could be reached falls back too: nothing ran', async () => {
  const client = createClient(Echo, new MemoryNetwork(), { retry: false, fallback: { say: { value: note('none') } } });
  await expect(client.say({ text: 'x' })).resolves.toEqual(note('none'));
});

it('an open breaker makes a call fall back without a try', async () => {
  const { client, clock, arrivals } = await scripted({
    nodes: ['a', 'b'],
    client: {
      retry: false,
      throttle: false,
      breaker: { failures: 1, maxEjected: 1 },
      fallback: { say: { value: note('none') } },
    },
    script: () => fails('UNAVAILABLE'),
  });
  for (let i = 0; i < 4; i++) await clock.runUntil(client.say({ text: 'x' }).catch(() => {}));
  const before = arrivals.length;
  await expect(clock.runUntil(client.say({ text: 'x' }))).resolves.toEqual(note('none'));
  expect(arrivals.length).toBe(before);
});

it.each([
  [{ nope: { value: 1 } }, /fallback.nope is no method of test.Echo/],
  [{ repeat: { value: 1 } }, /only a unary call has one answer/],
  [{ say: 'x' }, /fallback.say is "x"; it is \{ value \}/],
  [{ say: { stale: {} } }, /fallback.say.stale.maxAge is missing/],
  [{ say: { stale: { maxAge: '1s' } } }, /is NONE, and an old answer would say/],
  [{ say: { stale: { maxAge: '1s', maxAges: 1 } } }, /did you mean maxAge/],
])('an option that cannot be meant is refused: %j', (fallback, sentence) => {
  expect(() => createClient(Echo, new MemoryNetwork(), { fallback: fallback as never })).toThrow(sentence);
});
