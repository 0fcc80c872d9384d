/** Results as people read them: a markdown table for each bench, and what must hold. */
import type { Failure, Row } from './results.js';

const exact = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345`, `3.21`; bytes in units of 1,024. */
export function numberText(value: number, unit: string): string {
  if (unit === 'bytes') {
    if (value >= 1 << 20) return `${exact.format(value / (1 << 20))} MiB`;
    if (value >= 1 << 10) return `${exact.format(value / (1 << 10))} KiB`;
  }
  return Math.abs(value) >= 100 ? whole.format(value) : exact.format(value);
}

function spreadText({ min, max, runs, unit }: Row): string {
  return runs === 1 ? '' : ` (${numberText(min, unit)} to ${numberText(max, unit)})`;
}

/** One table for each bench: a row for each case and metric, a column for each subject. */
export function markdown(rows: readonly Row[]): string {
  const parts: string[] = [];
  for (const bench of new Set(rows.map((row) => row.bench))) {
    const own = rows.filter((row) => row.bench === bench);
    const subjects = [...new Set(own.map((row) => row.subject))];
    parts.push(`### ${bench}`, '');
    parts.push(`| case | metric | ${subjects.join(' | ')} |`, `|---|---|${subjects.map(() => '---:|').join('')}`);
    const lines = new Set(own.map((row) => `${row.case}\n${row.metric}\n${row.unit}`));
    for (const line of lines) {
      const [name, metric, unit] = line.split('\n');
      const cells = subjects.map((subject) => {
        const row = own.find((one) => one.subject === subject && one.case === name && one.metric === metric);
        return row === undefined ? '' : `${numberText(row.value, row.unit)}${spreadText(row)}`;
      });
      parts.push(
        `| ${name} | ${metric}${unit === '1/s' || unit === 'bytes' || unit === 'x' ? '' : `, ${unit}`} | ${cells.join(' | ')} |`,
      );
    }
    parts.push('');
  }
  return parts.join('\n');
}

export const failureLine = ({ bench, case: name, subject, message }: Failure): string =>
  `error: ${bench} ${name} ${subject}: ${message}`;

export const skipLine = ({ bench, case: name, subject, message }: Failure): string =>
  `skipped: ${[bench, name, subject].filter((part) => part !== '').join(' ')}: ${message}`;
