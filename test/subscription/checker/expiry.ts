/**
 * INV16: where the server was up all the time, a key is renewed or deleted in the log by when its time is
 * over. That replicas are what the log says is for INV4 and INV7.
 */
import type { Report } from './check.js';
import type { History, LogEntry } from './history.js';

/** ms that the end of a key may take: it waits for others, for its commit, and for its way to the reader. */
const slack = 250;

/** ms in which nothing ran, or nobody was there to see the key, with the second until the next look. */
function unattended({ pauses, quiet }: History, from: number, to: number): number {
  let sum = 0;
  for (const { t, ms } of [...pauses, ...quiet]) if (t + ms + 1000 > from && t < to) sum += ms + 1000;
  return sum;
}

export function checkExpiry(history: History, report: Report): void {
  if (history.recovered.length > 0 || history.logs.size !== 1) return;
  const end = Math.max(0, ...history.subscribers.map(({ notes }) => notes.at(-1)?.t ?? 0));
  for (const [epoch, log] of history.logs) {
    const newest = new Map<string, LogEntry>();
    const late = ({ key, seq, until }: LogEntry, t: number): void => {
      if (until === undefined || t <= until + slack + unattended(history, until, t)) return;
      report(
        'INV16',
        'log',
        t,
        `the update ${seq} of ${key} in ${epoch} was over at ${until} ms, and was there until ${t} ms`,
      );
    };
    for (const entry of log) {
      const before = newest.get(entry.key);
      if (before !== undefined) late(before, entry.t);
      newest.set(entry.key, entry);
    }
    for (const entry of newest.values()) late(entry, end);
  }
}
