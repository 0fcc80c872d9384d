/**
 * A store that forgets on a crash what it had not flushed, and shows nothing before: what a database does with its log,
 * in virtual time.
 */
import type { Append, Appended, Limits, TopicStore } from '../../../src/subscription/topic-store.js';
import type { MemoryDisk } from './memory-disk.js';
import type { SimClock } from './sim-clock.js';

export class DurableStore implements TopicStore {
  readonly durability = 'FSYNC';
  readonly #disk: MemoryDisk;
  readonly #clock: SimClock;
  readonly #flushMs: number;
  #waiting: (() => void)[] = [];
  #crashed = false;

  constructor(disk: MemoryDisk, clock: SimClock, flushMs: number) {
    this.#disk = disk;
    this.#clock = clock;
    this.#flushMs = flushMs;
  }

  append(group: readonly Append[]): Promise<readonly Appended[]> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#clock.setTimer(() => this.#flush(), this.#flushMs);
      this.#waiting.push(() => {
        try {
          resolve(this.#disk.append(group));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  crash(): void {
    this.#crashed = true;
    this.#waiting = [];
  }

  #flush(): void {
    if (this.#crashed) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const write of waiting) write();
  }

  open = () => this.#disk.open();
  state = () => this.#disk.state();
  read = (after: number, limits: Limits) => this.#disk.read(after, limits);
  scan = (cursor: string | undefined, limits: Limits) => this.#disk.scan(cursor, limits);
  changesSince = (seq: number, limits: Limits) => this.#disk.changesSince(seq, limits);
  get = (keys: readonly string[]) => this.#disk.get(keys);
  before = (time: number) => this.#disk.before(time);
  trim = () => this.#disk.trim();
  now = () => this.#disk.now();
  expiresIn = () => this.#disk.expiresIn();
  onVisible = (fn: (head: number) => void) => this.#disk.onVisible(fn);
  onRewound = (fn: () => void) => this.#disk.onRewound(fn);
  close = () => this.#disk.close();
}
