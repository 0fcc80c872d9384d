/** `npm run bench`: Hawser beside its peers. `--help` says the rest; docs/bench.md says what each bench means. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { benches } from './cases/index.js';
import { Plan } from './harness/bench.js';
import { writePlots } from './harness/plots.js';
import { killAll } from './harness/remote.js';
import { Results, type Row } from './harness/results.js';
import { help, type Settings, settingsOf } from './harness/select.js';
import { failureLine, markdown, skipLine } from './harness/table.js';
import { verdicts, verdictTable } from './harness/targets.js';

const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'CPU'}, Node ${process.versions.node}`;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(130);
  });
}

let settings: Settings;
try {
  settings = settingsOf(process.argv.slice(2), benches);
} catch (error) {
  console.error(`bench: ${(error as Error).message}\n\n${help}`);
  process.exit(2);
}

if (settings.help) console.log(help);
else if (settings.list) list();
else if (settings.markdown !== undefined) console.log(markdown(read(settings.markdown)));
else process.exitCode = await measure(settings);
// A peer's library may hold a timer or a socket: what was asked for is done.
process.exit();

function list(): void {
  for (const { name, title, cases, mustHold, subjects } of benches) {
    console.log(`${name.padEnd(10)} ${title}`);
    console.log(`           cases     ${cases.map((one) => (mustHold.includes(one) ? `${one}*` : one)).join('  ')}`);
    console.log(`           subjects  ${subjects.join('  ')}\n`);
  }
  console.log('* in a default run');
}

function read(file: string): Row[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Row);
}

function plansOf({ chosen, runs, seconds, scale }: Settings, results: Results, progress: (text: string) => void) {
  return chosen.map((choice) => ({
    bench: choice.bench,
    plan: new Plan({ ...choice, runs, seconds, scale, results, progress }),
  }));
}

/** The exit code. */
async function measure(settings: Settings): Promise<number> {
  const results = new Results();
  const began = performance.now();
  let seconds = 0;
  const plans = plansOf(settings, results, (text) => {
    const spent = (performance.now() - began) / 1_000;
    console.error(`[${clock(spent)} of about ${clock(seconds)}] ${text}`);
  });
  seconds = plans.reduce((sum, { bench, plan }) => sum + bench.estimate(plan), 0);
  console.error(`${plans.map(({ bench }) => bench.name).join(', ')}: about ${clock(seconds)} (minutes:seconds)`);
  for (const { bench, plan } of plans) {
    try {
      await bench.run(plan);
    } catch (error) {
      plan.failed('', '', error as Error);
    } finally {
      plan.end();
    }
    // What is measured is kept, whatever becomes of the rest.
    if (settings.json !== undefined) writeJson(settings.json, results.rows());
  }
  const rows = results.rows();
  const held = verdictTable(verdicts(results));
  console.log(`${machine}\n\n${markdown(rows)}${held === '' ? '' : `\n### Must hold\n\n${held}`}`);
  for (const skipped of results.skipped) console.error(skipLine(skipped));
  for (const failure of results.failures) console.error(failureLine(failure));
  if (settings.results !== undefined && rows.length > 0) writeResults(settings.results, rows, held, results);
  console.error(`took ${clock((performance.now() - began) / 1_000)}`);
  return results.failures.length > 0 || rows.length === 0 ? 1 : 0;
}

function writeJson(file: string, rows: readonly Row[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

function writeResults(folder: string, rows: readonly Row[], held: string, results: Results): void {
  mkdirSync(folder, { recursive: true });
  const plots = writePlots(folder, rows);
  const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
  const parts = [
    `# Results of \`${command}\``,
    '',
    `${new Date().toISOString().slice(0, 10)}, ${machine}. Medians; in brackets the least and the most of the runs.`,
    '',
    ...(held === '' ? [] : ['## Must hold', '', held]),
    ...notMeasured(results),
    '## Measured',
    '',
    markdown(rows),
    ...plots.map((file) => `![${file}](${file})\n`),
  ];
  writeFileSync(join(folder, 'results.md'), `${parts.join('\n').trimEnd()}\n`);
  writeJson(join(folder, 'results.jsonl'), rows);
  console.error(`${join(folder, 'results.md')} and ${plots.length} plots are written`);
}

function notMeasured({ skipped, failures }: Results): readonly string[] {
  const lines = [...skipped.map(skipLine), ...failures.map(failureLine)];
  return lines.length === 0 ? [] : ['## Not measured', '', ...lines.map((line) => `- ${line}`), ''];
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}
