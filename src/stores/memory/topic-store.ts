/**
 * A topic's log in this process and nowhere else: each start makes a new log with a new epoch, so what a crash took back is
 * never seen again under the same name. Every answer comes at once. A store that is opened again goes on in a new generation.
 */
import { type Clock, systemClock } from '../../call/clock.js';
import { checkAppend, checkRoom, forgettable, type LogView } from '../../subscription/append-rules.js';
import { type Generation, Generations, newGeneration } from '../../subscription/generation.js';
import { type Epoch, epochOf, newEpoch } from '../../subscription/position.js';
import { StoreTime } from '../../subscription/store-time.js';
import type {
  Append,
  Appended,
  Durability,
  Limits,
  LogUpdate,
  Page,
  ScanPage,
  TopicSpec,
  TopicState,
  TopicStore,
  TopicStores,
} from '../../subscription/topic-store.js';
import { UpdateLog } from '../../subscription/update-log.js';
import { ExpiryHeap } from './expiry-heap.js';
import { KeyTable } from './key-table.js';
import { Producers } from './producers.js';

/** Ends of keys that one turn looks at, of which some were renewed before. */
const mostExpired = 1_000;

/** Logs in memory. `epoch` is for tests that want the same one each time. */
export function memoryTopics(clock: Clock = systemClock, epoch?: () => Epoch): TopicStores {
  return new MemoryTopics(clock, epoch);
}

/** What is kept of a log that was closed while nothing was in it, so that readers and producers that come back find it. */
export interface Emptied {
  readonly epoch: Epoch;
  readonly head: number;
  readonly generations: Generations;
  readonly producers: Producers;
  readonly time: StoreTime;
}

/** Closed logs of which that is kept. */
const mostEmptied = 10_000;

class MemoryTopics implements TopicStores {
  readonly durability: Durability = 'NONE';
  readonly #clock: Clock;
  readonly #epoch: (() => Epoch) | undefined;
  readonly #open = new Map<string, number>();
  readonly #emptied = new Map<string, Emptied>();
  /** The epochs of logs that hold nothing follow from it; another one when a log is lost, so that its epoch is not used again. */
  #place = newEpoch();

  constructor(clock: Clock, epoch: (() => Epoch) | undefined) {
    this.#clock = clock;
    this.#epoch = epoch;
  }

  topic(spec: TopicSpec): TopicStore {
    const { name } = spec;
    const others = this.#open.get(name) ?? 0;
    this.#open.set(name, others + 1);
    const emptied = others === 0 ? this.#emptied.get(name) : undefined;
    if (emptied !== undefined) this.#emptied.delete(name);
    const epoch = emptied?.epoch ?? this.#epoch?.() ?? (others === 0 ? epochOf(this.#place, name) : newEpoch());
    return new MemoryTopicStore(spec, this.#clock, epoch, newGeneration, emptied, (left) => this.#closed(name, left));
  }

  close(): void {}

  #closed(name: string, left: Emptied | 'VIRGIN' | 'LOST'): void {
    const others = (this.#open.get(name) ?? 1) - 1;
    if (others === 0) this.#open.delete(name);
    else this.#open.set(name, others);
    if (left === 'VIRGIN') return;
    if (left === 'LOST' || others > 0) {
      this.#place = newEpoch();
      return;
    }
    this.#emptied.set(name, left);
    if (this.#emptied.size <= mostEmptied) return;
    for (const oldest of this.#emptied.keys()) {
      this.#emptied.delete(oldest);
      break;
    }
    this.#place = newEpoch();
  }
}

export class MemoryTopicStore implements TopicStore {
  readonly durability: Durability = 'NONE';
  readonly #spec: TopicSpec;
  readonly #epoch: Epoch;
  readonly #log: UpdateLog;
  readonly #keys: KeyTable;
  readonly #producers: Producers;
  readonly #expiring = new ExpiryHeap<LogUpdate>();
  readonly #listeners = new Set<(head: number) => void>();
  readonly #view: LogView;
  readonly #newGeneration: () => Generation;
  #generations: Generations;
  /** Of what is appended since the store was opened; it begins with the first update. */
  #generation: Generation;
  readonly #time: StoreTime;
  readonly #closed: ((left: Emptied | 'VIRGIN' | 'LOST') => void) | undefined;
  #isClosed = false;

  /** `emptied`: it goes on after that; `closed` is told what there is to keep. */
  constructor(
    spec: TopicSpec,
    clock: Clock,
    epoch: Epoch,
    generation: () => Generation = newGeneration,
    emptied?: Emptied,
    closed?: (left: Emptied | 'VIRGIN' | 'LOST') => void,
  ) {
    this.#spec = spec;
    this.#time = emptied?.time ?? new StoreTime(clock);
    this.#epoch = epoch;
    this.#newGeneration = generation;
    this.#generation = generation();
    this.#closed = closed;
    this.#generations = emptied?.generations ?? Generations.none;
    this.#producers = emptied?.producers ?? new Producers();
    const log = new UpdateLog(spec.history, emptied?.head);
    this.#log = log;
    this.#keys = new KeyTable(spec.tombstones, emptied?.head);
    this.#view = {
      topic: spec.name,
      epoch,
      get head() {
        return log.head;
      },
      keySeq: (key) => {
        const newest = this.#keys.newest(key);
        return newest?.value === undefined || this.#isOver(newest) ? 0 : newest.seq;
      },
      numbers: (id) => this.#producers.numbers(id),
      published: (id, seq) => this.#producers.find(id, seq),
      generationOf: (seq) => this.#generations.ownerOf(seq),
    };
  }

  open(): TopicState {
    this.#generation = this.#newGeneration();
    return this.state();
  }

  state(): TopicState {
    return {
      epoch: this.#epoch,
      first: this.#log.first,
      head: this.#log.head,
      tombstoneHorizon: this.#keys.horizon,
      generations: this.#generations,
    };
  }

  check(group: readonly Append[]): readonly Appended[] | undefined {
    const known = checkAppend(group, this.#view);
    if (known !== undefined) return known;
    checkRoom(group, this.#spec, {
      head: this.#log.head,
      keys: this.#keys.size,
      has: (key) => this.#keys.newest(key) !== undefined,
    });
    return undefined;
  }

  append(group: readonly Append[]): readonly Appended[] {
    const known = this.check(group);
    if (known !== undefined) return known;
    const time = this.#now();
    this.#endOver(group, time);
    const groupTo = this.#log.head + group.length;
    const appended = group.map((append): Appended => {
      const seq = this.#put(append, time, groupTo);
      if (append.producer !== undefined) this.#producers.record(append.producer.id, append.producer.seq, seq);
      return { position: { epoch: this.#epoch, seq, generation: this.#generation }, duplicate: false };
    });
    for (const [id, upTo] of forgettable(group)) this.#producers.forget(id, upTo);
    this.#log.trim(time);
    this.#visible();
    return appended;
  }

  read(after: number, limits: Limits): Page | undefined {
    return this.#log.read(after, limits);
  }

  scan(cursor: string | undefined, limits: Limits): ScanPage {
    return { ...this.#keys.scan(cursor, limits), head: this.#log.head };
  }

  changesSince(seq: number, limits: Limits): Page | undefined {
    return this.#keys.changesSince(seq, limits, this.#newestAfter(seq));
  }

  get(keys: readonly string[]): readonly LogUpdate[] {
    const found: LogUpdate[] = [];
    for (const key of keys) {
      const update = this.#keys.newest(key);
      if (update !== undefined) found.push(update);
    }
    return found;
  }

  before(time: number): number {
    return this.#log.before(time);
  }

  trim(): void {
    const now = this.#now();
    const { head } = this.#log;
    for (let taken = 0; taken < mostExpired; taken++) {
      const due = this.#expiring.popDue(now);
      if (due === undefined) break;
      if (this.#keys.newest(due.key) !== due) continue;
      this.#put({ key: due.key, value: undefined, ttl: 0 }, now, this.#log.head + 1);
    }
    this.#log.trim(now);
    if (this.#log.head > head) this.#visible();
  }

  now(): number {
    return this.#now();
  }

  expiresIn(): number {
    const { first } = this.#expiring;
    return first === Number.POSITIVE_INFINITY ? first : first - this.#now();
  }

  onVisible(fn: (head: number) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** Nobody but this store changes its log. */
  onRewound(): () => void {
    return () => {};
  }

  get isEmpty(): boolean {
    return this.#spec.keyed ? this.#keys.isEmpty : this.#log.first > this.#log.head;
  }

  close(): void {
    this.#listeners.clear();
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed?.(this.#left());
  }

  #left(): Emptied | 'VIRGIN' | 'LOST' {
    const { head } = this.#log;
    if (head === 0) return 'VIRGIN';
    if (!this.isEmpty) return 'LOST';
    return {
      epoch: this.#epoch,
      head,
      generations: this.#generations,
      producers: this.#producers,
      time: this.#time,
    };
  }

  /** `last`: where the group ends. */
  #put({ key, value, ttl }: Append, time: number, last: number): number {
    const seq = this.#log.head + 1;
    if (this.#generations.newest !== this.#generation) {
      const lowWater = Math.min(this.#log.first - 1, this.#spec.keyed ? this.#keys.horizon : seq);
      this.#generations = this.#generations.begin(this.#generation, seq, lowWater);
    }
    const expires = ttl > 0 && value !== undefined ? time + ttl : 0;
    const more = seq < last;
    const update: LogUpdate = {
      seq,
      key,
      value: owned(value),
      time,
      expires,
      more,
      groupTo: more ? last : undefined,
      merged: 1,
      wire: undefined,
    };
    this.#log.push(update);
    if (this.#spec.keyed) this.#keys.put(update);
    if (expires > 0) {
      this.#expiring.push(update);
      if (this.#expiring.size > 2 * this.#keys.size + 1024) {
        this.#expiring.retain((one) => this.#keys.newest(one.key) === one);
      }
    }
    return seq;
  }

  /** A key of the group whose time is over is deleted before it is there again, for readers as for who published it. */
  #endOver(group: readonly Append[], time: number): void {
    if (this.#expiring.first > time) return;
    for (const key of new Set(group.map((append) => append.key))) {
      const newest = this.#keys.newest(key);
      if (newest !== undefined && this.#isOver(newest, time))
        this.#put({ key, value: undefined, ttl: 0 }, time, this.#log.head + 1);
    }
  }

  #isOver({ expires }: LogUpdate, time = this.#now()): boolean {
    return expires > 0 && expires <= time;
  }

  /** The oldest update after `seq` that is the newest of its key, as far as the log tells; none is no answer. */
  #newestAfter(seq: number): LogUpdate | undefined {
    if (seq < this.#log.first - 1) return undefined;
    for (let at = seq + 1; ; at++) {
      const update = this.#log.at(at);
      if (update === undefined || this.#keys.newest(update.key) === update) return update;
    }
  }

  /** Times in a log never fall, even when the clock is set back. */
  #now(): number {
    return this.#time.now();
  }

  #visible(): void {
    for (const fn of this.#listeners) fn(this.#log.head);
  }
}

/** In memory of its own: what is encoded shares its memory with whatever was encoded then, and would keep all of it. */
function owned(value: Uint8Array | undefined): Uint8Array | undefined {
  return value !== undefined && value.buffer.byteLength > value.byteLength ? new Uint8Array(value) : value;
}
