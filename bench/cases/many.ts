/** Unary echo over gRPC on many connections, each with one call in flight: every call is a read and a write of its own. */
import type { Bench } from '../harness/bench.js';
import { claimedRuns, measureCalls, present } from '../harness/echo-bench.js';

const connections = 64;
const name = `100B/${connections}x1`;

export const many: Bench = {
  name: 'many',
  title: `unary echo over gRPC, 100 B, on ${connections} connections with one call in flight each`,
  cases: [name],
  mustHold: [],
  subjects: ['hawser', 'grpc-js', 'grpc-go', 'engine', 'http2-floor'],
  estimate: (plan) => plan.subjects.length * (4 + claimedRuns(plan.runs) * (plan.seconds + plan.warmUp + 0.1)),
  async run(plan) {
    if (plan.cases.length === 0) return;
    const of = { size: 100, inFlight: connections, connections };
    await measureCalls(plan, name, of, claimedRuns(plan.runs), await present(plan));
  },
};
