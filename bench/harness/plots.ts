/** Which numbers of a bench are drawn, and how. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from './results.js';
import { barChart, lineChart } from './svg.js';
import { numberText } from './table.js';

/** The number that a bench is about; the first metric of a bench that is not named here. */
const main: Readonly<Record<string, string>> = { idle: 'server_rss_per_connection', startup: 'import_ms' };

/** A ramp's steps: `600 subscribers, 100/every`. */
const stepOf = (name: string): number => Number.parseInt(name, 10);

/** Writes one file for each bench, of a ramp one for each rate; returns the names. */
export function writePlots(folder: string, rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row.bench))].flatMap((bench) => {
    const own = rows.filter((row) => row.bench === bench);
    const plots = bench === 'ramp' ? ramps(own) : [...bars(bench, own)];
    for (const { name, svg } of plots) writeFileSync(join(folder, name), svg);
    return plots.map(({ name }) => name);
  });
}

interface Plot {
  readonly name: string;
  readonly svg: string;
}

function* bars(bench: string, rows: readonly Row[]): Iterable<Plot> {
  const metric = main[bench] ?? rows[0]?.metric;
  const drawn = rows.filter((row) => row.metric === metric);
  const [first] = drawn;
  if (first === undefined) return;
  const title = `${bench}: ${first.metric}${first.unit === '1/s' ? '' : `, ${first.unit}`}`;
  const groups = [...new Set(drawn.map((row) => row.case))].map((name) => ({
    label: name,
    bars: drawn.filter((row) => row.case === name).map((row) => ({ ...row, label: row.subject })),
  }));
  yield { name: `${bench}.svg`, svg: barChart(title, groups, (value) => numberText(value, first.unit)) };
}

/** `600 subscribers, 100/every` of hawser is a point of the line `hawser every` in the plot of 100 updates a second. */
function ramps(rows: readonly Row[]): Plot[] {
  const plots = new Map<string, Map<string, [number, number][]>>();
  for (const { case: name, subject, metric, value } of rows) {
    const [, rate, mode] = /^\d+ subscribers, (\d+)\/(\w+)$/.exec(name) ?? [];
    if (metric !== 'p99_us' || rate === undefined) continue;
    const lines = plots.get(rate) ?? new Map<string, [number, number][]>();
    const label = `${subject} ${mode}`;
    plots.set(rate, lines.set(label, [...(lines.get(label) ?? []), [stepOf(name), value / 1_000]]));
  }
  return [...plots].map(([rate, lines]) => {
    const series = [...lines].map(([label, points]) => ({ label, points: points.sort(([a], [b]) => a - b) }));
    const title = `ramp: p99 in ms of ${rate} updates a second to each subscriber`;
    const show = (value: number): string => numberText(Math.round(value), '1/s');
    return { name: `ramp-${rate}.svg`, svg: lineChart(title, series, { x: 'subscribers', show }) };
  });
}
