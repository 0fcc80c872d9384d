/**
 * Five times what a server can bear: what it still does, and what becomes of it when nothing sheds. The proof is on
 * virtual time, over many seeds. Against a process of its own and real sockets, where the generator of the load and whatever
 * else runs share the machine, it is only shown that the same happens; the bounds are strict there under HAWSER_SOAK.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { runs } from '../support/soak.js';
import { capacity, type Outcomes, offer, percentile, type Served, share, startServer, sum } from './overload/load.js';
import { type Options, type Phase, Simulation } from './overload/simulated.js';

const seeds = process.env.HAWSER_SEED
  ? [Number(process.env.HAWSER_SEED)]
  : Array.from({ length: runs(1) }, (_, i) => i + 1);
const soak = process.env.HAWSER_SOAK !== undefined;

/** Half the capacity for a while, five times for 30 s, then 70 %: 5 s to recover, and 5 s more. */
async function course(options: Options) {
  const simulation = new Simulation(options);
  const { capacity: can } = simulation;
  const before = await simulation.offer(can * 0.5, 3);
  const overload = await simulation.offer(can * 5, 30);
  const recovery = await simulation.offer(can * 0.7, 5);
  const after = await simulation.offer(can * 0.7, 5);
  return { can, before, overload, recovery, after, simulation };
}

const goodput = ({ ok, seconds }: Phase): number => sum(ok) / seconds;
const success = ({ ok, sent }: Phase): number => sum(ok) / sum(sent);

const mixture = '2 % of the calls CRITICAL_PLUS, 8 % CRITICAL, 30 % SHEDDABLE_PLUS, 60 % SHEDDABLE';

const handlers = ['computes', 'waits'] as const;

describe(`five times the load that a thread can bear, ${mixture}`, { timeout: 120_000 }, () => {
  it.each(handlers.flatMap((handler) => seeds.map((seed) => ({ handler, seed }))))(
    'costs at most a fifth of the goodput and 1 of 100 critical calls, and is over when it is over (the handler $handler, seed $seed)',
    async ({ handler, seed }) => {
      const { can, before, overload, after } = await course({ admission: {}, handler, seed });
      expect(success(before)).toBeGreaterThan(0.999);
      expect(goodput(overload) / can).toBeGreaterThanOrEqual(0.8);
      expect(share(overload, 'plus', 'critical')).toBeGreaterThanOrEqual(0.99);
      expect(share(overload, 'sheddable')).toBeLessThan(0.1);
      expect(share(overload, 'sheddable')).toBeGreaterThan(0);
      expect(percentile(overload.times, 99)).toBeLessThan(300);
      expect(overload.wasted).toBe(0);
      expect(success(after)).toBeGreaterThanOrEqual(0.95);
    },
  );

  it('collapses without admission, and does not get up again', async () => {
    const { can, overload, recovery } = await course({ admission: false, seed: 1 });
    expect(goodput(overload) / can).toBeLessThan(0.1);
    expect(overload.wasted).toBeGreaterThan(1_000);
    expect(success(recovery)).toBeLessThan(0.1);
  });

  it.each(['computes', 'waits'] as const)(
    'refuses none of 10,000 calls that come at once, on a machine that stands still every now and then: the handler %s',
    async (handler) => {
      const simulation = new Simulation({ admission: {}, handler, work: 0.1, patience: 30_000, stalls: 150, seed: 5 });
      for (let burst = 0; burst < runs(1); burst++) {
        const phase = await simulation.burst(10_000, 15);
        expect(sum(phase.sent)).toBe(10_000);
        expect(sum(phase.ok)).toBe(10_000);
      }
      expect(simulation.server.admission()?.refused).toBe(0);
    },
  );

  it('refuses nothing where handlers wait for long for others, and the machine stands still for two fifths of the time', async () => {
    const stalls = { stalls: 60, stallEvery: 150 };
    const simulation = new Simulation({
      admission: {},
      handler: 'waits',
      wait: 500,
      work: 0.1,
      patience: 2_000,
      ...stalls,
      seed: 6,
    });
    const phase = await simulation.offer(1_000, 10);
    expect(simulation.server.admission()?.refused).toBe(0);
    expect(percentile(phase.times, 99)).toBeLessThan(800);
  });

  it('refuses nothing at nine tenths of the capacity that is critical', async () => {
    const simulation = new Simulation({ admission: {}, seed: 4 });
    const phase = await simulation.offer(simulation.capacity * 0.9, 20);
    expect(share(phase, 'plus', 'critical')).toBeGreaterThan(0.995);
    expect(success(phase)).toBeGreaterThan(0.97);
  });
});

/** A server, warm, and the calls a second that it answers when it is kept busy. */
async function served(...args: string[]): Promise<{ server: Served; can: number }> {
  const server = await startServer(...args);
  onTestFinished(() => server.stop());
  await capacity(server, 1);
  return { server, can: await capacity(server, soak ? 3 : 1) };
}

const shareOf = (all: Outcomes): number => sum(all.ok) / sum(all.sent);

/** Bytes, the least of what is in use after some garbage collections: what goes in a moment is not kept. */
async function heapKept(server: Served): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    least = Math.min(least, (await server.counts()).heapUsed);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return least;
}

const MiB = 2 ** 20;

describe('a process of its own and real sockets', () => {
  it('does for a minute under five times its load what is waited for, the critical first, decodes only what it runs, grows by nothing, and is well again', async () => {
    const { server, can } = await served('on');
    const tenSeconds = async () => {
      const before = await server.counts();
      const overload = await offer(server, can * 5, 10, 2_000);
      const after = await server.counts();
      expect(after.requests).toBe(after.run);
      return {
        refuses: after.refused > before.refused,
        // However little processor others leave it, it is not spent in vain.
        useful: sum(overload.ok) / (after.run - before.run) > 0.1,
        criticalFirst: share(overload, 'plus', 'critical') > share(overload, 'sheddable'),
      };
    };
    const seen = [await tenSeconds()];
    const heap = await heapKept(server);
    while (seen.length < 6) seen.push(await tenSeconds());
    // Others may have had the machine in some of them.
    expect(seen).toContainEqual({ refuses: true, useful: true, criticalFirst: true });
    const success = async (): Promise<number> => shareOf(await offer(server, can * 0.2, 1, 2_000));
    await expect.poll(success, { timeout: 60_000, interval: 1 }).toBeGreaterThanOrEqual(0.95);
    await expect.poll(() => heapKept(server), { timeout: 60_000 }).toBeLessThan(heap + 16 * MiB);
  }, 300_000);

  it.runIf(soak).each(handlers)(
    'keeps four fifths of its goodput and 99 of 100 critical calls for 30 s, and recovers within 5 s: the handler %s',
    async (handler) => {
      const { server, can } = await served('on', handler);
      const overload = await offer(server, can * 5, 30);
      const { requests, run, refused } = await server.counts();
      await offer(server, can * 0.6, 5);
      const after = await offer(server, can * 0.6, 5);
      const seen = {
        capacity: can,
        goodput: sum(overload.ok) / overload.seconds / can,
        critical: share(overload, 'plus', 'critical'),
        sheddable: share(overload, 'sheddable'),
        p99: percentile(overload.times, 99),
        refused,
        after: shareOf(after),
      };
      console.log(handler, seen);
      expect(requests).toBe(run);
      expect(seen.goodput).toBeGreaterThanOrEqual(0.8);
      expect(seen.critical).toBeGreaterThanOrEqual(0.99);
      expect(seen.sheddable).toBeLessThan(0.2);
      expect(seen.p99).toBeLessThan(400);
      expect(seen.after).toBeGreaterThanOrEqual(0.95);
    },
    120_000,
  );

  it.runIf(soak)(
    'collapses without admission',
    async () => {
      const { server, can } = await served('off');
      const overload = await offer(server, can * 5, 30);
      const goodput = sum(overload.ok) / overload.seconds / can;
      console.log({ goodput, critical: share(overload, 'plus', 'critical') });
      expect(goodput).toBeLessThan(0.5);
    },
    120_000,
  );

  it.runIf(soak)(
    'holds no more memory after ten minutes than after one',
    async () => {
      const { server, can } = await served('on');
      const kept: number[] = [];
      for (let minute = 0; minute <= 10; minute++) {
        await offer(server, can * 5, 60);
        kept.push(await heapKept(server));
      }
      const { refused, rss } = await server.counts();
      console.log({ heapMiB: kept.map((bytes) => (bytes / MiB).toFixed(1)), rssMiB: Math.round(rss / MiB), refused });
      // Of three minutes each, since code that is compiled and thrown away comes and goes by a megabyte or two.
      expect(Math.min(...kept.slice(-3))).toBeLessThan(Math.min(...kept.slice(1, 4)) + 3 * MiB);
    },
    1_200_000,
  );
});
