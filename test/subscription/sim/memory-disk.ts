/**
 * A log in memory that can be copied and put back: what was done to it is written down, and done again to make a copy. It is
 * the same store behind it, so a copy has its epoch, its numbers and its generations. What is done again is done at the time that
 * the log had then.
 */

import type { Clock } from '../../../src/call/clock.js';
import { MemoryTopicStore } from '../../../src/stores/memory/topic-store.js';
import type { Generation } from '../../../src/subscription/generation.js';
import { StoreTime } from '../../../src/subscription/store-time.js';
import type {
  Append,
  Appended,
  Limits,
  TopicSpec,
  TopicState,
  TopicStore,
} from '../../../src/subscription/topic-store.js';

type Act =
  | { readonly open: Generation }
  | { readonly append: readonly Append[]; readonly time: number }
  | { readonly trim: number };

/** The time of a log from a start on, on the clock of its machine; `least`: of its newest update. */
export type LogTime = (clock: Clock, least: number) => { now(): number };

export type MemoryCopy = readonly Act[];

const storeTime: LogTime = (clock, least) => {
  const time = new StoreTime(clock);
  time.now(least);
  return time;
};

export class MemoryDisk implements TopicStore {
  readonly durability = 'NONE';
  readonly #spec: TopicSpec;
  readonly #epoch: string;
  readonly #clock: () => Clock;
  readonly #timeOf: LogTime;
  #time: { now(): number };
  readonly #name: () => Generation;
  readonly #visible = new Set<(head: number) => void>();
  readonly #rewound = new Set<() => void>();
  #acts: Act[] = [];
  #store: MemoryTopicStore;
  /** What the next opening is called. */
  #next: Generation = '';

  constructor(spec: TopicSpec, epoch: string, clock: () => Clock, name: () => Generation, timeOf: LogTime = storeTime) {
    this.#spec = spec;
    this.#epoch = epoch;
    this.#clock = clock;
    this.#timeOf = timeOf;
    this.#time = timeOf(clock(), 0);
    this.#name = name;
    this.#store = this.#made([]);
  }

  copy(): MemoryCopy {
    return [...this.#acts];
  }

  /** A process opens it, by the clock of its machine. */
  restart(): void {
    const { head } = this.#store.state();
    const [newest] = this.#store.read(head - 1, { count: 1, bytes: 1, cut: true })?.updates ?? [];
    this.#time = this.#timeOf(this.#clock(), newest?.time ?? 0);
  }

  /** Whoever has it open is told, as by a store that looks. */
  putBack(copy: MemoryCopy): void {
    this.#store.close();
    this.#acts = [...copy];
    this.#store = this.#made(copy);
    this.open();
    for (const fn of this.#rewound) fn();
  }

  open(): TopicState {
    const act = { open: this.#name() };
    this.#acts.push(act);
    this.#next = act.open;
    return this.#store.open();
  }

  append(group: readonly Append[]): readonly Appended[] {
    this.#acts.push({ append: group, time: this.#time.now() });
    return this.#store.append(group);
  }

  trim(): void {
    this.#acts.push({ trim: this.#time.now() });
    this.#store.trim();
  }

  state = () => this.#store.state();
  now = () => this.#store.now();
  expiresIn = () => this.#store.expiresIn();
  read = (after: number, limits: Limits) => this.#store.read(after, limits);
  scan = (cursor: string | undefined, limits: Limits) => this.#store.scan(cursor, limits);
  changesSince = (seq: number, limits: Limits) => this.#store.changesSince(seq, limits);
  get = (keys: readonly string[]) => this.#store.get(keys);
  before = (time: number) => this.#store.before(time);

  onVisible(fn: (head: number) => void): () => void {
    this.#visible.add(fn);
    return () => this.#visible.delete(fn);
  }

  onRewound(fn: () => void): () => void {
    this.#rewound.add(fn);
    return () => this.#rewound.delete(fn);
  }

  close(): void {
    this.#visible.clear();
    this.#rewound.clear();
  }

  #made(acts: readonly Act[]): MemoryTopicStore {
    let time: number | undefined = 0;
    const now = (): number => time ?? this.#time.now();
    const clock = {
      now,
      wallTime: now,
      setTimer: (fn: () => void, ms: number) => this.#clock().setTimer(fn, ms),
    };
    const store = new MemoryTopicStore(this.#spec, clock, this.#epoch, () => this.#next);
    for (const act of acts) {
      if ('open' in act) {
        this.#next = act.open;
        store.open();
        continue;
      }
      time = 'trim' in act ? act.trim : act.time;
      try {
        if ('trim' in act) store.trim();
        else store.append(act.append);
      } catch {
        // It was refused then, too.
      }
    }
    time = undefined;
    store.onVisible((head) => {
      for (const fn of this.#visible) fn(head);
    });
    return store;
  }
}
