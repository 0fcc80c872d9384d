/** Unary echo over gRPC, in a closed loop and, for latencies under the same load, in an open one. */
import type { Bench } from '../harness/bench.js';
import { type CallCase, measureCalls, measureOpen } from '../harness/echo-bench.js';

const sizes = { '100B': 100, '10KB': 10_240, '1MB': 1_048_576 };
const cases = new Map<string, CallCase>();
for (const [name, size] of Object.entries(sizes)) {
  for (const inFlight of [1, 64, 512]) cases.set(`${name}/${inFlight}`, { size, inFlight });
}
const open = '100B/open';

/** What is claimed of this bench is claimed of the median of so many pairs. */
const leastRuns = 7;

export const unary: Bench = {
  name: 'unary',
  title:
    'unary echo over gRPC: 100 B, 10 KB, 1 MB, with 1, 64 and 512 calls in flight; 100B/open: latencies at a given rate',
  cases: [...cases.keys(), open],
  mustHold: ['100B/64'],
  subjects: ['hawser', 'grpc-js', 'nice-grpc', 'connect-node', 'http2-floor'],
  estimate(plan) {
    const one = (name: string) => 2 + runsOf(name, plan.runs) * (plan.seconds + plan.warmUp + 0.1);
    return plan.cases.reduce((sum, name) => sum + plan.subjects.length * one(name), 0);
  },
  async run(plan) {
    for (const name of plan.cases) {
      if (name === open) await measureOpen(plan, name, { size: 100, inFlight: 64 }, plan.runs);
      else await measureCalls(plan, name, cases.get(name) as CallCase, runsOf(name, plan.runs));
    }
  },
};

/** A smoke run, which asks for one, gets one. */
function runsOf(name: string, runs: number): number {
  return name === '100B/64' && runs > 1 ? Math.max(leastRuns, runs) : runs;
}
