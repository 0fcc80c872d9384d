/** INV19: what a client was refused is in no log. */
import type { Report } from './check.js';
import type { History } from './history.js';

export function checkForeign({ refused, logs, isMessage }: History, report: Report): void {
  for (const { value, reason } of refused) {
    if (reason === '') report('INV19', 'publisher', 0, `${JSON.stringify(value)} was refused, and nobody says why`);
  }
  for (const entries of logs.values()) {
    for (const { seq, key, value } of entries) {
      if (value === null || isMessage === undefined || isMessage(key, value)) continue;
      report('INV19', 'publisher', 0, `the update ${seq} of ${JSON.stringify(key)} is ${JSON.stringify(value)}`);
    }
  }
}
