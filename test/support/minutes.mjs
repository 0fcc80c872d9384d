/**
 * `node minutes.mjs REPORT`: how many minutes the tests took, by folder and by file, from vitest's JSON report. A file's time
 * is from its first test to the end of its last, so the sum is more than what the clock says: files run side by side.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [path] = process.argv.slice(2);
let report;
try {
  report = JSON.parse(readFileSync(path, 'utf8'));
} catch {
  console.log('no report of the tests: they did not run to their end');
  process.exit(0);
}

const minutes = (ms) => `${(ms / 60_000).toFixed(1)} min`.padStart(10);
const files = report.testResults
  .map(({ name, startTime, endTime }) => ({ name: relative(process.cwd(), name), ms: endTime - startTime }))
  .sort((a, b) => b.ms - a.ms);
const folders = new Map();
for (const { name, ms } of files) {
  const parts = name.split('/').slice(0, -1);
  const folder = parts.slice(0, 2).join('/');
  const known = folders.get(folder) ?? { ms: 0, count: 0 };
  folders.set(folder, { ms: known.ms + ms, count: known.count + 1 });
}
console.log('\n== minutes of the tests, by folder');
for (const [folder, { ms, count }] of [...folders].sort(([, a], [, b]) => b.ms - a.ms)) {
  console.log(`${minutes(ms)}  ${folder} (${count} ${count === 1 ? 'file' : 'files'})`);
}
console.log('\n== the slowest files');
for (const { name, ms } of files.slice(0, 25)) {
  console.log(`${minutes(ms)}  ${name}${ms > 300_000 ? '  <- above 5 minutes' : ''}`);
}
const { numPassedTests, numFailedTests, numPendingTests } = report;
console.log(`\n${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
