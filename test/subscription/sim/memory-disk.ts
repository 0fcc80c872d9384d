/**
 * A log in memory that can be copied and put back: what was done to it is written down, and done again to make a copy. It is
 * the same store behind it, so a copy has its epoch, its numbers and its generations.
 */
import { MemoryTopicStore } from '../../../src/stores/memory/topic-store.js';
import type { Generation } from '../../../src/subscription/generation.js';
import type {
  Append,
  Appended,
  Limits,
  TopicSpec,
  TopicState,
  TopicStore,
} from '../../../src/subscription/topic-store.js';
import type { SimClock } from './sim-clock.js';

interface Moment {
  readonly now: number;
  readonly wallTime: number;
}

type Act =
  | { readonly open: Generation; readonly at: Moment }
  | { readonly append: readonly Append[]; readonly at: Moment }
  | { readonly trim: Moment };

export type MemoryCopy = readonly Act[];

export class MemoryDisk implements TopicStore {
  readonly durability = 'NONE';
  readonly #spec: TopicSpec;
  readonly #epoch: string;
  readonly #clock: SimClock;
  readonly #name: () => Generation;
  readonly #visible = new Set<(head: number) => void>();
  readonly #rewound = new Set<() => void>();
  #acts: Act[] = [];
  #store: MemoryTopicStore;
  /** What the next opening is called. */
  #next: Generation = '';

  constructor(spec: TopicSpec, epoch: string, clock: SimClock, name: () => Generation) {
    this.#spec = spec;
    this.#epoch = epoch;
    this.#clock = clock;
    this.#name = name;
    this.#store = this.#made([]);
  }

  copy(): MemoryCopy {
    return [...this.#acts];
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
    const act = { open: this.#name(), at: this.#moment() };
    this.#acts.push(act);
    this.#next = act.open;
    return this.#store.open();
  }

  append(group: readonly Append[]): readonly Appended[] {
    this.#acts.push({ append: group, at: this.#moment() });
    return this.#store.append(group);
  }

  trim(): void {
    this.#acts.push({ trim: this.#moment() });
    this.#store.trim();
  }

  state = () => this.#store.state();
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

  #moment(): Moment {
    return { now: this.#clock.now(), wallTime: this.#clock.wallTime() };
  }

  #made(acts: readonly Act[]): MemoryTopicStore {
    let moment: Moment | undefined = acts[0] === undefined ? undefined : momentOf(acts[0]);
    const clock = {
      now: () => moment?.now ?? this.#clock.now(),
      wallTime: () => moment?.wallTime ?? this.#clock.wallTime(),
      setTimer: (fn: () => void, ms: number) => this.#clock.setTimer(fn, ms),
    };
    const store = new MemoryTopicStore(this.#spec, clock, this.#epoch, () => this.#next);
    for (const act of acts) {
      moment = momentOf(act);
      if ('open' in act) {
        this.#next = act.open;
        store.open();
        continue;
      }
      try {
        if ('trim' in act) store.trim();
        else store.append(act.append);
      } catch {
        // It was refused then, too.
      }
    }
    moment = undefined;
    store.onVisible((head) => {
      for (const fn of this.#visible) fn(head);
    });
    return store;
  }
}

function momentOf(act: Act): Moment {
  return 'trim' in act ? act.trim : act.at;
}
