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

/** Writes one file for each bench; returns the names. */
export function writePlots(folder: string, rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row.bench))].flatMap((bench) => {
    const own = rows.filter((row) => row.bench === bench);
    const metric = main[bench] ?? own[0]?.metric;
    const drawn = own.filter((row) => row.metric === metric);
    const [first] = drawn;
    if (first === undefined) return [];
    const title = `${bench}: ${first.metric}${first.unit === '1/s' ? '' : `, ${first.unit}`}`;
    const svg = bench === 'ramp' ? ramp(title, drawn) : bars(title, drawn);
    writeFileSync(join(folder, `${bench}.svg`), svg);
    return [`${bench}.svg`];
  });
}

function bars(title: string, rows: readonly Row[]): string {
  const groups = [...new Set(rows.map((row) => row.case))].map((name) => ({
    label: name,
    bars: rows.filter((row) => row.case === name).map((row) => ({ ...row, label: row.subject })),
  }));
  return barChart(title, groups, (value) => numberText(value, rows[0]?.unit ?? ''));
}

function ramp(title: string, rows: readonly Row[]): string {
  // `600 subscribers, 100/every` of hawser is a point of the line `hawser 100/every`.
  const lines = new Map<string, Row[]>();
  for (const row of rows) {
    const label = `${row.subject} ${row.case.split(', ')[1] ?? ''}`;
    lines.set(label, [...(lines.get(label) ?? []), row]);
  }
  const series = [...lines].map(([label, own]) => ({
    label,
    points: own.map((row) => [stepOf(row.case), row.value] as const).sort(([a], [b]) => a - b),
  }));
  return lineChart(title, series, { x: 'subscribers', y: title, show: (value) => numberText(value, '1/s') });
}
