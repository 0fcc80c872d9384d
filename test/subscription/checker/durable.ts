/** INV13: acknowledged updates are in the log that came back, and no reader saw beyond its head. */
import type { Report } from './check.js';
import type { History, Note } from './history.js';

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
        if (note.type !== 'applied') continue;
        const seen = seenIn(epoch, note);
        if (seen > head) report('INV13', name, note.t, `${seen} was seen, and the log came back with the head ${head}`);
      }
    }
  }
}

/** How far a batch reaches in a log: what ran ahead of its `to` may be in another one, put back from a copy. */
function seenIn(
  log: string,
  { epoch, ahead = epoch, to, updates }: Extract<Note, { readonly type: 'applied' }>,
): number {
  const seqs = updates.map(({ seq }) => seq).filter((seq) => (seq > to ? ahead : epoch) === log);
  return Math.max(0, epoch === log ? to : 0, ...seqs);
}
