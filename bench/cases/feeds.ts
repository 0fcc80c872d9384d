/** Publishing to subscribers: to a hundred as fast as they take it, to one and back, and to more and more at a given rate. */
import { type Bench, interleave, type Plan } from '../harness/bench.js';
import { used } from '../harness/echo-bench.js';
import type { Remote } from '../harness/remote.js';
import { echoing, type Fanned, feedClient, feedModule, feedServer, feedSubjects, type Mode } from '../subjects/feed.js';

export interface Feeding {
  readonly server: Remote;
  readonly client: Remote;
}

export async function start(plan: Plan, name: string): Promise<Feeding> {
  const server = await plan.spawn(`publisher of ${name}`, feedModule, feedServer, { name });
  const [address, acks] = await Promise.all([server.ask<string>('address'), server.ask<number>('acks')]);
  const client = await plan.spawn(`subscribers of ${name}`, feedModule, feedClient, { name, address, acks });
  return { server, client };
}

/** Adds subscribers, and waits until the server knows them. */
export async function subscribe({ server, client }: Feeding, count: number, mode: Mode, all: number): Promise<void> {
  await client.ask('subscribe', { count, mode }, 60_000);
  for (let i = 0; i < 100 && (await server.ask<number>('subscribers')) < all; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const fans: Readonly<Record<string, { size: number; perTurn: number }>> = {
  '125B/batched': { size: 125, perTurn: 50 },
  '125B/single': { size: 125, perTurn: 1 },
  '2KB/batched': { size: 2_048, perTurn: 50 },
};
const round = 50;

export const fanout: Bench = {
  name: 'fanout',
  title: 'one publisher and 100 subscribers, each with its connection; 50 updates at once, or one',
  cases: Object.keys(fans),
  mustHold: [],
  subjects: feedSubjects,
  estimate: (plan) =>
    plan.cases.length * plan.subjects.length * (3 + 3 * plan.seconds + plan.runs * (plan.seconds + plan.warmUp + 0.5)),
  async run(plan) {
    const subscribers = plan.scaled(100, 10);
    for (const name of plan.cases) {
      const feeds = new Map<string, Feeding>();
      await interleave(plan, name, plan.subjects, plan.runs, async (subject, run) => {
        let feed = feeds.get(subject);
        if (feed === undefined) {
          feed = await start(plan, subject);
          feeds.set(subject, feed);
          await subscribe(feed, subscribers, 'every', subscribers);
          await feed.client.ask('ackEvery', { count: subscribers * round });
        }
        const { server, client } = feed;
        const saturate = (seconds: number) =>
          server.ask<Fanned>('saturate', { ...fans[name], round, seconds }, seconds * 1_000 + 60_000);
        // Who sends few frames a second is long in getting warm.
        await saturate(run === 0 ? Math.max(plan.warmUp, 3 * plan.seconds) : plan.warmUp);
        await client.ask('heard', { time: false });
        const { value, ...cost } = await used(feed, () => saturate(plan.seconds));
        const { deliveries, lost } = await client.ask<{ deliveries: number; lost: number }>('heard', { time: false });
        if (lost > 0 || deliveries !== value.published * subscribers) {
          throw new Error(
            `${deliveries} of ${value.published * subscribers} updates came, ${lost} connections were lost`,
          );
        }
        const record = (metric: string, unit: string, number: number) =>
          plan.record(name, subject, metric, unit, run, number);
        record('updates_per_s', '1/s', deliveries / value.seconds);
        record('server_cpu_us_per_update', 'us', cost.serverCpu / deliveries);
        record('client_cpu_us_per_update', 'us', cost.clientCpu / deliveries);
        record('server_peak_rss', 'bytes', cost.serverPeak);
        record('client_peak_rss', 'bytes', cost.clientPeak);
      });
      for (const feed of feeds.values()) for (const remote of Object.values(feed)) remote.kill();
    }
  },
};

const sizes: Readonly<Record<string, number>> = { '125B': 125, '2KB': 2_048 };
/** Of a run; with 5 runs they are 100,000. */
const rounds = 20_000;
/** The subjects take turns of so many rounds: what the machine does besides is then the same for all of them. */
const roundsOfTurn = 1_000;
/** Rounds at the begin of a turn that do not count: another subject had the caches. */
const leadIn = 50;

export const pingpong: Bench = {
  name: 'pingpong',
  title: 'one update to one subscriber, and the next when it is known to have come',
  cases: Object.keys(sizes),
  mustHold: [],
  subjects: [...feedSubjects, echoing],
  estimate: (plan) => plan.cases.length * plan.subjects.length * (3 + plan.runs * (plan.scaled(rounds) / 2_500)),
  async run(plan) {
    const turns = Math.ceil(plan.scaled(rounds, 100) / roundsOfTurn);
    const count = Math.min(roundsOfTurn, plan.scaled(rounds, 100));
    for (const name of plan.cases) {
      const feeds = new Map<string, Feeding>();
      const turn = async (subject: string, nth: number): Promise<void> => {
        let feed = feeds.get(subject);
        const ping = (args: { count: number; leadIn: number }) =>
          (feed as Feeding).server.ask('pingPong', { size: sizes[name], ...args }, 120_000);
        if (feed === undefined) {
          feed = await start(plan, subject);
          feeds.set(subject, feed);
          await subscribe(feed, 1, 'every', 1);
          if (subject !== echoing) await feed.client.ask('ackEvery', { count: 1 });
          await ping({ count: 0, leadIn: plan.scaled(rounds / 4, 50) });
        }
        await ping({ count, leadIn });
        if ((nth + 1) % turns !== 0) return;
        const { p50, p99 } = await feed.server.ask<{ p50: number; p99: number }>('roundTrips');
        const run = Math.floor(nth / turns);
        plan.record(name, subject, 'p50_us', 'us', run, p50);
        plan.record(name, subject, 'p99_us', 'us', run, p99);
      };
      await interleave(plan, name, plan.subjects, plan.runs * turns, turn, turns);
      for (const feed of feeds.values()) for (const remote of Object.values(feed)) remote.kill();
    }
  },
};

/** Diffusion's load: 50 topics that change together, so often that each subscriber gets this many updates a second. */
const topics = 50;
const ramps: Readonly<Record<string, { perSecond: number; mode: Mode }>> = {
  '100/every': { perSecond: 100, mode: 'every' },
  '100/latest': { perSecond: 100, mode: 'latest' },
  '200/every': { perSecond: 200, mode: 'every' },
  '200/latest': { perSecond: 200, mode: 'latest' },
};
const step = 100;
const mostSteps = 30;
/** A ramp is long, and its steps repeat each other: it is climbed twice at most. */
const climbs = (plan: Plan): number => Math.min(2, plan.runs);
/** Seconds of a step: at least three changes of all topics. */
const stepSeconds = (plan: Plan, perSecond: number): number => Math.max(plan.seconds / 2, (3 * topics) / perSecond);

/** Adds subscribers until p99 passes a second or a connection is lost; records how many were carried, and every step. */
async function climb(plan: Plan, name: string, subject: string, run: number): Promise<void> {
  const { perSecond, mode } = ramps[name] as { perSecond: number; mode: Mode };
  const feed = await start(plan, subject);
  let carried = 0;
  try {
    const each = plan.scaled(step, 5);
    await feed.server.ask('pace', { size: 125, topics, perSecond });
    for (let i = 1; i <= plan.scaled(mostSteps, 2); i++) {
      const all = i * each;
      plan.progress(`${name}  run ${run + 1}/${climbs(plan)}  ${subject}  ${all} subscribers`);
      await subscribe(feed, each, mode, all);
      await feed.client.ask('heard', { time: true });
      const began = performance.now();
      await new Promise((resolve) => setTimeout(resolve, stepSeconds(plan, perSecond) * 1_000));
      const seconds = (performance.now() - began) / 1_000;
      const { p99, lost, deliveries } = await feed.client.ask<{ p99: number; lost: number; deliveries: number }>(
        'heard',
        { time: true },
      );
      plan.record(`${all} subscribers, ${name}`, subject, 'p99_us', 'us', run, p99);
      plan.record(`${all} subscribers, ${name}`, subject, 'updates_per_s', '1/s', run, deliveries / seconds);
      if (p99 > 1e6 || lost > 0 || deliveries === 0) break;
      carried = all;
    }
  } catch (error) {
    // A server that no longer answers carries no more; one that never did has failed.
    if (carried === 0) throw error;
  } finally {
    feed.server.kill();
    feed.client.kill();
  }
  plan.record(name, subject, 'clients_carried', 'clients', run, carried);
}

/** The peers have no conflation: they are measured in the cases without. */
const subjectsOf = (name: string, subjects: readonly string[]): readonly string[] =>
  name.endsWith('latest') ? subjects.filter((one) => one === 'hawser') : subjects;

export const ramp: Bench = {
  name: 'ramp',
  title: `how many subscribers get 100 or 200 updates a second with p99 below a second; every update, or the latest of a key`,
  cases: Object.keys(ramps),
  mustHold: [],
  subjects: feedSubjects,
  estimate: (plan) =>
    plan.cases.reduce((sum, name) => {
      const subjects = subjectsOf(name, plan.subjects).length;
      const one = stepSeconds(plan, ramps[name]?.perSecond ?? 100) + 0.6;
      return sum + subjects * climbs(plan) * (2 + plan.scaled(mostSteps, 2) * one);
    }, 0),
  async run(plan) {
    for (const name of plan.cases) {
      await interleave(plan, name, subjectsOf(name, plan.subjects), climbs(plan), (subject, run) =>
        climb(plan, name, subject, run),
      );
    }
  },
};
