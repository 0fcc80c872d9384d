/** INV17: a subscription that has not got what is there knows that it is there. */
import type { Report } from './check.js';
import type { History, SubscriberHistory } from './history.js';
import type { LogIndex } from './log.js';

/** ms that what is known may be old, and that a frame and the two looks on its way take. */
const old = 1000 + 100;

export function checkLag(
  { name, keys, notes }: SubscriberHistory,
  logs: ReadonlyMap<string, LogIndex>,
  { newest }: History,
  report: Report,
): void {
  // What was known of a log that was put back later was right.
  if (newest.size > 0) return;
  const wanted = new Set(keys);
  for (const note of notes) {
    if (note.type !== 'lag') continue;
    const { epoch, seq, head, t } = note;
    const log = logs.get(epoch);
    const known = log?.headAt(t - old) ?? 0;
    if (head >= known) continue;
    // Of what it does not want it hears with the next sign of life.
    const due = log?.between(seq, known, (key) => wanted.size === 0 || wanted.has(key)) ?? [];
    if (due.length > 0)
      report('INV17', name, t, `at ${seq} it takes the head to be ${head}; it was ${known} ${old} ms ago`);
  }
}
