/** What a client makes of servers that fail: the load it causes, the calls that get through, how long they take. */
import { createClient, createServer, RpcError, silentLogger } from 'hawser';
import { SeededNetwork, seededRandom, VirtualClock } from 'hawser/testing';
import { describe, expect, it } from 'vitest';
import { Echo, note } from '../support/echo.js';
import { idempotent, scripted } from '../support/scripted.js';

const rest = { tell() {}, async *repeat() {}, collect: () => note(''), async *chat() {} };

function percentile(times: readonly number[], p: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)]!;
}

describe('three tiers, and the leaf fails every call', () => {
  /** Calls each second for some seconds; how many reach the leaf. */
  async function leafLoad(seconds: number, headers: boolean): Promise<{ offered: number; leaf: number }> {
    const clock = new VirtualClock();
    const random = seededRandom(7);
    const net = new SeededNetwork({ clock, random });
    let leaf = 0;
    const serve = async (name: string, say: (request: { text: string; count: number }) => unknown): Promise<void> => {
      const server = createServer({ clock, logger: silentLogger });
      server.add(Echo, { ...rest, say: (request) => say(request) as Promise<typeof request> });
      await server.listen({ memory: net.node(name) });
    };
    const to = (name: string) =>
      createClient(Echo, net.node(name), {
        clock,
        random: random.fork(name),
        timeout: '2s',
        ...idempotent,
        // A transport that carries no headers, as plain Thrift: who owns the retries is then not known.
        interceptors: headers
          ? []
          : [
              {
                before: 'transport',
                interceptor: (_method, next) => (call) => {
                  call.headers.delete('hawser-retry-owner');
                  return next(call);
                },
              },
            ],
      });
    await serve('leaf', () => {
      leaf += 1;
      throw new RpcError('UNAVAILABLE', 'the leaf is down');
    });
    const leafClient = to('leaf');
    await serve('middle', (request) => leafClient.say(request));
    const middleClient = to('middle');
    await serve('edge', (request) => middleClient.say(request));
    const user = to('edge');
    let offered = 0;
    for (let tick = 0; tick < seconds * 50; tick++) {
      for (let i = 0; i < 10; i++) {
        offered += 1;
        user.say(note('x')).catch(() => {});
      }
      await clock.advance(20);
    }
    await clock.run();
    return { offered, leaf };
  }

  it('the leaf gets at most 1.15 times the load that is offered, 500 calls/s for 60 s', async () => {
    const { offered, leaf } = await leafLoad(60, true);
    expect(offered).toBe(30_000);
    expect(leaf / offered).toBeLessThanOrEqual(1.15);
    expect(leaf).toBeGreaterThan(offered);
  }, 240_000);

  it('and hardly more where headers do not travel, because the budgets of all tiers run dry', async () => {
    const { offered, leaf } = await leafLoad(10, false);
    expect(leaf / offered).toBeLessThanOrEqual(1.15);
  }, 240_000);
});

describe.each(['memory', 'header', 'binary'] as const)('one of three servers is a black hole (%s)', (wire) => {
  it.each([
    ['with a bound for each attempt', { attemptTimeout: 100 }],
    ['with nothing but a deadline', { timeout: 3_000 }],
  ])(
    '10,000 calls %s: at least 99.9 % succeed, and none is sent twice to one address while another is left',
    async (_what, options) => {
      const { client, clock, net } = await scripted({
        wire,
        nodes: ['a', 'b', 'c'],
        faults: { latency: { uniform: [1, 5] } },
        client: { ...idempotent, ...options },
      });
      net.node('b').set({ halfOpen: true });
      const visits = new Map<string, string[]>();
      client.$on('attempt', ({ correlationId, address }) => {
        visits.set(correlationId, [...(visits.get(correlationId) ?? []), address]);
      });
      let failed = 0;
      for (let i = 0; i < 10_000; i++) {
        client.say(note('x')).catch(() => {
          failed += 1;
        });
        await clock.advance(1);
      }
      await clock.run();
      expect(failed).toBeLessThanOrEqual(10);
      expect(visits.size).toBe(10_000);
      for (const addresses of visits.values())
        expect(new Set(addresses.slice(0, 3)).size).toBe(Math.min(3, addresses.length));
      expect([...visits.values()].flat().filter((one) => one === 'b').length).toBeLessThan(200);
    },
    240_000,
  );
});

describe('one of three servers is 500 ms slower', () => {
  async function times(slow: boolean, capacity = 100): Promise<{ p99: number; extra: number; hedges: number }> {
    const { client, clock, net, arrivals } = await scripted({
      nodes: ['a', 'b', 'c'],
      faults: { latency: { median: 4, p99: 12 } },
      client: { ...idempotent, hedge: { percentile: 95 }, budget: { capacity }, retry: false, breaker: false },
    });
    if (slow) net.node('b').set({ slow: 500 });
    let hedges = 0;
    client.$on('hedge', () => {
      hedges += 1;
    });
    const durations: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      const from = clock.now();
      client.say(note('x')).then(() => durations.push(clock.now() - from));
      await clock.advance(2);
    }
    await clock.run();
    expect(durations).toHaveLength(10_000);
    return { p99: percentile(durations, 99), extra: arrivals.length - 10_000, hedges };
  }

  it('99 of 100 hedged calls take less than twice the time of a healthy system, with at most 2 % extra calls', async () => {
    const healthy = await times(false);
    const hedged = await times(true);
    expect(hedged.p99).toBeLessThan(2 * healthy.p99);
    expect(hedged.hedges).toBeLessThanOrEqual(200);
    expect(hedged.extra).toBeLessThanOrEqual(200);
    expect(hedged.hedges).toBeGreaterThan(20);
  }, 240_000);

  it('no hedge is sent with an empty budget', async () => {
    expect(await times(true, 0)).toMatchObject({ hedges: 0, extra: 0 });
  }, 240_000);
});
