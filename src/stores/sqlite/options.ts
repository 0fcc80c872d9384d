/** The options of a store, checked when it is made. */
import { type Clock, systemClock } from '../../call/clock.js';
import { type Logger, stderrLogger } from '../../call/logger.js';
import { type Duration, milliseconds } from '../../contract/duration.js';
import { clock, func, logger, oneOf } from '../../contract/option-kinds.js';
import { knownOptions } from '../../contract/option-names.js';
import { retentionOf } from '../../interceptors/idempotency-store.js';
import type { Synchronous } from './connection.js';
import { type DatabaseSync, type SqliteDriver, sqliteDriver } from './driver.js';
import type { WriterOptions } from './writer.js';

/** Times are ms, or strings such as `"2ms"`, `"24h"`. */
export interface SqliteStoreOptions {
  /**
   * `full` (the default): an answer leaves when its commit is on the disk; it survives a power cut. `normal`: when the
   * commit is with the operating system; it survives the death of the process, and a power cut may take the last
   * commits, never a part of one.
   */
  readonly synchronous?: Synchronous;
  /** How long records are kept at least: 1 minute to 30 days. Default 24 h. */
  readonly retention?: Duration;
  /** Calls that commit together at most, 1 to 10,000. Default 128. */
  readonly groupLimit?: number;
  /** What the first call of a group waits at most for others to commit with, to 1 s. Default 2 ms; 0 waits for none. */
  readonly groupDelay?: Duration;
  /** How long a call waits while another program has locked the database, to 1 min. Default 5 s. */
  readonly busyTimeout?: Duration;
  /** A handler that holds the writer longer is named in a warning. Default 100 ms. */
  readonly warnAfter?: Duration;
  /** A handler that holds the writer longer is rolled back, and its call fails; to 1 h. Default 10 s. */
  readonly holdLimit?: Duration;
  /** Calls that wait for the writer at most; more fail as UNAVAILABLE. Default 10,000. */
  readonly queueLimit?: number;
  /**
   * Runs on the writing connection each time it is opened, and it is opened anew after some failures: for functions and
   * pragmas. Must be synchronous.
   */
  readonly onOpen?: (db: DatabaseSync) => void;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly driver?: SqliteDriver;
}

export interface CheckedOptions extends WriterOptions {
  readonly synchronous: Synchronous;
  readonly retention: number;
  readonly onOpen: ((db: DatabaseSync) => void) | undefined;
  readonly driver: SqliteDriver;
}

const checkNames = knownOptions<SqliteStoreOptions>({
  synchronous: oneOf('full', 'normal'),
  retention: true,
  groupLimit: true,
  groupDelay: true,
  busyTimeout: true,
  warnAfter: true,
  holdLimit: true,
  queueLimit: true,
  onOpen: func,
  logger,
  clock,
  driver: true,
});

/** Throws a RangeError or TypeError that names the option and its limits. */
export function check(options: SqliteStoreOptions): CheckedOptions {
  checkNames(options, 'sqliteStore', '');
  const { synchronous = 'full', onOpen } = options;
  return {
    synchronous,
    onOpen,
    retention: retentionOf(options.retention),
    groupLimit: count('groupLimit', options.groupLimit ?? 128, 10_000),
    groupDelay: time('groupDelay', options.groupDelay ?? 2, 0, 1_000),
    busyTimeout: time('busyTimeout', options.busyTimeout ?? 5_000, 0, 60_000),
    warnAfter: time('warnAfter', options.warnAfter ?? 100, 1, 3_600_000),
    holdLimit: time('holdLimit', options.holdLimit ?? 10_000, 1, 3_600_000),
    queueLimit: count('queueLimit', options.queueLimit ?? 10_000, 1_000_000),
    logger: options.logger ?? stderrLogger,
    clock: options.clock ?? systemClock,
    driver: options.driver ?? sqliteDriver(),
  };
}

function time(name: string, value: Duration, least: number, most: number): number {
  const ms = milliseconds(value, name);
  if (ms < least || ms > most) throw new RangeError(`${name} is ${ms} ms; it is ${least} to ${most} ms`);
  return ms;
}

function count(name: string, value: number, most: number): number {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new RangeError(`${name} is ${value}; it is a whole number from 1 to ${most}`);
  }
  return value;
}
