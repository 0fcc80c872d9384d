/**
 * INV16: a key that has an end is renewed or deleted in the log by when its time is over, not before, and in no snapshot after.
 * Over restarts its time is that of the log, which goes on from the newest update or from the clock of the store, whichever is
 * later. That replicas are what the log says is for INV4 and INV7.
 */
import type { Report } from './check.js';
import type { History, Life, LogEntry } from './history.js';

/** ms that the end of a key may take: it waits for others, for its commit, and for its way to the reader. */
const slack = 250;
/** ms after which a clock that was set ahead is followed. */
const trusted = 10_000;
/** ms that a clock may be ahead and is followed at once. Those of one life are set hours apart, so it happens once in it. */
const followed = 2_000;

/** ms in which nothing ran, or nobody was there to see the key, with the second until the next look. */
function unattended({ pauses, quiet }: History, from: number, to: number): number {
  let sum = 0;
  for (const { t, ms } of [...pauses, ...quiet]) if (t + ms + 1000 > from && t < to) sum += ms + 1000;
  return sum;
}

export function checkExpiry(history: History, report: Report): void {
  for (const { t, key, expires, now } of history.dead)
    report('INV16', 'log', t, `${key} was in a snapshot, and was over at ${expires}, ${now - expires} ms before`);
  for (const { t, time, wall, newest } of history.lives)
    if (time !== Math.max(wall, newest))
      report(
        'INV16',
        'log',
        t,
        `the log began at ${time}, with the clock at ${wall} and its newest update at ${newest}`,
      );
  if (history.logs.size !== 1) return;
  const byLives = history.lives.length > 0;
  if (history.recovered.length > 0 && !byLives) return;
  const end = Math.max(0, ...history.subscribers.map(({ notes }) => notes.at(-1)?.t ?? 0));
  for (const [epoch, log] of history.logs) {
    const newest = new Map<string, LogEntry>();
    const late = (entry: LogEntry, t: number): void => {
      const over = byLives ? overInALife(history, entry, t) : overAt(history, entry, t);
      if (over === undefined) return;
      const { seq, key } = entry;
      const what = `the update ${seq} of ${key} in ${epoch}`;
      report('INV16', 'log', t, `${what} was over at ${over} ms, and was there until ${t} ms`);
    };
    for (const entry of log) {
      const before = newest.get(entry.key);
      if (before !== undefined) late(before, entry.t);
      if (before !== undefined && byLives && isEarly(history, before, entry)) {
        report('INV16', 'log', entry.t, `the update ${before.seq} of ${entry.key} ended before its time`);
      }
      newest.set(entry.key, entry);
    }
    for (const entry of newest.values()) late(entry, end);
  }
}

/** When it was over, if that is too long before `t`. */
function overAt(history: History, { until }: LogEntry, t: number): number | undefined {
  return until === undefined || t <= until + slack + unattended(history, until, t) ? undefined : until;
}

/** The same, in each life that the server had until `t`: one that ends soon after need not have come to it. */
function overInALife(history: History, { t: since, ends }: LogEntry, t: number): number | undefined {
  if (ends === undefined) return undefined;
  for (const life of history.lives) {
    const over = Math.max(since, life.t, life.t + ends - life.time);
    const seen = Math.min(t, life.over);
    if (seen > over + slack + unattended(history, over, seen)) return over;
  }
  return undefined;
}

/** Whether `entry` is the end of a key that nobody deleted, before its time; not where a clock may have been followed ahead. */
function isEarly(history: History, { ends }: LogEntry, { t, key, value }: LogEntry): boolean {
  if (ends === undefined || value !== null) return false;
  const deleted = (sent: number): boolean => sent <= t && t <= sent + slack + unattended(history, sent, t);
  if (history.deletions.some((one) => one.key === key && deleted(one.t))) return false;
  const life = history.lives.findLast((one: Life) => one.t <= t);
  return life !== undefined && t < life.t + trusted && life.time + (t - life.t) + followed < ends;
}
