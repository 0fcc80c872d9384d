/** What must hold: Hawser beside a peer, or beside itself without the promise that is paid for, from runs that stood side by side. */
import type { Compared, Results } from './results.js';

interface Target {
  readonly text: string;
  readonly bench: string;
  readonly case: string;
  readonly metric: string;
  /** `hawser` by default. */
  readonly subject?: string;
  /** A peer, in the same case; or with `versusCase` a case, of Hawser itself. */
  readonly versus?: string;
  readonly versusCase?: string;
  /** Hawser's number as a share of the other. */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** What Hawser's number may have more than the other, in `unit`. */
  readonly atMostMore?: { readonly value: number; readonly unit: string };
}

const unary = { text: 'gRPC unary, 64 in flight', bench: 'unary', case: '100B/64', metric: 'calls_per_s' };
const unaryCpu = { bench: 'unary', metric: 'cpu_us_per_call' };
const one = { ...unaryCpu, text: 'CPU of a gRPC call, both ends, 1 in flight', case: '100B/1' };
const sixtyFour = { ...unaryCpu, text: 'CPU of a gRPC call, both ends, 64 in flight', case: '100B/64' };
const large = { ...unaryCpu, text: 'CPU of a gRPC call of 64 KB, both ends, 8 in flight', case: '64KB/8' };
const many = {
  text: 'CPU of a gRPC call, both ends, 64 connections with 1 in flight',
  bench: 'many',
  case: '100B/64x1',
  metric: 'cpu_us_per_call',
};
const streamCpu = {
  text: 'CPU of a message of a server stream, both ends',
  bench: 'stream',
  case: '125B',
  metric: 'cpu_us_per_message',
};
const fanout = { bench: 'fanout', case: '125B/batched' };
const fanoutCpu = { ...fanout, metric: 'server_cpu_us_per_update' };
const fanoutRate = { ...fanout, metric: 'updates_per_s' };
const pingpong = { bench: 'pingpong', case: '125B', atMost: 1.3 };
const acrossWs = { text: 'an update and the answer over a socket', versus: 'ws' };
const refused = { bench: 'admission', metric: 'server_cpu_us_per_call' };
const callCpu = { metric: 'cpu_us_per_call' };
const codec = { text: 'Thrift codec round trip, typical struct', bench: 'codec', metric: 'round_trips_per_s' };

const targets: readonly Target[] = [
  { ...unary, versus: 'grpc-js', atLeast: 0.95 },
  { ...unary, versus: 'nice-grpc', atLeast: 1.3 },
  { ...unary, versus: 'connect-node', atLeast: 3 },
  { ...sixtyFour, versus: 'grpc-js', atMost: 1 / 12 },
  { ...sixtyFour, versus: 'grpc-go', atMost: 1 / 3 },
  { ...one, versus: 'grpc-js', atMost: 1 / 3 },
  { ...one, versus: 'grpc-go', atMost: 1 / 1.2 },
  { ...many, versus: 'grpc-js', atMost: 1 / 5 },
  { ...many, versus: 'grpc-go', atMost: 1 / 1.4 },
  { ...streamCpu, versus: 'grpc-js', atMost: 1 / 10 },
  { ...streamCpu, versus: 'grpc-go', atMost: 1 },
  { ...large, versus: 'grpc-js', atMost: 1 / 2 },
  { ...large, versus: 'grpc-go', atMost: 1 / 0.75 },
  {
    ...unaryCpu,
    text: 'CPU of a gRPC call over TLS, both ends',
    case: 'tls-100B/64',
    versusCase: '100B/64',
    atMost: 1.4,
  },
  {
    ...unary,
    text: "a server's CPU of a call from grpc-js",
    metric: 'server_cpu_us_per_call',
    subject: 'grpc-js to hawser',
    versus: 'grpc-js',
    atMost: 0.3,
  },
  {
    ...unary,
    text: "a client's CPU of a call to grpc-js",
    metric: 'client_cpu_us_per_call',
    subject: 'hawser to grpc-js',
    versus: 'grpc-js',
    atMost: 0.15,
  },
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
    atMost: 1,
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
  { ...fanoutCpu, text: "server's CPU of an update to 100 subscribers", versus: 'grpc-js', atMost: 1 / 8 },
  { ...fanoutCpu, text: "server's CPU of an update to 100 subscribers", versus: 'ws', atMost: 1 / 5 },
  { ...fanoutRate, text: 'updates to 100 subscribers', versus: 'grpc-js', atLeast: 3 },
  { ...fanoutRate, text: 'updates to 100 subscribers', versus: 'ws', atLeast: 2 },
  { ...fanoutRate, text: 'updates of 2 KB to 100 subscribers', case: '2KB/batched', versus: 'ws', atLeast: 1.5 },
  { ...fanoutCpu, text: "server's CPU of an update of 2 KB", case: '2KB/batched', versus: 'ws', atMost: 0.5 },
  { ...fanoutCpu, text: 'the same, one at a time', case: '125B/single', versus: 'grpc-js', atMost: 1.15 },
  ...['125B', '2KB'].flatMap((size) => [
    { ...pingpong, ...acrossWs, case: size, metric: 'p50_us', atMost: 1.1 },
    { ...pingpong, ...acrossWs, case: size, metric: 'p99_us', atMost: 1.3 },
  ]),
  { ...pingpong, text: 'an update and the answer that it came, p50', metric: 'p50_us', versus: 'grpc-js bidi' },
  { ...pingpong, text: 'an update and the answer that it came, p99', metric: 'p99_us', versus: 'grpc-js bidi' },
  // There the answer costs a stream's message; here it comes back as Hawser's does, and the update alone is compared.
  { ...pingpong, text: 'the same, both answered over a socket, p50', metric: 'p50_us', versus: 'grpc-js' },
  { ...pingpong, text: 'the same, both answered over a socket, p99', metric: 'p99_us', versus: 'grpc-js' },
  {
    text: 'updates to 900 subscribers beside 100 that read 1 KB/s, p99',
    bench: 'slow',
    case: 'beside-slow',
    metric: 'p99_us',
    versusCase: 'alone',
    atMost: 2,
  },
  {
    ...callCpu,
    text: 'all default policies, gRPC',
    bench: 'policies',
    case: 'grpc-64/defaults',
    versusCase: 'grpc-64/none',
    atMost: 1.1,
  },
  {
    ...callCpu,
    text: 'all default policies, memory',
    bench: 'policies',
    case: 'memory-1/defaults',
    versusCase: 'memory-1/none',
    atMostMore: { value: 1.5, unit: 'us' },
  },
  {
    ...callCpu,
    text: 'hedging besides, memory',
    bench: 'policies',
    case: 'memory-1/all',
    versusCase: 'memory-1/none',
    atMostMore: { value: 4, unit: 'us' },
  },
  {
    ...callCpu,
    text: 'negotiating versions',
    bench: 'hello',
    case: 'grpc-64/versioned',
    versusCase: 'grpc-64/plain',
    atMost: 1.02,
  },
  {
    text: 'keyed calls on SQLite, 64 in flight',
    bench: 'keyed',
    case: 'sqlite/new',
    metric: 'calls_per_s',
    versusCase: 'sqlite/bare-loop',
    atLeast: 0.5,
  },
  {
    ...callCpu,
    text: 'a stored answer over gRPC',
    bench: 'keyed',
    case: 'grpc/replay',
    versusCase: 'grpc/no-store',
    atMost: 1.2,
  },
  { ...refused, text: 'a call refused over gRPC', case: 'grpc/refused', versusCase: 'grpc/served', atMost: 0.85 },
  {
    ...refused,
    text: 'a call refused over Thrift',
    case: 'thrift/refused',
    versusCase: 'thrift/served',
    atMost: 1 / 3,
  },
  {
    ...callCpu,
    text: 'tracing without an SDK',
    bench: 'tracing',
    case: 'memory-1/no-sdk',
    versusCase: 'memory-1/off',
    atMostMore: { value: 1, unit: 'us' },
  },
];

export interface Verdict extends Compared {
  readonly target: Target;
  readonly holds: boolean;
}

/** Of those targets that were measured. */
export function verdicts(results: Results): Verdict[] {
  return targets.flatMap((target) => {
    const { subject = 'hawser', versus = 'hawser', versusCase = target.case } = target;
    const own = { ...target, subject };
    const other = { subject: versus, case: versusCase };
    const more = target.atMostMore?.value;
    const compared = more === undefined ? results.ratio(own, other) : results.difference(own, other);
    if (compared === undefined) return [];
    const { atLeast = Number.NEGATIVE_INFINITY, atMost = more ?? Number.POSITIVE_INFINITY } = target;
    return [{ target, ...compared, holds: compared.value >= atLeast && compared.value <= atMost }];
  });
}

function limitText({ atLeast, atMost, atMostMore, versus, versusCase }: Target): string {
  const other = versus ?? `\`${versusCase}\``;
  if (atMostMore !== undefined) return `at most ${atMostMore.value} ${atMostMore.unit} more than ${other}`;
  return atLeast === undefined ? `at most ${Number(atMost?.toFixed(3))}x ${other}` : `at least ${atLeast}x ${other}`;
}

function measuredText({ target: { atMostMore }, value }: Verdict): string {
  return atMostMore === undefined
    ? `${value.toFixed(2)}x`
    : `${value < 0 ? '' : '+'}${value.toFixed(2)} ${atMostMore.unit}`;
}

export function verdictTable(list: readonly Verdict[]): string {
  if (list.length === 0) return '';
  const lines = list.map((verdict) => {
    const { target, pairs, holds } = verdict;
    return `| ${target.text} (\`${target.case}\`) | ${limitText(target)} | ${measuredText(verdict)} | ${pairs} | ${holds ? 'yes' : 'no'} |`;
  });
  return ['| | limit | measured | pairs | holds |', '|---|---|---:|---:|---|', ...lines, ''].join('\n');
}
