import { createServer, type HedgeEvent, RpcError, silentLogger } from 'hawser';
import { describe, expect, it } from 'vitest';
import { note } from '../support/echo.js';
import { fails, idempotent, pushedBack, rejection, scripted } from '../support/scripted.js';

const nodes = ['a', 'b', 'c'];
const hedged = { ...idempotent, hedge: { delay: 50 }, retry: false, breaker: false } as const;

describe('a hedge', () => {
  it('goes out when there is no answer in time, to another address, and the first answer wins', async () => {
    let aborted = 0;
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: hedged,
      handlers: {},
      script: (n) => (n === 0 ? 'hang' : 'ok'),
    });
    const events: HedgeEvent[] = [];
    client.$on('hedge', (event) => events.push(event));
    client.$on('attempt', ({ code }) => {
      if (code === 'CANCELLED') aborted += 1;
    });
    const call = client.say(note('x'));
    await clock.runUntil(call);
    expect(arrivals.map((one) => one.at)).toEqual([0, 50]);
    expect(arrivals[0]!.node).not.toBe(arrivals[1]!.node);
    expect(arrivals[1]!.attempts).toBe('1');
    expect(call.attempts).toBe(2);
    expect(events).toMatchObject([{ attempt: 2, after: 50 }]);
    expect(aborted).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it('cancels the loser at its server', async () => {
    const { clock, net, client } = await scripted({ nodes: ['a', 'b'], client: { ...hedged, hedge: { delay: 10 } } });
    const aborted: string[] = [];
    for (const node of ['c', 'd']) {
      const server = createServer({ clock, logger: silentLogger });
      server.add((await import('../support/echo.js')).Echo, {
        say: async (request, call) => {
          call.signal.addEventListener('abort', () => aborted.push(node));
          await clock.sleep(node === 'c' ? 500 : 1);
          return request;
        },
        tell() {},
        async *repeat() {},
        collect: () => note(''),
        async *chat() {},
      });
      await server.listen({ memory: net.node(node) });
    }
    const { createClient } = await import('hawser');
    const { Echo } = await import('../support/echo.js');
    for (let i = 0; i < 10; i++) {
      const other = createClient(Echo, net.nodes('c', 'd'), { clock, ...hedged, hedge: { delay: 10 } });
      await clock.runUntil(other.say(note('x')));
      await clock.settle();
    }
    expect(aborted.length).toBeGreaterThan(0);
    expect(new Set(aborted)).toEqual(new Set(['c']));
    await client.$close();
  });

  it('is not sent when the answer comes before', async () => {
    const { client, clock, arrivals } = await scripted({ nodes, client: hedged, faults: { latency: 20 } });
    await clock.runUntil(client.say(note('x')));
    expect(arrivals).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('is not sent to the address that has the call already', async () => {
    const { client, clock, arrivals } = await scripted({
      client: { ...hedged, timeout: 500 },
      script: () => 'hang',
    });
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(arrivals).toHaveLength(1);
  });

  it('is sent of a keyed call, whose key both copies carry', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: { ...hedged, methods: { say: { idempotency: 'KEYED' } }, timeout: 500 },
      script: () => 'hang',
    });
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(arrivals).toHaveLength(2);
  });

  it('is not sent of a call that may not run twice, even when asked for', async () => {
    const { client, clock, arrivals } = await scripted({
      wire: 'binary', // where a key in a header does not arrive, and so is none
      nodes,
      client: { ...hedged, methods: { say: { idempotency: 'KEYED' } }, timeout: 500 },
      script: () => 'hang',
    });
    await clock.runUntil(rejection(client.say(note('no key'))));
    expect(arrivals).toHaveLength(1);
    await clock.runUntil(rejection(client.say(note('key'), { headers: { 'idempotency-key': 'k' } })));
    expect(arrivals).toHaveLength(2);
  });

  it('is not sent with an empty budget', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: { ...hedged, budget: { capacity: 0 }, timeout: 500 },
      script: () => 'hang',
    });
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(arrivals).toHaveLength(1);
  });

  it('goes out as often as copies are allowed', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes: ['a', 'b', 'c', 'd'],
      client: { ...hedged, hedge: { delay: 50, maxCopies: 3 }, timeout: 1_000 },
      script: () => 'hang',
    });
    await clock.runUntil(rejection(client.say(note('x'))));
    expect(arrivals.map((one) => one.at)).toEqual([0, 50, 100]);
    expect(new Set(arrivals.map((one) => one.node)).size).toBe(3);
  });

  it('pushback below zero on one copy stops further copies, and the one that runs may still win', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: { ...hedged, hedge: { delay: 50, maxCopies: 3 } },
      handlers: {
        async say(_request, call) {
          if (call.headers.get('grpc-previous-rpc-attempts') === undefined) {
            await clockOf().sleep(200);
            return note('first');
          }
          call.responseTrailers.set('grpc-retry-pushback-ms', '-1');
          throw new RpcError('UNAVAILABLE', 'stop');
        },
      },
    });
    function clockOf() {
      return clock;
    }
    expect(await clock.runUntil(client.say(note('x')))).toEqual(note('first'));
    expect(clock.now()).toBe(200);
    expect(arrivals).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it('fails the call at once when one copy fails for good', async () => {
    const { client, clock } = await scripted({
      nodes,
      client: hedged,
      script: (n) => (n === 0 ? 'hang' : fails('INVALID_ARGUMENT')),
    });
    expect(await clock.runUntil(rejection(client.say(note('x'))))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(clock.now()).toBe(50);
    expect(clock.timers).toBe(0);
  });

  it('and retries share the attempts and the budget', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: { ...hedged, retry: { maxAttempts: 3, initialBackoff: 10, maxBackoff: 10 } },
      script: (n) => (n === 0 ? fails() : n === 1 ? pushedBack('5') : 'ok'),
    });
    await clock.runUntil(client.say(note('x')));
    expect(arrivals).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  it('by percentile waits for thirty answers before it knows when', async () => {
    const setup = await scripted({
      nodes,
      faults: { latency: 5 },
      client: { ...hedged, hedge: { percentile: 95 }, timeout: 1_000 },
      script: (_n, _node, { text }) => (text === 'hang' ? 'hang' : 'ok'),
    });
    const { client, clock, arrivals } = setup;
    const hang = async (): Promise<number[]> => {
      arrivals.length = 0;
      const from = clock.now();
      await clock.runUntil(rejection(client.say(note('hang'))));
      return arrivals.map((one) => one.at - from);
    };
    for (let i = 0; i < 29; i++) await clock.runUntil(client.say(note('x')));
    expect(await hang()).toEqual([5]);
    await clock.runUntil(client.say(note('x')));
    expect(await hang()).toEqual([5, 15]);
  });

  it('is at most two of a hundred calls, but for the first ten', async () => {
    const { client, clock, arrivals } = await scripted({
      nodes,
      client: { ...hedged, timeout: 100, budget: { capacity: 1_000_000 } },
      script: () => 'hang',
    });
    for (const [calls, hedges] of [
      [10, 10],
      [490, 10],
      [500, 20],
      [2_000, 60],
    ] as const) {
      await clock.runUntil(Promise.allSettled([...Array(calls)].map(() => client.say(note('x')))));
      const extra = arrivals.filter((one) => one.attempts === '1').length;
      expect(extra).toBeLessThanOrEqual(hedges);
      expect(extra).toBeGreaterThan(hedges * 0.9 - 1);
    }
  });
});
