/**
 * INV20: nothing is sent of a key that its reader may not see then; what is said to be consistent is the fold of what it could see at one
 * time, and at rest of what it can see now.
 */
import type { Report } from './check.js';
import type { History, Permitted, ReplicaEntry, SubscriberHistory } from './history.js';
import { type LogIndex, mergeMark } from './log.js';

export function checkPermissions(
  subscriber: SubscriberHistory,
  logs: ReadonlyMap<string, LogIndex>,
  history: History,
  report: Report,
): void {
  const { name, notes, asked = [] } = subscriber;
  const permitted = history.permitted.get(subscriber.principal ?? '');
  if (permitted === undefined || notes.some((note) => note.type === 'began' && !note.keyed)) return;
  // One that began at the head, or after a gap, does not hold all that it may see, and does not say so.
  const last = notes.findLast((note) => note.type === 'consistent');
  // What was said on a link that carries nothing is not known to be lost before the silence is noticed.
  const silent = notes.findLastIndex(({ type }) => type === 'silent');
  const noticed = notes.findLastIndex((note) => note.type === 'state' && note.state === 'Stale');
  for (const note of notes) {
    if (note.type !== 'consistent' && note.type !== 'rest') continue;
    if (note.type === 'rest' && silent > noticed) continue;
    const log = logs.get(note.epoch);
    const whole = last?.type === 'consistent' && last.epoch === note.epoch && last.seq === note.seq;
    if (log === undefined || (note.type === 'rest' && !(whole && note.state === 'Live' && subscriber.holdsState)))
      continue;
    const views: readonly (readonly [Permitted, Permitted])[] =
      note.type === 'rest'
        ? [[asked.at(-1) ?? 'all', permitted.at(-1) ?? 'all']]
        : asked.flatMap((keys) => permitted.map((may) => [keys, may] as const));
    const explained = views.some(([keys, may]) => {
      const shows = (key: string): boolean => includes(keys, key) && includes(may, key);
      return isFold(log, note.seq, note.replica, shows);
    });
    if (explained) continue;
    const keys = note.replica.map(([key, seq]) => `${key}@${seq}`).join();
    report('INV20', name, note.t, `${note.type} at ${note.seq} with ${keys || 'nothing'}, which nobody could see so`);
  }
}

export function checkLeaks({ leaks }: History, report: Report): void {
  for (const { t, principal, key, seq } of leaks) {
    report('INV20', principal, t, `it was sent the update ${seq} of ${key}, which it could not see`);
  }
}

function includes(keys: Permitted, key: string): boolean {
  return keys === 'all' || key === '' || keys.includes(key);
}

function isFold(
  log: LogIndex,
  seq: number,
  replica: readonly ReplicaEntry[],
  shows: (key: string) => boolean,
): boolean {
  const fold = log.fold(0, seq, shows);
  return (
    fold.size === replica.length &&
    replica.every((entry) => {
      const due = fold.get(entry[0]);
      return (
        due?.seq === entry[1] && (due.value === entry[2] || (entry[2].includes(mergeMark) && log.explainsSome(entry)))
      );
    })
  );
}
