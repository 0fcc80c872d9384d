/** INV18: whatever is shown, committed or exported is a state between groups, never inside one. */
import type { Report } from './check.js';
import type { SubscriberHistory } from './history.js';
import type { LogIndex } from './log.js';

export function checkGroups(
  { name, notes }: SubscriberHistory,
  logs: ReadonlyMap<string, LogIndex>,
  report: Report,
): void {
  /** A position that the application has asked for may be anywhere. */
  const asked = new Set<number>();
  for (const note of notes) {
    if (note.type === 'began') asked.add(note.from);
    if (note.type !== 'consistent' && note.type !== 'published' && note.type !== 'cut' && note.type !== 'cursor')
      continue;
    const { epoch, seq, t, type } = note;
    if (asked.has(seq) || logs.get(epoch)?.at(seq)?.more !== true) continue;
    report('INV18', name, t, `${type} at ${seq}, and the group of that update goes on`);
  }
}
