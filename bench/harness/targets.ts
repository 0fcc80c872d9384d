/** What must hold: ratios of Hawser to a peer, from runs that stood side by side. */
import type { Results } from './results.js';

interface Target {
  readonly text: string;
  readonly bench: string;
  readonly case: string;
  readonly metric: string;
  readonly versus: string;
  /** Hawser's share of the peer's number. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

const unary = { text: 'gRPC unary, 64 in flight', bench: 'unary', case: '100B/64', metric: 'calls_per_s' };
const codec = { text: 'Thrift codec round trip, typical struct', bench: 'codec', metric: 'round_trips_per_s' };

const targets: readonly Target[] = [
  { ...unary, versus: 'grpc-js', atLeast: 0.95 },
  { ...unary, versus: 'nice-grpc', atLeast: 1.3 },
  { ...unary, versus: 'connect-node', atLeast: 3 },
  {
    text: 'gRPC server stream, 125 B',
    bench: 'stream',
    case: '125B',
    metric: 'messages_per_s',
    versus: 'grpc-js',
    atLeast: 1,
  },
  {
    text: 'Thrift framed binary, 64 in flight',
    bench: 'thrift',
    case: 'binary/64',
    metric: 'calls_per_s',
    versus: 'thrift',
    atLeast: 2,
  },
  {
    text: 'Thrift framed compact, 64 in flight',
    bench: 'thrift',
    case: 'compact/64',
    metric: 'calls_per_s',
    versus: 'thrift',
    atLeast: 3,
  },
  { ...codec, case: 'thrift-binary', versus: 'thrift', atLeast: 3 },
  { ...codec, case: 'thrift-compact', versus: 'thrift', atLeast: 5 },
  {
    text: 'heap and external after GC per idle gRPC connection, both sides',
    bench: 'idle',
    case: 'connection',
    metric: 'heap_per_connection',
    versus: 'grpc-js',
    atMost: 1.25,
  },
  {
    text: 'heap and external after GC per call with 10,000 in flight, both sides',
    bench: 'idle',
    case: 'call',
    metric: 'heap_per_call',
    versus: 'grpc-js',
    atMost: 1.25,
  },
  {
    text: "import 'hawser'",
    bench: 'startup',
    case: 'import',
    metric: 'import_ms',
    versus: 'grpc-js',
    atMost: 2,
  },
];

export interface Verdict {
  readonly target: Target;
  readonly ratio: number;
  readonly pairs: number;
  readonly holds: boolean;
}

/** Of those targets that were measured. */
export function verdicts(results: Results): Verdict[] {
  return targets.flatMap((target) => {
    const ratio = results.ratio({ ...target, subject: 'hawser' }, target.versus);
    if (ratio === undefined) return [];
    const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = target;
    return [{ target, ratio: ratio.value, pairs: ratio.pairs, holds: ratio.value >= atLeast && ratio.value <= atMost }];
  });
}

const limitText = ({ atLeast, atMost, versus }: Target): string =>
  `${atLeast === undefined ? `at most ${atMost}x` : `at least ${atLeast}x`} ${versus}`;

export function verdictTable(list: readonly Verdict[]): string {
  if (list.length === 0) return '';
  const lines = list.map(
    ({ target, ratio, pairs, holds }) =>
      `| ${target.text} (\`${target.case}\`) | ${limitText(target)} | ${ratio.toFixed(2)}x | ${pairs} | ${holds ? 'yes' : 'no'} |`,
  );
  return ['| | limit | measured | pairs | holds |', '|---|---|---:|---:|---|', ...lines, ''].join('\n');
}
