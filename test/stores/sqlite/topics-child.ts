/**
 * Publishes until it kills itself, as `kill -9` does, before the n-th statement: `topics-child.ts <file> <n>`. What is
 * acknowledged is written to standard output, and so is what a reader saw.
 */
import { writeSync } from 'node:fs';
import { silentLogger } from '../../../src/call/logger.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { watchedDriver } from './selling.js';
import { openTopic, runAppends } from './topic-workload.js';

const [, , path = '', when = ''] = process.argv;
let step = 0;
const driver = watchedDriver(() => {
  step += 1;
  if (step === Number(when)) process.kill(process.pid, 'SIGKILL');
});
const store = sqliteStore(path, { logger: silentLogger, driver });
await runAppends(store, openTopic(store), (line) => writeSync(1, `${line}\n`));
