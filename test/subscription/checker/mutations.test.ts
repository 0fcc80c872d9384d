/** The checker checked: histories that keep every promise, with one thing changed, break the promise that it is about. */
import { expect, it, test } from 'vitest';
import { runHistory, type SimMode } from '../sim/run-history.js';
import { check, type Invariant, invariants } from './check.js';
import { emptyHistory, type History, type LogEntry, type Note } from './history.js';

type NoteOf<T extends Note['type']> = Extract<Note, { readonly type: T }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Finds a note to change; the history is of no use to this mutation when there is none. */
function find<T extends Note['type']>(
  history: History,
  type: T,
  fits: (note: NoteOf<T>, notes: readonly Note[], at: number) => boolean,
): { readonly note: Mutable<NoteOf<T>>; readonly notes: Note[]; readonly at: number } | undefined {
  for (const { notes } of history.subscribers) {
    const at = notes.findIndex((note, index) => note.type === type && fits(note as NoteOf<T>, notes, index));
    if (at >= 0) return { note: notes[at] as Mutable<NoteOf<T>>, notes, at };
  }
  return undefined;
}

const live = (note: NoteOf<'applied'>): boolean => !note.staged && note.updates.length > 0;

/** What is changed; false when this history has nothing to change. */
const mutations: Readonly<Record<Invariant, readonly [SimMode, (history: History) => boolean]>> = {
  INV20: ['LATEST', ({ leaks }) => leaks.push({ t: 0, principal: 'anonymous', key: 'k1', seq: 1 }) === 1],
  INV1: ['EVERY', (history) => change(find(history, 'applied', live), (note) => (note.to = note.from - 1))],
  INV2: ['EVERY', (history) => change(find(history, 'applied', live), (note) => (note.from += 1))],
  INV3: [
    'EVERY',
    (history) => change(find(history, 'applied', live), (note) => (note.updates = note.updates.slice(1))),
  ],
  INV4: [
    'LATEST',
    (history) =>
      change(
        find(history, 'rest', ({ state, replica }) => state === 'Live' && replica.length > 0),
        (note) => (note.replica = note.replica.slice(1)),
      ),
  ],
  INV5: [
    'LATEST',
    (history) =>
      change(
        find(history, 'applied', live),
        (note) => (note.updates = note.updates.map((one) => ({ ...one, value: 'never said' }))),
      ),
  ],
  INV6: [
    'LATEST',
    (history) => {
      const found = find(history, 'taken', ({ snapshot }) => !snapshot);
      found?.notes.splice(found.at, 0, { ...found.note });
      return found !== undefined;
    },
  ],
  INV7: [
    'LATEST',
    (history) =>
      change(
        find(history, 'consistent', ({ replica }) => replica.length > 0),
        (note) => (note.replica = note.replica.slice(1)),
      ),
  ],
  INV8: [
    'EVERY',
    (history) => {
      const found = find(history, 'applied', live);
      found?.notes.splice(found.at, 0, { type: 'bookmark', t: found.note.t, seq: found.note.to });
      return found !== undefined;
    },
  ],
  INV9: [
    'EVERY',
    (history) =>
      change(
        find(history, 'cut', ({ cut }) => cut !== undefined && cut.to > cut.from),
        (note) => {
          if (note.cut !== undefined) note.cut = { ...note.cut, skipped: note.cut.skipped + 1 };
        },
      ),
  ],
  INV10: ['EVERY', (history) => change(find(history, 'applied', live), (note) => (note.epoch = 'another'))],
  INV11: [
    'EVERY',
    (history) =>
      change(
        find(history, 'asked', () => true),
        (note, notes) => {
          note.updates = -1000;
          for (const [at, other] of notes.entries())
            if (other.type === 'credit') notes[at] = { ...other, updates: -1000 };
        },
      ),
  ],
  INV12: [
    'LATEST',
    (history) => {
      const subscriber = history.subscribers.find(({ steady }) => steady !== undefined);
      const entries = [...history.logs.values()][0];
      if (subscriber === undefined || entries === undefined) return false;
      for (const [at, entry] of entries.entries()) entries[at] = { ...entry, t: entry.t - 10_000 };
      return subscriber.notes.some((note) => note.type === 'applied' && live(note));
    },
  ],
  INV13: [
    'EVERY',
    (history) => {
      const [acked] = history.acked;
      if (acked !== undefined) history.acked.push({ ...acked, seq: 1_000_000 });
      return acked !== undefined;
    },
  ],
  INV14: [
    'LATEST',
    (history) =>
      change(
        find(history, 'rest', ({ state }) => state === 'Live'),
        (note) => (note.state = 'Requested'),
      ),
  ],
  INV15: [
    'LATEST',
    (history) => history.departures.push({ window: 1000, after: Array.from({ length: 200 }, (_, n) => n) }) > 0,
  ],
  INV16: [
    'LATEST',
    (history) => {
      const entries = [...history.logs.values()][0] ?? [];
      const at = entries.findIndex(({ until }) => until !== undefined);
      const entry = entries[at];
      if (entry !== undefined) entries[at] = { ...entry, until: entry.t - 10_000 };
      return entry !== undefined;
    },
  ],
  INV17: [
    'EVERY',
    (history) =>
      change(
        find(history, 'lag', ({ head, seq }) => head > seq),
        (note) => (note.head = note.seq),
      ),
  ],
  INV18: [
    'EVERY',
    (history) => {
      const entries = [...history.logs.values()][0];
      const group = entries?.find(({ more }) => more === true);
      return change(
        find(history, 'cursor', ({ seq }) => group !== undefined && seq > group.seq),
        (note) => (note.seq = group?.seq ?? 0),
      );
    },
  ],
  INV19: [
    'EVERY',
    (history) => {
      const entries = [...history.logs.values()][0];
      entries?.push({ seq: entries.length + 1, key: 'k0', value: '\xff', t: 0 });
      return entries !== undefined;
    },
  ],
};

function change<N extends Note>(
  found: { readonly note: N; readonly notes: Note[] } | undefined,
  fn: (note: N, notes: Note[]) => unknown,
): boolean {
  if (found !== undefined) fn(found.note, found.notes);
  return found !== undefined;
}

it.each(Object.keys(mutations) as Invariant[])('a history that breaks %s is caught', async (invariant) => {
  const [mode, mutate] = mutations[invariant];
  for (let n = 0; n < 50; n++) {
    const history = await runHistory({ mode, seed: `mutation/${n}` });
    expect(check(history)).toEqual([]);
    if (!mutate(history)) continue;
    const broken = new Set(check(history).map((one) => one.invariant));
    // Not every change matters in every history: an update that nobody waited for is late for nobody.
    if (!broken.has(invariant)) continue;
    return;
  }
  expect.fail(`${invariant} (${invariants[invariant]}) was broken in fifty histories, and nobody saw`);
});

it('finds that a reader saw more of a log than came back after a crash', () => {
  const history = emptyHistory();
  history.logs.set('e', [{ seq: 1, key: 'k', value: 'k:1', t: 0 }]);
  const applied: Note = { t: 5, type: 'applied', epoch: 'e', from: 0, to: 2, updates: [], staged: false };
  history.subscribers.push({
    name: 's',
    keys: [],
    recovery: 'GAP',
    accept: ['GAP'],
    takes: true,
    steady: undefined,
    notes: [applied],
  });
  history.recovered.push({ t: 10, epoch: 'e', head: 1 });
  expect(check(history).map(({ invariant }) => invariant)).toContain('INV13');
});

test.each<readonly [what: string, spoil: (history: History) => void]>([
  ['was in a snapshot after it', (history) => history.dead.push({ t: 1, key: 'k0', expires: 1, now: 2 })],
  [
    'ended before it',
    (history) => {
      entriesOf(history).push(
        { seq: 1, key: 'k0', value: 'k0:1', t: 0, ends: 4000 },
        { seq: 2, key: 'k0', value: null, t: 999 },
      );
    },
  ],
  [
    'did not end within a life of the server that began after it',
    (history) => {
      entriesOf(history).push(
        { seq: 1, key: 'k0', value: 'k0:1', t: 0, ends: 4000 },
        { seq: 2, key: 'k0', value: 'k0:2', t: 320 },
      );
      history.lives.push({ t: 10, over: 300, time: 4000, wall: 4000, newest: 0 });
    },
  ],
  ['began with a time of its own', (history) => history.lives.push({ t: 9, over: 9, time: 5, wall: 3, newest: 4 })],
])('a key that %s violates INV16', (_, spoil) => {
  const history = emptyHistory();
  history.lives.push({ t: 0, over: 5, time: 1000, wall: 1000, newest: 0 });
  expect(check(history)).toEqual([]);
  spoil(history);
  expect(check(history).map(({ invariant }) => invariant)).toContain('INV16');
});

function entriesOf({ logs }: History): LogEntry[] {
  const entries: LogEntry[] = [];
  logs.set('e', entries);
  return entries;
}
