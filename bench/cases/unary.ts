/** Unary echo over gRPC, in a closed loop and, for latencies under the same load, in an open one. */
import type { Bench, Plan } from '../harness/bench.js';
import { type CallCase, claimedRuns, measureCalls, measureOpen, present } from '../harness/echo-bench.js';

const sizes = { '100B': 100, '10KB': 10_240, '1MB': 1_048_576 };
const cases = new Map<string, CallCase>();
for (const [name, size] of Object.entries(sizes)) {
  for (const inFlight of [1, 64, 512]) cases.set(`${name}/${inFlight}`, { size, inFlight });
}
cases.set('64KB/8', { size: 65_536, inFlight: 8 });
cases.set('tls-100B/64', { size: 100, inFlight: 64, tls: true });
const open = '100B/open';

/** The least runs of cases that something is claimed of. With one call in flight, what the scheduler does is most of the noise. */
const claimed: Readonly<Record<string, number>> = { '100B/1': 9, '100B/64': 7, '64KB/8': 7, 'tls-100B/64': 7 };

function runsOf(name: string, { runs }: Plan): number {
  const least = claimed[name];
  return least === undefined ? runs : claimedRuns(runs, least);
}

/** What speaks TLS here. */
const secure = ['hawser', 'grpc-js', 'grpc-go', 'engine'];
/** Ends of two libraries, where that says something of one of them. */
const mixed = ['grpc-js to hawser', 'hawser to grpc-js'];

function subjectsOf(name: string, subjects: readonly string[]): readonly string[] {
  if (name.startsWith('tls')) return subjects.filter((subject) => secure.includes(subject));
  const left = name === '100B/64' ? [] : mixed;
  return subjects.filter((subject) => !left.includes(subject) && (subject !== 'grpc-go' || name !== open));
}

export const unary: Bench = {
  name: 'unary',
  title:
    'unary echo over gRPC: 100 B, 10 KB, 64 KB, 1 MB, with 1 to 512 calls in flight, over TLS; 100B/open: latencies at a given rate',
  cases: [...cases.keys(), open],
  mustHold: ['100B/64'],
  subjects: ['hawser', 'grpc-js', 'nice-grpc', 'connect-node', 'grpc-go', ...mixed, 'engine', 'http2-floor'],
  estimate: (plan) =>
    plan.cases.reduce((sum, name) => {
      const one = 2 + runsOf(name, plan) * (plan.seconds + plan.warmUp + 0.1);
      return sum + subjectsOf(name, plan.subjects).length * one;
    }, 0),
  async run(plan) {
    const all = await present(plan);
    for (const name of plan.cases) {
      const subjects = subjectsOf(name, all);
      if (name === open) await measureOpen(plan, name, { size: 100, inFlight: 64 }, plan.runs, subjects);
      else await measureCalls(plan, name, cases.get(name) as CallCase, runsOf(name, plan), subjects);
    }
  },
};
