/**
 * A topic's log in the file of a store. An append is a turn of the store's one writer and commits with whatever else is in
 * its group; readers see it after that commit and not before. Readers that keep up are served from a tail in memory, the
 * others from the file.
 *
 * Whether the file still holds the log that readers have seen is looked at in the transaction of each append and each read: its
 * newest generation is the one that is known, or this store's own, and its head has not fallen.
 */
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import { checkAppend, checkRoom, forgettable } from '../../subscription/append-rules.js';
import { Generations } from '../../subscription/generation.js';
import { markGroups } from '../../subscription/groups.js';
import { epochOf, newEpoch } from '../../subscription/position.js';
import { StoreTime } from '../../subscription/store-time.js';
import type {
  Append,
  Appended,
  Awaitable,
  Durability,
  Limits,
  LogUpdate,
  Page,
  ScanPage,
  TopicSpec,
  TopicState,
  TopicStore,
} from '../../subscription/topic-store.js';
import { UpdateLog } from '../../subscription/update-log.js';
import type { Opening } from './opening.js';
import * as reads from './topic-reads.js';
import { type TopicRow, TopicTable } from './topic-table.js';
import type { SqliteTransaction } from './tx.js';

/** The store that a topic is in. */
export interface TopicHome {
  readonly durability: Durability;
  /** ms from an arbitrary start; never falls. */
  now(): number;
  /** ms since the Unix epoch. */
  wallTime(): number;
  /** Runs `fn` in a turn of the writer; resolves when it has committed. */
  write<T>(name: string, fn: (tx: SqliteTransaction) => T): Promise<T>;
  /** Runs `fn` on one state of what has committed. */
  read<T>(fn: (tx: SqliteTransaction) => T): T;
  /** The transaction of the handler that runs now, where that is of this store. */
  handlerTransaction(): SqliteTransaction | undefined;
  /** The topic is written to by the group that is open. */
  wrote(topic: SqliteTopicStore): void;
  closed(topic: SqliteTopicStore): void;
  /** Changes when another writer has changed the file, or another file is in its place. */
  version(): string;
}

/** What is kept in memory of the end of the log. */
const tail = { count: 2_048, bytes: 1 << 20, age: Number.POSITIVE_INFINITY };
/** Updates after which producers are looked through. */
const producersEvery = 10_000;

export class SqliteTopicStore implements TopicStore {
  readonly spec: TopicSpec;
  readonly #home: TopicHome;
  readonly #listeners = new Set<(head: number) => void>();
  readonly #rewound = new Set<() => void>();
  readonly #time: StoreTime;
  #id: number | undefined;
  #state: TopicState;
  #tail: UpdateLog;
  /** Written and not committed; those that a rollback took are found out by the next ones' numbers. */
  #pending: LogUpdate[] = [];
  /** From when on `trim` may find something to do, ms since the Unix epoch. */
  #due = 0;
  /** From when on it may find a key whose time is over. */
  #expiry = Number.POSITIVE_INFINITY;
  #trimming: Promise<void> | undefined;
  #producersAt = 0;
  readonly #opening: Opening;
  /** The file's version when the log was looked at last. */
  #version = '';
  #looking = false;
  #hasKeys = false;

  constructor(spec: TopicSpec, home: TopicHome, opening: Opening) {
    this.spec = spec;
    this.#home = home;
    this.#time = new StoreTime(home);
    this.#opening = opening;
    this.#state = { epoch: newEpoch(), first: 1, head: 0, tombstoneHorizon: 0, generations: Generations.none };
    this.#tail = new UpdateLog(tail);
  }

  get durability(): Durability {
    return this.#home.durability;
  }

  /** Throws an Error for a topic that was kept with keys and has none now, or the other way round. */
  open(): TopicState {
    const { name, keyed } = this.spec;
    this.#version = this.#home.version();
    const [row, generations, epoch] = this.#home.read((tx) => {
      const found = reads.readTopic(tx, name);
      if (found === undefined) return [undefined, Generations.none, epochOf(reads.readStoreId(tx), name)] as const;
      return [found, reads.readGenerations(tx, found.id), found.epoch] as const;
    });
    if (row === undefined) {
      // The first append makes the row: readers alone write nothing.
      this.#state = { ...this.#state, epoch };
    } else {
      if ((row.keyed === 1) !== keyed) {
        throw new Error(
          `the log of ${name} is kept ${keyed ? 'without' : 'with'} keys and is declared ${keyed ? 'with' : 'without'} now; give the topic another name, or declare it as it was`,
        );
      }
      this.#time.now(row.time);
      this.committed(row, () => generations);
      if (keyed) this.#expiry = 0;
    }
    return this.#state;
  }

  state(): TopicState {
    return this.#state;
  }

  /**
   * Inside a KEYED handler whose transaction this store holds, the updates are a part of that transaction: they are answered at
   * once, and readers see them when, and only if, it commits.
   */
  append(group: readonly Append[]): Awaitable<readonly Appended[]> {
    const tx = this.#home.handlerTransaction();
    if (tx !== undefined) return this.#append(tx, group);
    return this.#home.write(this.spec.name, (own) => this.#append(own, group));
  }

  get isEmpty(): boolean {
    const { first, head } = this.#state;
    return this.spec.keyed ? !this.#hasKeys : first > head;
  }

  get inTransaction(): boolean {
    return this.#home.handlerTransaction() !== undefined;
  }

  read(after: number, limits: Limits): Awaitable<Page | undefined> {
    if (after < this.#state.first - 1) return undefined;
    const page = this.#tail.read(after, limits);
    if (page !== undefined) return page;
    return this.#read((tx, { id, first, head }) =>
      after < first - 1 ? undefined : reads.readLog(tx, id, after, Math.min(head, this.#state.head), limits),
    );
  }

  scan(cursor: string | undefined, limits: Limits): Awaitable<ScanPage> {
    if (!this.spec.keyed || this.#id === undefined) {
      return { updates: [], more: false, cursor: '', head: this.#state.head };
    }
    return this.#read((tx, row) => reads.scanKeys(tx, row, cursor ?? '', limits));
  }

  changesSince(seq: number, limits: Limits): Awaitable<Page | undefined> {
    if (seq < this.#state.tombstoneHorizon) return undefined;
    if (seq >= this.#state.head) return { updates: [], more: false };
    if (seq >= this.#tail.first - 1) return newestOf(this.#tail, seq, limits);
    return this.#read((tx, { id, horizon }) => (seq < horizon ? undefined : reads.readChanges(tx, id, seq, limits)));
  }

  get(keys: readonly string[]): Awaitable<readonly LogUpdate[]> {
    if (this.#id === undefined) return [];
    return this.#read((tx, { id }) => reads.readKeys(tx, id, keys));
  }

  before(time: number): Awaitable<number> {
    if (this.#id === undefined) return 0;
    return this.#read((tx, { id, first, head }) => {
      let low = first;
      let high = Math.min(head, this.#state.head) + 1;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (reads.timeOf(tx, id, middle) < time) low = middle + 1;
        else high = middle;
      }
      return low - 1;
    });
  }

  trim(): Awaitable<void> {
    const version = this.#home.version();
    if (this.#time.now() < this.#due && version === this.#version) return;
    this.#trimming ??= this.#home
      .write(`${this.spec.name} (trim)`, (tx) => this.#trim(tx))
      .then(
        () => {
          this.#version = version;
        },
        (error: unknown) => {
          // What was found out in a transaction that is gone is not known.
          this.#forgetDue();
          throw error;
        },
      )
      .finally(() => {
        this.#trimming = undefined;
      });
    return this.#trimming;
  }

  now(): number {
    return this.#time.now();
  }

  expiresIn(): number {
    return this.#expiry === Number.POSITIVE_INFINITY ? this.#expiry : this.#expiry - this.#time.now();
  }

  onVisible(fn: (head: number) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  onRewound(fn: () => void): () => void {
    this.#rewound.add(fn);
    return () => this.#rewound.delete(fn);
  }

  close(): void {
    this.#listeners.clear();
    this.#rewound.clear();
    this.#home.closed(this);
  }

  /** A group that wrote to this topic has committed, and this is what the topic is now. */
  committed(row: TopicRow, generationsOf: (topic: number) => Generations): void {
    const { id, epoch, first, head, horizon } = row;
    const before = this.#state;
    const known = this.#id === id && row.generation === before.generations.newest && epoch === before.epoch;
    const generations = known ? before.generations : generationsOf(id);
    const state = { epoch, first, head, tombstoneHorizon: horizon, generations };
    const rewound = this.#id !== undefined && !goesOn(before, state);
    this.#id = id;
    this.#hasKeys = row.keys > row.tombstones;
    if (rewound) {
      this.#rewind(state);
      return;
    }
    const grown = head > before.head;
    const pending = this.#pending.filter(({ seq }) => seq > this.#tail.head && seq <= head);
    this.#pending = [];
    if (pending[0]?.seq === this.#tail.head + 1 && pending.at(-1)?.seq === head) {
      for (const update of pending) {
        this.#tail.push(update);
        this.#expect(update);
      }
      this.#tail.trim(0);
    } else if (head > this.#tail.head) {
      this.#tail = new UpdateLog(tail, head);
      this.#forgetDue();
    }
    this.#state = state;
    if (grown) for (const fn of this.#listeners) fn(head);
  }

  /** Nothing of what was read before holds any more. */
  #rewind(state: TopicState): void {
    // What this store appended in its generation may be gone, so it must not go on in it.
    if (this.#state.generations.newest === this.#opening.generation) this.#opening.renew();
    this.#pending = [];
    this.#tail = new UpdateLog(tail, state.head);
    this.#forgetDue();
    this.#state = state;
    for (const fn of this.#rewound) fn();
  }

  #append(tx: SqliteTransaction, group: readonly Append[]): readonly Appended[] {
    const table = this.#table(tx);
    const { row } = table;
    const time = this.#now(row);
    table.time = time;
    const known = checkAppend(group, table);
    if (known !== undefined) return known;
    checkRoom(group, this.spec, { head: row.head, keys: row.keys, has: (key) => table.hasKey(key) });
    const last = group.length - 1;
    this.#opening.enter(table, this.#state.head);
    const over = this.#expiry > time ? [] : table.over(group);
    const ended = over.map((key) => table.put({ key, value: undefined, ttl: 0 }, time, false));
    const written = group.map((append, index) => table.put(append, time, index < last));
    markGroups(written);
    for (const [id, upTo] of forgettable(group)) table.forgetNumbers(id, upTo);
    if (!table.drop(time)) this.#due = 0;
    this.#wrote(table, [...ended, ...written]);
    const { epoch, generation } = row;
    return written.map(({ seq }) => ({ position: { epoch, seq, generation }, duplicate: false }));
  }

  #trim(tx: SqliteTransaction): void {
    if (this.#id === undefined && reads.readTopic(tx, this.spec.name) === undefined) {
      this.#expiry = Number.POSITIVE_INFINITY;
      this.#due = Number.POSITIVE_INFINITY;
      return;
    }
    const table = this.#table(tx);
    const { row, head } = table;
    const now = this.#now(row);
    const expired = table.expired(now);
    if (expired.length > 0) this.#opening.enter(table, this.#state.head);
    const written = expired.map((key) => table.put({ key, value: undefined, ttl: 0 }, now, false));
    const done = table.drop(now);
    if (head - this.#producersAt >= producersEvery) {
      table.forgetProducers();
      this.#producersAt = head;
    }
    this.#expiry = reads.firstExpiry(tx, row.id);
    this.#due = done ? this.#next(tx, row) : 0;
    this.#wrote(table, written);
  }

  /** When the next key expires, or the oldest update is too old. */
  #next(tx: SqliteTransaction, { id, first, head }: TopicRow): number {
    const { age } = this.spec.history;
    if (age === Number.POSITIVE_INFINITY || first > head) return this.#expiry;
    return Math.min(this.#expiry, reads.timeOf(tx, id, first) + age + 1);
  }

  #expect({ time, expires }: LogUpdate): void {
    const { age } = this.spec.history;
    if (expires > 0) this.#expiry = Math.min(this.#expiry, expires);
    this.#due = Math.min(this.#due, this.#expiry, time + age + 1);
  }

  #forgetDue(): void {
    this.#due = 0;
    if (this.spec.keyed) this.#expiry = 0;
  }

  #wrote(table: TopicTable, written: readonly LogUpdate[]): void {
    table.save();
    const first = written[0]?.seq ?? Number.POSITIVE_INFINITY;
    while ((this.#pending.at(-1)?.seq ?? 0) >= first) this.#pending.pop();
    this.#pending.push(...written);
    this.#home.wrote(this);
  }

  #table(tx: SqliteTransaction): TopicTable {
    // A log whose row has gone begins anew, in the epoch that a server which starts now would give it; generations tell them apart.
    return new TopicTable(tx, this.spec, () => epochOf(reads.readStoreId(tx), this.spec.name));
  }

  /** Times in a log never fall, even when the clock is set back. */
  #now(row: TopicRow): number {
    return this.#time.now(row.time);
  }

  #isKnown({ epoch, head, generation }: TopicRow): boolean {
    const state = this.#state;
    if (epoch !== state.epoch || head < state.head) return false;
    return generation === this.#opening.generation || generation === (state.generations.newest ?? '');
  }

  /** The writer has a look at the log, and tells who reads it. */
  #changed(): RpcError {
    if (!this.#looking) {
      this.#looking = true;
      this.#home
        .write(`${this.spec.name} (look)`, (tx) => this.#wrote(this.#table(tx), []))
        .catch(() => {}) // the next read looks again
        .finally(() => {
          this.#looking = false;
        });
    }
    return ownError('LOG_CHANGED', `the log of ${this.spec.name} was changed from outside; it is looked at anew`, {
      disposition: 'not-executed',
    });
  }

  /** A failure of the database is a rejection, as that of a store that waits would be. */
  #read<T>(fn: (tx: SqliteTransaction, row: TopicRow) => T): Awaitable<T> {
    try {
      return this.#home.read((tx) => {
        const row = reads.readTopic(tx, this.spec.name);
        if (row === undefined || !this.#isKnown(row)) throw this.#changed();
        return fn(tx, row);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** Whether all that readers have seen of a log is in what it is now. */
function goesOn(before: TopicState, now: TopicState): boolean {
  const { epoch, head, generations } = before;
  return now.epoch === epoch && now.head >= head && now.generations.ownerOf(head) === generations.ownerOf(head);
}

/** The newest update of each key after `seq`, of a log that has them all. */
function newestOf(log: UpdateLog, seq: number, limits: Limits): Page {
  const seen = new Set<string>();
  const newest: LogUpdate[] = [];
  for (let at = log.head; at > seq; at--) {
    const update = log.at(at) as LogUpdate;
    if (seen.has(update.key)) continue;
    seen.add(update.key);
    newest.push(update);
  }
  newest.reverse();
  let end = 0;
  for (let bytes = 0; end < newest.length; end++) {
    bytes += newest[end]?.value?.byteLength ?? 0;
    if (end > 0 && (end >= limits.count || bytes > limits.bytes)) break;
  }
  return { updates: newest.slice(0, end), more: end < newest.length };
}
