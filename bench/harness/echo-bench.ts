/** Echo benches: a server and a client process for each subject, asked in turns. */

import { echoClient, echoModule, echoServer } from '../subjects/echo.js';
import { type Bench, interleave, type Plan } from './bench.js';
import type { Load } from './load.js';
import type { Remote } from './remote.js';
import { median } from './results.js';

interface Pair {
  readonly server: Remote;
  readonly client: Remote;
}

interface PairOf {
  readonly size: number;
  readonly wire?: string;
  /** The module that stands for a subject's name; the same name by default. */
  readonly module?: (subject: string) => string;
}

/** Starts what a case needs when it is first asked for, and anew after a failure. */
export class Pairs {
  readonly #plan: Plan;
  readonly #of: PairOf;
  readonly #pairs = new Map<string, Pair>();

  constructor(plan: Plan, of: PairOf) {
    this.#plan = plan;
    this.#of = of;
  }

  async get(subject: string): Promise<Pair> {
    const known = this.#pairs.get(subject);
    if (known !== undefined) return known;
    const name = this.#of.module?.(subject) ?? subject;
    const wire = this.#of.wire ?? '';
    const server = await this.#plan.spawn(`server of ${subject}`, echoModule, echoServer, { name, wire });
    const address = await server.ask<string>('address');
    const args = { name, address, size: this.#of.size, wire };
    const client = await this.#plan.spawn(`client of ${subject}`, echoModule, echoClient, args);
    const pair = { server, client };
    this.#pairs.set(subject, pair);
    return pair;
  }

  end(): void {
    for (const { server, client } of this.#pairs.values()) {
      server.kill();
      client.kill();
    }
    this.#pairs.clear();
  }
}

/** Runs `work`, and says what both processes used for it: CPU microseconds, and bytes at the most. */
export async function used<T>({ server, client }: Pair, work: () => Promise<T>) {
  const before = await Promise.all([server.usage(true), client.usage(true)]);
  const value = await work();
  const after = await Promise.all([server.usage(), client.usage()]);
  return {
    value,
    serverCpu: after[0].cpu - before[0].cpu,
    clientCpu: after[1].cpu - before[1].cpu,
    serverPeak: after[0].peakRss,
    clientPeak: after[1].peakRss,
  };
}

const patience = (seconds: number): number => seconds * 1_000 + 60_000;

export interface CallCase {
  readonly size: number;
  readonly inFlight: number;
  readonly wire?: string;
}

/** One case of calls in a closed loop. */
export async function measureCalls(
  plan: Plan,
  name: string,
  { inFlight, ...of }: CallCase & PairOf,
  runs: number,
  subjects: readonly string[] = plan.subjects,
): Promise<void> {
  const pairs = new Pairs(plan, of);
  await interleave(plan, name, subjects, runs, async (subject, run) => {
    const pair = await pairs.get(subject);
    const ask = (seconds: number) => pair.client.ask<Load>('closed', { inFlight, seconds }, patience(seconds));
    await ask(run === 0 ? Math.max(plan.warmUp, plan.seconds / 2) : plan.warmUp);
    const { value: load, ...cost } = await used(pair, () => ask(plan.seconds));
    if (load.calls === 0) throw new Error(`no call was answered: ${load.failure ?? 'none ended in time'}`);
    if (load.failed > load.calls / 1_000) {
      throw new Error(`${load.failed} of ${load.calls + load.failed} calls failed: ${load.failure}`);
    }
    const record = (metric: string, unit: string, value: number) =>
      plan.record(name, subject, metric, unit, run, value);
    record('calls_per_s', '1/s', load.calls / load.seconds);
    record('p50_us', 'us', load.p50);
    record('p99_us', 'us', load.p99);
    record('server_cpu_us_per_call', 'us', cost.serverCpu / load.calls);
    record('client_cpu_us_per_call', 'us', cost.clientCpu / load.calls);
    record('server_peak_rss', 'bytes', cost.serverPeak);
    record('client_peak_rss', 'bytes', cost.clientPeak);
  });
  pairs.end();
}

/**
 * One case of calls in an open loop: all subjects at half of what the slowest can do in a closed one, so that latencies are
 * those of the same load.
 */
export async function measureOpen(
  plan: Plan,
  name: string,
  { inFlight, ...of }: CallCase & PairOf,
  runs: number,
): Promise<void> {
  const pairs = new Pairs(plan, of);
  const rates: number[] = [];
  const able: string[] = [];
  await interleave(plan, name, plan.subjects, 1, async (subject) => {
    const { client } = await pairs.get(subject);
    const seconds = Math.max(plan.warmUp, plan.seconds / 2);
    await client.ask<Load>('closed', { inFlight, seconds }, patience(seconds));
    const load = await client.ask<Load>('closed', { inFlight, seconds }, patience(seconds));
    if (load.calls === 0) throw new Error(`no call was answered: ${load.failure ?? 'none ended in time'}`);
    rates.push(load.calls / load.seconds);
    able.push(subject);
  });
  const rate = Math.max(10, Math.min(...rates) / 2);
  await interleave(plan, name, able, runs, async (subject, run) => {
    const pair = await pairs.get(subject);
    const ask = (seconds: number) => pair.client.ask<Load>('open', { rate, seconds }, patience(seconds));
    await ask(plan.warmUp);
    const { value: load, ...cost } = await used(pair, () => ask(plan.seconds));
    if (load.failed > load.calls / 1_000) {
      throw new Error(`${load.failed} of ${load.calls + load.failed} calls failed: ${load.failure}`);
    }
    const record = (metric: string, unit: string, value: number) =>
      plan.record(name, subject, metric, unit, run, value);
    record('offered_calls_per_s', '1/s', rate);
    record('p50_us', 'us', load.p50);
    record('p99_us', 'us', load.p99);
    record('p999_us', 'us', load.p999);
    record('server_cpu_us_per_call', 'us', cost.serverCpu / load.calls);
    record('client_cpu_us_per_call', 'us', cost.clientCpu / load.calls);
  });
  pairs.end();
}

/** Cases of streams: `125B` and `2KB`, one stream after another. */
export function streamBench(kind: 'pour' | 'chat', about: Pick<Bench, 'name' | 'title' | 'mustHold'>): Bench {
  const sizes: Readonly<Record<string, number>> = { '125B': 125, '2KB': 2_048 };
  return {
    ...about,
    cases: Object.keys(sizes),
    subjects: ['hawser', 'grpc-js', 'nice-grpc', 'connect-node', 'http2-floor'],
    estimate: (plan) => plan.cases.length * plan.subjects.length * (2 + plan.runs * (plan.seconds + plan.warmUp + 0.6)),
    async run(plan) {
      for (const name of plan.cases) {
        const pairs = new Pairs(plan, { size: sizes[name] ?? 0 });
        const rates = new Map<string, number>();
        await interleave(plan, name, plan.subjects, plan.runs, async (subject, run) => {
          const pair = await pairs.get(subject);
          // A stream lasts about a fifth of the time, so that the last one ends soon after it.
          const count = Math.max(100, Math.round(((rates.get(subject) ?? 5_000) * plan.seconds) / 5));
          const ask = (seconds: number) =>
            pair.client.ask<{ messages: number; seconds: number }>(
              'stream',
              { kind, count, seconds },
              patience(seconds),
            );
          const warm = await ask(run === 0 ? Math.max(plan.warmUp, plan.seconds / 2) : plan.warmUp);
          rates.set(
            subject,
            median([warm.messages / warm.seconds, rates.get(subject) ?? warm.messages / warm.seconds]),
          );
          const { value, ...cost } = await used(pair, () => ask(plan.seconds));
          const record = (metric: string, unit: string, number: number) =>
            plan.record(name, subject, metric, unit, run, number);
          record('messages_per_s', '1/s', value.messages / value.seconds);
          record('server_cpu_us_per_message', 'us', cost.serverCpu / value.messages);
          record('client_cpu_us_per_message', 'us', cost.clientCpu / value.messages);
          record('server_peak_rss', 'bytes', cost.serverPeak);
          record('client_peak_rss', 'bytes', cost.clientPeak);
        });
        pairs.end();
      }
    },
  };
}
