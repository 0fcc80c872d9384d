/** The command line, and which benches and cases it means. Throws an Error with a sentence for what cannot be meant. */
import { parseArgs } from 'node:util';
import type { Bench } from './bench.js';

export const help = `usage: npm run bench -- [BENCH]... [options]

Measures Hawser beside its peers. Without a BENCH: the cases that must hold, 3 runs each, at most 10 minutes on 2 cores.
With some: all cases of these.

  --full            every case of every bench, 5 runs each; an hour or two
  --case TEXT       only cases whose name contains TEXT; repeatable
  --subject NAME    only these subjects; repeatable
  --runs N          how often each is measured (3; 5 with --full)
  --seconds S       how long one measurement lasts (2)
  --quick           a smoke run: 1 run of 0.3 s, few connections; its numbers mean nothing
  --json FILE       write the results, one JSON object a line
  --results DIR     where the table and the plots go (bench/results; a --quick run writes none unless this is given)
  --markdown FILE   measure nothing; print the tables of an earlier run's --json FILE
  --list            what there is
  -h, --help        print this

Every line of --json is { bench, case, subject, metric, unit, value, min, max, runs }; value is the median.
Ends with 0; with 1 when something could not be measured, each with a line that begins with "error:"; with 2 when the
command line cannot be meant. A ratio below its limit is printed, and is no failure.`;

export interface Settings {
  readonly help: boolean;
  readonly list: boolean;
  readonly markdown: string | undefined;
  readonly json: string | undefined;
  readonly results: string | undefined;
  readonly runs: number;
  readonly seconds: number;
  readonly scale: number;
  readonly chosen: readonly Choice[];
}

export interface Choice {
  readonly bench: Bench;
  readonly cases: readonly string[];
  readonly subjects: readonly string[];
}

/** `benches` are all there are, in the order in which they run. */
export function settingsOf(args: readonly string[], benches: readonly Bench[]): Settings {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      case: { type: 'string', multiple: true, default: [] },
      subject: { type: 'string', multiple: true, default: [] },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      results: { type: 'string' },
      markdown: { type: 'string' },
    },
  });
  const names = benches.map(({ name }) => name);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no bench ${unknown}; there are ${names.join(', ')}`);
  const defaultRuns = values.quick ? 1 : values.full ? 5 : 3;
  const all = values.full || positionals.length > 0;
  const chosen = benches
    .filter(({ name }) => positionals.length === 0 || positionals.includes(name))
    .map((bench) => ({
      bench,
      cases: (all ? bench.cases : bench.mustHold).filter((name) => matches(name, values.case)),
      subjects: bench.subjects.filter((name) => values.subject.length === 0 || values.subject.includes(name)),
    }))
    .filter(({ cases, subjects }) => cases.length > 0 && subjects.length > 0);
  if (chosen.length === 0) throw new Error('no bench has such a case and such a subject; --list names them');
  return {
    help: values.help,
    list: values.list,
    markdown: values.markdown,
    json: values.json,
    results: values.results ?? (values.quick ? undefined : 'bench/results'),
    runs: number('runs', values.runs, defaultRuns, 1, 100),
    seconds: number('seconds', values.seconds, values.quick ? 0.3 : 2, 0.05, 600),
    scale: values.quick ? 0.05 : 1,
    chosen,
  };
}

const matches = (name: string, parts: readonly string[]): boolean =>
  parts.length === 0 || parts.some((part) => name.includes(part));

function number(name: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value >= least && value <= most) || (name === 'runs' && !Number.isInteger(value))) {
    throw new Error(`--${name} is ${text}; it is a number from ${least} to ${most}`);
  }
  return value;
}
