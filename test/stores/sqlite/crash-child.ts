/**
 * Runs the workload and kills itself, as `kill -9` does, before the n-th statement: `crash-child.ts <file> <n>`. Keys are
 * written to standard output when they are answered. With `hold` for n it answers one key and waits to be killed.
 */
import { writeSync } from 'node:fs';
import { silentLogger } from '../../../src/call/logger.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { createEffects, sell, watchedDriver } from './selling.js';
import { runWorkload } from './workload.js';

const [, , path = '', when = ''] = process.argv;
const acknowledge = (key: string): void => {
  writeSync(1, `${key}\n`);
};

if (when === 'hold') {
  const store = sqliteStore(path, { logger: silentLogger });
  await createEffects(store);
  await sell(store, 'held');
  acknowledge('held');
  setInterval(() => {}, 1_000);
} else {
  let step = 0;
  const driver = watchedDriver(() => {
    step += 1;
    if (step === Number(when)) process.kill(process.pid, 'SIGKILL');
  });
  await runWorkload(sqliteStore(path, { logger: silentLogger, driver }), acknowledge);
}
