/**
 * What costs memory though nothing happens: connections, calls that wait for their answer, subscriptions. New processes for
 * every run, garbage collected before each look; what a number of them adds is divided by the number.
 */
import { type Bench, interleave, type Plan } from '../harness/bench.js';
import { idleClient, idleModule, idleServer, idleSubjects } from '../subjects/idle.js';

const counts: Readonly<Record<string, number>> = { connection: 400, call: 10_000, subscription: 2_000 };
/** Made before the first look: what is loaded and allocated once must not count. */
const warm: Readonly<Record<string, number>> = { connection: 40, call: 200, subscription: 100 };

async function measure(plan: Plan, name: string, subject: string, run: number): Promise<void> {
  const gc = { exposeGc: true };
  const server = await plan.spawn(`server of ${subject}`, idleModule, idleServer, { name: subject }, gc);
  const address = await server.ask<string>('address');
  const client = await plan.spawn(`client of ${subject}`, idleModule, idleClient, { name: subject, address }, gc);
  try {
    const settled = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      // The second collection takes what the first one's finalizers let go.
      await Promise.all([server.usage(), client.usage()]);
      return Promise.all([server.usage(), client.usage()]);
    };
    const count = plan.scaled(counts[name] ?? 0, 40);
    await client.ask('add', { what: name, count: plan.scaled(warm[name] ?? 0, 5) }, 60_000);
    const before = await settled();
    await client.ask('add', { what: name, count }, 120_000);
    const after = await settled();
    const held = await server.ask<number>('held', { what: name });
    if (held < count) throw new Error(`the server holds ${held} of ${count}`);
    const each = (side: 0 | 1, key: 'rss' | 'heap'): number => (after[side][key] - before[side][key]) / count;
    const record = (metric: string, value: number) => plan.record(name, subject, metric, 'bytes', run, value);
    record(`server_rss_per_${name}`, each(0, 'rss'));
    record(`client_rss_per_${name}`, each(1, 'rss'));
    record(`server_heap_per_${name}`, each(0, 'heap'));
    record(`client_heap_per_${name}`, each(1, 'heap'));
    record(`heap_per_${name}`, each(0, 'heap') + each(1, 'heap'));
  } finally {
    server.kill();
    client.kill();
  }
}

const subjectsOf = (name: string, subjects: readonly string[]): readonly string[] =>
  subjects.filter((subject) => idleSubjects[subject]?.includes(name) === true);

export const idle: Bench = {
  name: 'idle',
  title: 'memory of idle connections, of calls in flight (10,000) and of quiet subscriptions',
  cases: Object.keys(counts),
  mustHold: ['connection', 'call'],
  subjects: Object.keys(idleSubjects),
  estimate: (plan) => plan.cases.reduce((sum, name) => sum + plan.runs * subjectsOf(name, plan.subjects).length * 5, 0),
  async run(plan) {
    for (const name of plan.cases) {
      await interleave(plan, name, subjectsOf(name, plan.subjects), plan.runs, (subject, run) =>
        measure(plan, name, subject, run),
      );
    }
  },
};
