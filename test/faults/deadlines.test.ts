/** Deadlines over several hops, over attempts, and over clocks that are set. */

import fc from 'fast-check';
import {
  createClient,
  createServer,
  type Interceptor,
  MemoryNetwork,
  type ServerDiscardedEvent,
  silentLogger,
  systemClock,
} from 'hawser';
import { SeededNetwork, seededRandom, ThriftNetwork, VirtualClock } from 'hawser/testing';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Deadline, formatTimeout, parseTimeout } from '../../src/call/deadline.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { idempotent, pushedBack, rejection, scripted } from '../support/scripted.js';
import { runs } from '../support/soak.js';
import { Parley } from '../transports/thrift/parley.js';

const rest = { tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };

/** A chain of servers, each of which works a little and then calls the next; when work was begun, by hop. */
async function chain(wire: 'memory' | 'header', hops: number, latency: number, work: number) {
  const clock = new VirtualClock();
  const terms = { clock, random: seededRandom(1), faults: { latency } };
  const net = wire === 'memory' ? new SeededNetwork(terms) : new ThriftNetwork(terms);
  const service = wire === 'memory' ? Echo : EchoOverThrift;
  const worked: { hop: number; at: number }[] = [];
  for (let hop = hops; hop >= 1; hop--) {
    const next = hop < hops ? createClient(service, net.node(`n${hop + 1}`), { clock }) : undefined;
    const server = createServer({ clock, logger: silentLogger });
    server.add(service, {
      ...rest,
      async say(request, call) {
        // A unit of work every ms, until somebody says that nobody waits.
        for (let i = 0; i < work; i++) {
          if (call.signal.aborted) throw call.signal.reason;
          worked.push({ hop, at: clock.now() });
          await clock.sleep(1);
        }
        return next === undefined ? request : next.say(request);
      },
    });
    await server.listen({ memory: net.node(`n${hop}`) });
  }
  return { clock, worked, client: createClient(service, net.node('n1'), { clock, retry: false }) };
}

describe.each(['memory', 'header'] as const)('a chain of five hops (%s)', (wire) => {
  it.each([1, 5, 20])(
    'does no work later than a round trip after the client gave up, %d ms one way',
    async (latency) => {
      const { clock, worked, client } = await chain(wire, 5, latency, 30);
      // Warm: what a round trip takes is learnt from answers.
      await clock.runUntil(client.say(note('x'), { timeout: '10s' }));
      for (let timeout = 20; timeout < 400; timeout += 7) {
        worked.length = 0;
        const gaveUp = clock.now() + timeout;
        await clock.runUntil(client.say(note('x'), { timeout }).then(undefined, () => {}));
        await clock.advance(300);
        const last = Math.max(...worked.map((one) => one.at));
        expect(last - gaveUp, `timeout ${timeout}`).toBeLessThanOrEqual(2 * latency);
      }
    },
  );
});

// Over Thrift a server learns of it when the connection is given up, which may be later.
describe('the work of five hops (memory)', () => {
  it('is stopped in all of them when the caller cancels', async () => {
    const { clock, worked, client } = await chain('memory', 5, 1, 1_000_000);
    const controller = new AbortController();
    const call = rejection(client.say(note('x'), { timeout: '10s', signal: controller.signal }));
    await clock.advance(3);
    controller.abort();
    expect(await clock.runUntil(call)).toMatchObject({ code: 'CANCELLED' });
    const at = clock.now();
    await clock.advance(100);
    expect(Math.max(...worked.map((one) => one.at)) - at).toBeLessThanOrEqual(5);
    expect(clock.timers).toBe(0);
  });
});

describe('the time that is left', () => {
  it('is written to the nanosecond as far as eight digits go, from 1 ns to 30 days', () => {
    const units = { n: 1e-6, u: 1e-3, m: 1, S: 1e3, M: 6e4, H: 3.6e6 };
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 15_000 }),
        fc.double({ min: 1, max: 10, maxExcluded: true, noNaN: true }),
        (tenth, mantissa) => {
          const ms = Math.min(30 * 86_400_000, mantissa * 10 ** (tenth / 1_000 - 6));
          const header = formatTimeout(ms);
          expect(header).toMatch(/^\d{1,8}[HMSmun]$/);
          const read = parseTimeout(header)!;
          const unit = units[header.at(-1) as keyof typeof units];
          // Never more than was left (but for the last bit of a double), and less by no more than the unit.
          expect(read).toBeLessThanOrEqual(ms * (1 + 1e-9) + 1e-12);
          expect(ms - read).toBeLessThan(unit * (1 + 1e-6));
          // The unit is the finest that fits.
          const finer = { H: 'M', M: 'S', S: 'm', m: 'u', u: 'n' }[header.at(-1)!] as keyof typeof units | undefined;
          if (finer !== undefined) expect(ms / units[finer]).toBeGreaterThan(99_999_999);
        },
      ),
      { numRuns: runs(5_000) },
    );
  });

  it('reaches the handler of every attempt as it is then, over any timeout from 1 ns to 30 days', async () => {
    for (const timeout of [1e-6, 1e-3, 0.5, 1, 99.999999, 1_000, 86_400_000, 2 ** 31, 30 * 86_400_000]) {
      const { client, clock, arrivals } = await scripted({ client: idempotent, script: () => pushedBack('100') });
      await clock.runUntil(rejection(client.say(note('x'), { timeout })));
      expect(arrivals).toHaveLength(timeout < 1_000 ? 1 : 3);
      for (const [i, one] of arrivals.entries())
        expect(one.remaining, String(timeout)).toBeCloseTo(timeout - 100 * i, 9);
    }
  });
});

describe('work that nobody waits for', () => {
  async function serving(configure: (server: ReturnType<typeof createServer>, clock: VirtualClock) => void) {
    const clock = new VirtualClock();
    const net = new SeededNetwork({ clock, random: seededRandom(1) });
    const server = createServer({ clock, logger: silentLogger });
    let ran = 0;
    const events: ServerDiscardedEvent[] = [];
    server.on('discarded', (event) => events.push(event));
    server.add(Echo, {
      ...rest,
      say: (request) => {
        ran += 1;
        return request;
      },
    });
    configure(server, clock);
    await server.listen({ memory: net.node('a') });
    return { clock, net, events, ran: () => ran };
  }

  it('is refused on arrival', async () => {
    const { clock, net, events, ran } = await serving(() => {});
    net.node('a').set({ latency: 50 });
    // The network carries what was left when it was sent, so only a request that is spent already arrives so.
    const client = createClient(Echo, net.node('a'), {
      clock,
      retry: false,
      interceptors: [
        {
          before: 'transport',
          interceptor: (_m, next) => (call) => {
            Object.assign(call, { deadline: { remaining: () => 0, at: 0, clock } });
            return next(call);
          },
        },
      ],
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      disposition: 'not-executed',
    });
    expect(ran()).toBe(0);
    expect(events).toMatchObject([{ stage: 'arrival', method: { name: 'Say' } }]);
  });

  it.each(['memory', 'grpc', 'thrift'] as const)('over %s is one event for each call that is refused', async (wire) => {
    const server = createServer({ logger: silentLogger });
    onTestFinished(() => server.close({ grace: 0 }));
    const events: ServerDiscardedEvent[] = [];
    server.on('discarded', (event) => events.push(event));
    let ran = 0;
    server.add(Echo, {
      ...rest,
      say: (request) => {
        ran += 1;
        return request;
      },
      async *repeat(request) {
        ran += 1;
        yield request;
      },
    });
    server.add(Parley, new Proxy({}, { get: () => () => (ran += 1) }) as never);
    const memory = new MemoryNetwork();
    const all = await server.listen({ memory, grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' });
    // Sent with a nanosecond left: spent by the time it arrives, however fast that is.
    const nearlySpent: Interceptor = (_method, next) => (call) => {
      call.deadline = Deadline.after(1e-6, { ...systemClock, now: () => 0 });
      return next(call);
    };
    const options = { retry: false, interceptors: [{ before: 'transport', interceptor: nearlySpent }] } as const;
    const made =
      wire === 'thrift'
        ? createClient(Parley, `${all.thrift.replace(/^/, 'thrift://')}?wire=header`, options)
        : createClient(Echo, wire === 'grpc' ? all.grpc : memory, options);
    onTestFinished(() => made.$close());
    const calls =
      'say' in made
        ? [made.say(note('x')), made.repeat(note('x')).next()]
        : [made.echo({ text: 'x' } as never) as PromiseLike<unknown>];
    for (const call of calls) {
      expect(await rejection(call)).toMatchObject({ code: 'DEADLINE_EXCEEDED', disposition: 'not-executed' });
    }
    expect(ran).toBe(0);
    expect(events.map(({ stage, method }) => [stage, method.name])).toEqual(
      wire === 'thrift'
        ? [['arrival', 'echo']]
        : [
            ['arrival', 'Say'],
            ['arrival', 'Repeat'],
          ],
    );
  });

  it.each([
    ['after decoding', 'decode', { before: 'decode' }],
    ['before the handler', 'handler', { before: 'handler' }],
  ] as const)('is dropped %s, also when the thread was too busy for its timer', async (_what, stage, place) => {
    const { clock, net, events, ran } = await serving((server, clock) => {
      server.use(
        (_method, next) => (call) => {
          // The time passes without a turn of the event loop.
          Object.assign(call, { deadline: { remaining: () => -1, at: clock.now() - 1, clock } });
          return next(call);
        },
        place,
      );
    });
    const client = createClient(Echo, net.node('a'), { clock, retry: false });
    const error = await clock.runUntil(rejection(client.say(note('x'), { timeout: 100 })));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', disposition: 'not-executed' });
    expect(ran()).toBe(0);
    expect(events.map((event) => event.stage)).toEqual([stage]);
  });

  it('is dropped when its caller cancelled while it was looked at', async () => {
    const { clock, net, events, ran } = await serving((server, clock) => {
      server.use((_method, next) => async (call) => {
        await clock.sleep(50);
        return next(call);
      });
    });
    const client = createClient(Echo, net.node('a'), { clock });
    const controller = new AbortController();
    const call = rejection(client.say(note('x'), { signal: controller.signal }));
    await clock.advance(10);
    controller.abort();
    await call;
    await clock.advance(100);
    expect(ran()).toBe(0);
    expect(events).toMatchObject([{ stage: 'handler', error: { code: 'CANCELLED' } }]);
  });

  it('is not begun by a client whose caller has no time left', async () => {
    const { clock, net } = await serving(() => {});
    const client = createClient(Echo, net.node('a'), { clock });
    const stages: string[] = [];
    client.$on('discarded', ({ stage }) => stages.push(stage));
    expect(await clock.runUntil(rejection(client.say(note('x'), { timeout: 0 })))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      disposition: 'not-executed',
    });
    expect(stages).toEqual(['deadline']);
  });
});

describe('a wall clock that is set', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([3_600_000, -3_600_000])('by %d ms changes nothing', async (step) => {
    const { createServer: make, MemoryNetwork } = await import('hawser');
    const network = new MemoryNetwork();
    const server = make({ logger: silentLogger });
    let remaining: number | undefined;
    let attempts = 0;
    const real = Date.now;
    server.add(Echo, {
      ...rest,
      async say(request, call) {
        attempts += 1;
        vi.spyOn(Date, 'now').mockImplementation(() => real() + step);
        await new Promise((resolve) => setTimeout(resolve, 5));
        remaining = call.deadline?.remaining();
        if (attempts < 2) throw new (await import('hawser')).RpcError('UNAVAILABLE', 'again');
        return request;
      },
    });
    await server.listen({ memory: network });
    const client = createClient(Echo, network, { ...idempotent, retry: { initialBackoff: 1 } });
    await client.say(note('x'), { timeout: '50s' });
    expect(attempts).toBe(2);
    expect(remaining).toBeLessThanOrEqual(50_000);
    expect(remaining).toBeGreaterThan(25_000);
    const hanging = rejection(
      client
        .repeat(note('x'), { timeout: 20 })
        .next()
        .then(() => client.say(note('x'), { timeout: 1 })),
    );
    expect((await hanging).code).toBe('DEADLINE_EXCEEDED');
    await server.close({ grace: 0 });
  });
});
