/**
 * A store of idempotency keys for tests and first steps: it forgets everything when the process ends, and then a
 * retry runs a second time. It says so when it is made. What is registered with `onCommit` happens when the record
 * is kept and not otherwise; what a handler writes elsewhere it cannot undo.
 */

import { type Clock, systemClock } from '../call/clock.js';
import { type Logger, stderrLogger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import { clock as clockKind, logger as loggerKind } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import {
  type Execution,
  type IdempotencyStore,
  type NewRecord,
  recordName,
  retentionOf,
  type StoredOutcome,
  type StoredRecord,
  type Work,
} from '../interceptors/idempotency-store.js';

/** What a handler finds in `call.tx`. */
export interface MemoryTransaction {
  /** Runs `fn` at the commit, in the order of registration; never when the handler fails. It must not throw. */
  onCommit(fn: () => void): void;
}

export interface MemoryStoreOptions {
  /** How long a record is kept, ms or `"24h"`: 1 minute to 30 days. Default 24 h. */
  readonly retention?: number | string;
  /** Records that are kept at most; a new key beyond them is refused with RESOURCE_EXHAUSTED. Default 100,000. */
  readonly maxRecords?: number;
  /** Where it says that it forgets. */
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/**
 * @example
 * const server = createServer({ store: memoryStore() });
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new MemoryStore(options);
}

const checkNames = knownOptions<MemoryStoreOptions>({
  retention: true,
  maxRecords: true,
  logger: loggerKind,
  clock: clockKind,
});

export class MemoryStore implements IdempotencyStore<MemoryTransaction> {
  readonly name = 'memory';
  readonly near = true;
  readonly transactional = false;
  readonly retention: number;
  readonly #maxRecords: number;
  readonly #clock: Clock;
  readonly #records = new Map<string, { readonly record: StoredRecord; readonly expiresAt: number }>();
  readonly #running = new Set<string>();
  readonly #ending = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    checkNames(options, 'memoryStore', '');
    const { retention, maxRecords = 100_000, logger = stderrLogger, clock = systemClock } = options;
    if (!(Number.isSafeInteger(maxRecords) && maxRecords > 0)) {
      throw new RangeError(`maxRecords is ${maxRecords}; it is a whole number above 0`);
    }
    this.retention = retentionOf(retention);
    this.#maxRecords = maxRecords;
    this.#clock = clock;
    logger.warn(
      {},
      'memoryStore() forgets every idempotency key when this process ends, and a retry then runs twice; use sqliteStore() or postgresStore() outside tests',
    );
  }

  /** Records that are kept now. */
  get size(): number {
    return this.#records.size;
  }

  async execute(
    record: NewRecord,
    work: Work<MemoryTransaction, StoredOutcome>,
    beforeCommit: () => void,
  ): Promise<Execution> {
    const id = recordName(record.id);
    const known = this.#records.get(id);
    if (known !== undefined) return { kind: 'recorded', record: known.record };
    if (this.#running.has(id)) return { kind: 'running' };
    if (!this.#closed && this.#records.size + this.#running.size >= this.#maxRecords) {
      throw ownError(
        'IDEMPOTENCY_STORE_FULL',
        `the memory store holds ${this.#maxRecords} idempotency records, its maxRecords; raise it, or use a database`,
        { disposition: 'not-executed' },
      );
    }
    this.#running.add(id);
    try {
      await this.transact(work, beforeCommit, (outcome) => {
        const { fingerprint, trace, expiresAt } = record;
        const kept: StoredRecord = {
          fingerprint: new Uint8Array(fingerprint),
          outcome: { ...outcome, bytes: new Uint8Array(outcome.bytes) },
          committedAt: this.#clock.wallTime(),
          trace,
        };
        this.#records.set(id, { record: kept, expiresAt });
      });
      return { kind: 'executed' };
    } finally {
      this.#running.delete(id);
    }
  }

  async transact<T>(
    work: Work<MemoryTransaction, T>,
    beforeCommit: () => void,
    commit: (result: T) => void = () => {},
  ): Promise<T> {
    if (this.#closed) {
      throw ownError('IDEMPOTENCY_STORE_CLOSED', 'the memory store is closed', { disposition: 'not-executed' });
    }
    const writes: (() => void)[] = [];
    let over = false;
    const tx: MemoryTransaction = {
      onCommit(fn) {
        if (over) throw new Error('the transaction of this call is over: write before the handler returns');
        writes.push(fn);
      },
    };
    const running = (async () => {
      try {
        return await work(tx);
      } finally {
        over = true;
      }
    })();
    this.#ending.add(running);
    try {
      const result = await running;
      beforeCommit();
      commit(result);
      for (const write of writes) write();
      return result;
    } finally {
      this.#ending.delete(running);
    }
  }

  async expire(now: number, limit: number): Promise<number> {
    let deleted = 0;
    for (const [id, { expiresAt }] of this.#records) {
      if (deleted >= limit) break;
      if (expiresAt > now) continue;
      this.#records.delete(id);
      deleted += 1;
    }
    return deleted;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#ending);
  }
}
