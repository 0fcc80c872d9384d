/** Echo benches: a server and a client process for each subject, asked in turns. */

import { echoClient, echoModule, echoServer } from '../subjects/echo.js';
import { goClient, goModule, goProgram, goServer } from '../subjects/grpc-go.js';
import { type Bench, interleave, type Plan } from './bench.js';
import { certificate, type TlsFiles } from './certificate.js';
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
  /** Connections of the client's process; 1 by default. */
  readonly connections?: number;
  readonly tls?: boolean;
  /** The module that stands for a subject's name; the same name by default. */
  readonly module?: (subject: string) => string;
}

/** `grpc-js to hawser`: a client of the one and a server of the other. */
function ends(subject: string): readonly [client: string, server: string] {
  const [client = subject, server = client] = subject.split(' to ');
  return [client, server];
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
    const tls = this.#of.tls === true ? await certificate() : undefined;
    const pair = subject === 'grpc-go' ? await this.#go(subject, tls) : await this.#echo(subject, tls);
    this.#pairs.set(subject, pair);
    return pair;
  }

  async #echo(subject: string, tls: TlsFiles | undefined): Promise<Pair> {
    const { wire = '', size, connections = 1, module = (name: string) => name } = this.#of;
    const [caller, callee] = ends(subject).map(module) as [string, string];
    const served = { name: callee, wire, tls };
    const server = await this.#plan.spawn(`server of ${subject}`, echoModule, echoServer, served);
    const address = await server.ask<string>('address');
    const called = { name: caller, address, size, connections, wire, tls };
    return { server, client: await this.#plan.spawn(`client of ${subject}`, echoModule, echoClient, called) };
  }

  async #go(subject: string, tls: TlsFiles | undefined): Promise<Pair> {
    const program = await goProgram();
    const { size, connections = 1 } = this.#of;
    const server = await this.#plan.spawn(`server of ${subject}`, goModule, goServer, { program, tls });
    const address = await server.ask<string>('address');
    const called = { program, address, size, connections, tls };
    return { server, client: await this.#plan.spawn(`client of ${subject}`, goModule, goClient, called) };
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

/** The subjects without those that need what this machine does not have; these are said to be skipped. */
export async function present(plan: Plan, subjects: readonly string[] = plan.subjects): Promise<readonly string[]> {
  if (!subjects.includes('grpc-go')) return subjects;
  try {
    await goProgram();
    return subjects;
  } catch (error) {
    plan.skipped('', 'grpc-go', error as Error);
    return subjects.filter((subject) => subject !== 'grpc-go');
  }
}

const patience = (seconds: number): number => seconds * 1_000 + 60_000;

export interface CallCase {
  readonly size: number;
  readonly inFlight: number;
  readonly wire?: string;
  readonly connections?: number;
  readonly tls?: boolean;
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
    record('cpu_us_per_call', 'us', (cost.serverCpu + cost.clientCpu) / load.calls);
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
  subjects: readonly string[],
): Promise<void> {
  const pairs = new Pairs(plan, of);
  const rates: number[] = [];
  const able: string[] = [];
  await interleave(plan, name, subjects, 1, async (subject) => {
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

/** What is claimed is claimed of the median of so many pairs at least; a smoke run, which asks for one, gets one. */
export function claimedRuns(runs: number, least = 7): number {
  return runs > 1 ? Math.max(least, runs) : runs;
}

/** Cases of streams: `125B` and `2KB`, one stream after another. */
export function streamBench(kind: 'pour' | 'chat', about: Pick<Bench, 'name' | 'title' | 'mustHold'>): Bench {
  const sizes: Readonly<Record<string, number>> = { '125B': 125, '2KB': 2_048 };
  return {
    ...about,
    cases: Object.keys(sizes),
    subjects: ['hawser', 'grpc-js', 'nice-grpc', 'connect-node', 'grpc-go', 'engine', 'http2-floor'],
    estimate: (plan) =>
      plan.cases.length * plan.subjects.length * (2 + claimedRuns(plan.runs) * (plan.seconds + plan.warmUp + 0.6)),
    async run(plan) {
      const subjects = await present(plan);
      for (const name of plan.cases) {
        const pairs = new Pairs(plan, { size: sizes[name] ?? 0 });
        const rates = new Map<string, number>();
        await interleave(plan, name, subjects, claimedRuns(plan.runs), async (subject, run) => {
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
          record('cpu_us_per_message', 'us', (cost.serverCpu + cost.clientCpu) / value.messages);
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
