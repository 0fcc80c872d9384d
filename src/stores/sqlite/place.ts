/**
 * Whether the path of a database still names the file that is open. SQLite goes on writing to a file that was removed or replaced,
 * and what it commits there is found by nobody. The open file keeps its number in the file system, so no other file has it.
 */
import { type BigIntStats, rmSync, statSync } from 'node:fs';
import type { Clock } from '../../call/clock.js';

/** ms for which an answer is good enough where nothing is acknowledged. */
const recent = 10;
/** ms between two looks at the write-ahead log, whose commits reach the file at the next checkpoint all the same. */
const logEvery = 250;
const options = { bigint: true, throwIfNoEntry: false } as const;

export class Place {
  readonly #path: string;
  readonly #clock: Clock;
  #file: string | undefined;
  #log: string | undefined;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #logCheckedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Runs `open`, which opens the file and knows whether it may. Throws an Error when another takes its place meanwhile. */
  opening<T extends { close(): void }>(open: () => T): T {
    const before = fileAt(this.#path);
    if (before !== undefined && before !== this.#file) checkLinks(this.#path);
    if (before !== this.#file) this.#removeLog();
    const opened = open();
    const file = fileAt(this.#path);
    if (file !== undefined && (before === undefined || before === file)) {
      this.#file = file;
      this.#log = undefined;
      return opened;
    }
    opened.close();
    throw new Error(`${this.#path} was replaced while it was opened`);
  }

  get gone(): boolean {
    return fileAt(this.#path) === undefined;
  }

  /** The file at the path is another one, of which nothing is known yet. */
  get replaced(): boolean {
    const file = fileAt(this.#path);
    return file !== undefined && file !== this.#file;
  }

  /** What has become of the file; undefined when it is in its place. */
  wrong(): Error | undefined {
    const now = this.#clock.now();
    const file = fileAt(this.#path);
    if (file !== this.#file) {
      return new Error(
        file === undefined
          ? `${this.#path} is gone; put it back: it holds the keys of all calls so far`
          : `${this.#path} was replaced by another file`,
      );
    }
    this.#checkedAt = now;
    return now - this.#logCheckedAt < logEvery ? undefined : this.#wrongLog(now);
  }

  /** As `wrong`, of some ms ago. */
  wrongLately(): Error | undefined {
    return this.#clock.now() - this.#checkedAt < recent ? undefined : this.wrong();
  }

  #wrongLog(now: number): Error | undefined {
    const log = fileAt(`${this.#path}-wal`);
    this.#log ??= log;
    if (log !== this.#log) return new Error(`${this.#path}-wal, the log of the database, was removed or replaced`);
    this.#logCheckedAt = now;
    return undefined;
  }

  /** SQLite would take the log of the file that was here before for that of the one which is here now. */
  #removeLog(): void {
    if (this.#log === undefined || fileAt(`${this.#path}-wal`) !== this.#log) return;
    for (const end of ['-wal', '-shm']) rmSync(this.#path + end, { force: true });
  }
}

/**
 * Throws an Error for a file with several names: the write-ahead log and the lock of the owner are found by the name, so under
 * two names two servers would write to one file and destroy it (https://www.sqlite.org/howtocorrupt.html, section 2.5).
 */
export function checkLinks(path: string): void {
  const links = statSync(path, options)?.nlink ?? 1n;
  if (links <= 1n) return;
  throw new Error(
    `${path} has ${links} names (hard links), and its log and its lock belong to one of them; delete the other names, or make a copy (cp) in place of a link`,
  );
}

function fileAt(path: string): string | undefined {
  const stats = statSync(path, options);
  return stats === undefined ? undefined : idOf(stats);
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
