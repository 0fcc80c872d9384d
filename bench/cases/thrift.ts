/** Unary echo of a 100-byte string over framed Thrift, against npm thrift and a framed TCP socket by hand. */
import type { Bench } from '../harness/bench.js';
import { measureCalls } from '../harness/echo-bench.js';

/** THeader stands alone: npm thrift's server of it mixes up its callers' headers, and frames twice. */
const wires = { binary: 'binary', compact: 'compact', theader: 'header' };
const cases = new Map<string, { wire: string; inFlight: number }>();
for (const [name, wire] of Object.entries(wires)) {
  for (const inFlight of [1, 64, 512]) cases.set(`${name}/${inFlight}`, { wire, inFlight });
}

const subjectsOf = (name: string, subjects: readonly string[]): readonly string[] =>
  name.startsWith('theader') ? subjects.filter((one) => one !== 'thrift') : subjects;

export const thrift: Bench = {
  name: 'thrift',
  title: 'unary echo over framed Thrift: binary, compact and THeader, with 1, 64 and 512 calls in flight',
  cases: [...cases.keys()],
  mustHold: ['binary/64', 'compact/64'],
  subjects: ['hawser', 'thrift', 'tcp-floor'],
  estimate: (plan) => plan.cases.length * plan.subjects.length * (2 + plan.runs * (plan.seconds + plan.warmUp + 0.1)),
  async run(plan) {
    for (const name of plan.cases) {
      const { wire, inFlight } = cases.get(name) as { wire: string; inFlight: number };
      const module = (subject: string): string => (subject === 'hawser' ? 'hawser-thrift' : subject);
      const of = { size: 100, inFlight, wire, module };
      await measureCalls(plan, name, of, plan.runs, subjectsOf(name, plan.subjects));
    }
  },
};
