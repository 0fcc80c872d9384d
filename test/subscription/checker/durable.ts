/** INV13: acknowledged updates are in the log that came back, and no reader saw beyond its head. */
import type { Report } from './check.js';
import type { History } from './history.js';

export function checkDurable(history: History, report: Report): void {
  for (const { epoch, seq, value } of history.acked) {
    const entry = history.logs.get(epoch)?.[seq - 1];
    if (entry === undefined || entry.value !== value) {
      report(
        'INV13',
        'publisher',
        0,
        `the update ${seq} of epoch ${epoch} was acknowledged, and the log has ${JSON.stringify(entry)}`,
      );
    }
  }
  for (const { t, epoch, head } of history.recovered) {
    for (const { name, notes } of history.subscribers) {
      for (const note of notes) {
        if (note.t >= t) break;
        if (note.type !== 'applied' || note.epoch !== epoch) continue;
        const seen = Math.max(note.to, ...note.updates.map(({ seq }) => seq));
        if (seen > head) report('INV13', name, note.t, `${seen} was seen, and the log came back with the head ${head}`);
      }
    }
  }
}
