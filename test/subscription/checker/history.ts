/**
 * What happened in a run, as plain data: the log of each epoch, and what each subscriber did, in order. The simulator writes
 * it, and so do runs over real sockets; the checker reads nothing else.
 */
import type { Position } from '../../../src/subscription/position.js';
import type { Trace, TraceNote } from '../../../src/subscription/subscriber/trace.js';

/** One update of the log, when readers could see it. */
export interface LogEntry {
  readonly seq: number;
  readonly key: string;
  /** Null: a tombstone. */
  readonly value: string | null;
  /** ms */
  readonly t: number;
  /** ms of elapsed time; when the key's time is over. */
  readonly until?: number;
  /** The same in the log's own time, which a restart may set ahead and never sets back. */
  readonly ends?: number;
  /** The next one is of the same atomic group. */
  readonly more?: boolean;
}

export interface AppliedUpdate {
  readonly seq: number;
  readonly key: string;
  readonly value: string | null;
  readonly merged: number;
}

/** Key, seq, value. */
export type ReplicaEntry = readonly [key: string, seq: number, value: string];

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly represented: number;
  readonly gapped: number;
  readonly skipped: number;
}

type Place = { readonly epoch: string; readonly seq: number };

export type Note = { readonly t: number } & (
  | { readonly type: 'asked'; readonly updates: number; readonly bytes: number }
  | { readonly type: 'credit'; readonly updates: number; readonly bytes: number }
  | {
      readonly type: 'began';
      readonly epoch: string;
      readonly from: number;
      readonly outcome: string;
      readonly snapshot: boolean;
      readonly mode: string;
      readonly keyed: boolean;
    }
  | { readonly type: 'staged'; readonly epoch: string; readonly at: number }
  | { readonly type: 'entries'; readonly count: number }
  | {
      readonly type: 'applied';
      readonly epoch: string;
      /** The log of what is after `to`, where that is another. */
      readonly ahead?: string;
      readonly from: number;
      readonly to: number;
      readonly updates: readonly AppliedUpdate[];
      readonly staged: boolean;
    }
  | ({ readonly type: 'published'; readonly replica: readonly ReplicaEntry[] } & Place)
  | ({ readonly type: 'consistent'; readonly replica: readonly ReplicaEntry[] } & Place)
  | { readonly type: 'bookmark'; readonly seq: number }
  /** `epoch`: of the log that `to` is in; empty where that is not known. */
  | { readonly type: 'gap'; readonly from: number; readonly to: number; readonly epoch?: string }
  | { readonly type: 'reset'; readonly reason: string }
  | ({ readonly type: 'cut'; readonly cut: Cut | undefined } & Place)
  | ({
      readonly type: 'taken';
      readonly key: string;
      readonly value: string | null;
      readonly snapshot: boolean;
    } & Place)
  | { readonly type: 'state'; readonly state: string }
  | { readonly type: 'broken'; readonly problem: string }
  | { readonly type: 'failed'; readonly reason: string }
  /** The link stopped carrying anything, and told nobody. */
  | { readonly type: 'silent'; readonly within: number }
  /** How far the application is, by which it would commit or export. */
  | ({ readonly type: 'cursor' } & Place)
  /** The connection has been up and quick for a while, and it takes the head to be so far. */
  | ({ readonly type: 'lag'; readonly head: number } & Place)
  /** Everything is over: connected, published, read. */
  | ({ readonly type: 'rest'; readonly state: string; readonly replica: readonly ReplicaEntry[] } & Place)
);

/** Keys that somebody asks for, or may see. */
export type Permitted = readonly string[] | 'all';

export interface SubscriberHistory {
  readonly name: string;
  /** Whose permissions it has, where they change. */
  readonly principal?: string;
  /** What it asked for, one after the other, where that changes. */
  readonly asked?: Permitted[];
  /** What it holds is a state of what it may see. */
  readonly holdsState?: boolean;
  /** All when empty. */
  readonly keys: readonly string[];
  readonly recovery: string;
  readonly accept: readonly string[];
  /** The application takes changes one by one. */
  readonly takes: boolean;
  /** Nothing was done to it: connected all the time, reading at once. ms that an update may take to it. */
  readonly steady: number | undefined;
  readonly notes: Note[];
}

export interface Life {
  /** ms; when it began, and when it was killed. */
  readonly t: number;
  over: number;
  /** The log's time when it began, ms since the Unix epoch; with what that follows from: the store's clock, and the newest update. */
  readonly time: number;
  readonly wall: number;
  readonly newest: number;
}

export interface History {
  /**
   * Ordered, without holes, from seq 1. By epoch; of a log that was put back from a copy by the epoch, `#` and a number, beginning
   * with the very entries of the copy. What notes call `epoch` is such a name.
   */
  readonly logs: Map<string, LogEntry[]>;
  /** The log that each generation began in, where logs were put back. */
  readonly generations: Map<string, string>;
  /** By epoch: the log that there is in the end, where logs were put back. */
  readonly newest: Map<string, string>;
  /** Answered to a publisher as durable. */
  readonly acked: { readonly epoch: string; readonly seq: number; readonly value: string | null }[];
  /** The server was killed, and found its log up to `head` when it came back. */
  readonly recovered: { readonly t: number; readonly epoch: string; readonly head: number }[];
  /** The lives of the server, where its clock and that of its store are set at each start. */
  readonly lives: Life[];
  /** Keys that publishers deleted, and when. ms */
  readonly deletions: { readonly t: number; readonly key: string }[];
  /** Keys that went out in a snapshot though they were over. */
  readonly dead: { readonly t: number; readonly key: string; readonly expires: number; readonly now: number }[];
  readonly subscribers: SubscriberHistory[];
  /** How a server that goes away was obeyed: the window, and when each came back within it. ms */
  readonly departures: { readonly window: number; readonly after: readonly number[] }[];
  /** Updates that one atomic group holds at most. */
  readonly largestGroup: number;
  /** The event loop stood still. ms */
  readonly pauses: { readonly t: number; readonly ms: number }[];
  /** Nobody could connect. ms */
  readonly quiet: { readonly t: number; readonly ms: number }[];
  /** What clients published and was not taken. */
  readonly refused: { readonly key: string; readonly value: string; readonly reason: string }[];
  /** By principal, one after the other, where permissions change. */
  readonly permitted: Map<string, Permitted[]>;
  /** What was sent to one that could not see it. */
  readonly leaks: { readonly t: number; readonly principal: string; readonly key: string; readonly seq: number }[];
  /** Whether a value is a message of the topic, where publishers send others, too. */
  isMessage?: (key: string, value: string) => boolean;
}

export function emptyHistory(largestGroup = 1): History {
  return {
    logs: new Map(),
    generations: new Map(),
    newest: new Map(),
    acked: [],
    recovered: [],
    lives: [],
    deletions: [],
    dead: [],
    subscribers: [],
    departures: [],
    largestGroup,
    pauses: [],
    quiet: [],
    refused: [],
    permitted: new Map(),
    leaks: [],
  };
}

const text = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

type Entries = Iterable<readonly [string, { readonly seq: number; readonly value: Uint8Array | undefined }]>;

export function replicaEntries(entries: Entries): ReplicaEntry[] {
  const list: ReplicaEntry[] = [];
  for (const [key, { seq, value }] of entries) {
    const plain = text(value);
    if (plain !== null) list.push([key, seq, plain]);
  }
  return list;
}

/** The log that a position is in. */
export function logOf({ generations }: History, epoch: string, generation: string | undefined): string {
  return (generation === undefined ? undefined : generations.get(generation)) ?? epoch;
}

/** The epoch of a log. */
export const epochOf = (log: string): string => log.split('#', 1)[0] as string;

type LogOf = (epoch: string, generation: string | undefined) => string;

/** Writes down what a subscriber does. `log`: the log of a position, where logs are put back. */
export function recorder(notes: Note[], now: () => number, log: LogOf = (epoch) => epoch): Trace {
  return (note) => {
    const plain = plainNote(note, now(), log);
    if (plain !== undefined) notes.push(plain);
  };
}

function plainNote(note: TraceNote, t: number, log: LogOf): Note | undefined {
  switch (note.type) {
    case 'asked':
      return { t, type: 'asked', ...note.credit };
    case 'credit':
      return { t, type: 'credit', ...note.limits };
    case 'applied': {
      const { from, to, staged } = note;
      const epoch = log(note.epoch, note.generation);
      const updates = note.updates.map(({ seq, key, value, tombstone, mergedCount }) => ({
        seq,
        key,
        value: tombstone ? null : text(value),
        merged: Math.max(1, mergedCount),
      }));
      const ahead = note.ahead === undefined ? {} : { ahead: log(note.epoch, note.ahead) };
      return { t, type: 'applied', epoch, from, to, staged, updates, ...ahead };
    }
    case 'entries':
      return { t, type: 'entries', count: note.count };
    case 'published':
    case 'consistent':
      return { t, type: note.type, ...placeOf(note.position, log), replica: replicaEntries(note.replica.entries()) };
    case 'cut':
      return { t, type: 'cut', ...placeOf(note.position, log), cut: note.cut };
    case 'taken':
      return { t, ...note, value: text(note.value) };
    case 'began':
    case 'staged':
      return { t, ...note, epoch: log(note.epoch, note.generation) };
    case 'gap':
      return { t, type: 'gap', from: note.from, to: note.to, epoch: log('', note.generation) };
    case 'failed':
      return { t, type: 'failed', reason: note.error.reason };
    default:
      return { t, ...note };
  }
}

function placeOf({ epoch, seq, generation }: Position, log: LogOf): Place {
  return { epoch: log(epoch, generation), seq };
}
