/**
 * The topic store of SQLite in virtual time: its own tables, reads and rules, in a database in memory, whose commits come when
 * the clock says so. A crash takes what was not committed.
 */
import type { Clock } from '../../../src/call/clock.js';
import { silentLogger } from '../../../src/call/logger.js';
import { Connection } from '../../../src/stores/sqlite/connection.js';
import { type SqliteRow, sqliteDriver } from '../../../src/stores/sqlite/driver.js';
import { prepareSchema } from '../../../src/stores/sqlite/schema.js';
import * as reads from '../../../src/stores/sqlite/topic-reads.js';
import { SqliteTopics } from '../../../src/stores/sqlite/topics.js';
import { type SqliteTransaction, Transaction } from '../../../src/stores/sqlite/tx.js';
import type { Generation } from '../../../src/subscription/generation.js';
import type { LogUpdate, TopicSpec, TopicStore } from '../../../src/subscription/topic-store.js';
import type { SimClock } from './sim-clock.js';

const everything = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Of one store, without the records of keys. */
const tables = ['topics', 'generations', 'updates', 'keys', 'publications', 'consumers'] as const;

export type SqliteCopy = readonly (readonly SqliteRow[])[];

/** Histories run one after the other: the statements that one has prepared serve the next. */
let shared: Connection | undefined;

function emptied(): Connection {
  if (shared === undefined) {
    const db = sqliteDriver().open(':memory:');
    prepareSchema(db);
    shared = new Connection(db);
  }
  for (const table of tables) shared.db.exec(`DELETE FROM hawser_${table}`);
  // As another file would have: the epoch of a log that was never appended to follows from it.
  shared.db.exec('UPDATE hawser_store SET id = lower(hex(randomblob(16)))');
  return shared;
}

export class SqliteDisk {
  readonly #connection: Connection;
  readonly #spec: TopicSpec;
  readonly #clock: SimClock;
  readonly #ownClock: () => Clock;
  readonly #flushMs: number;
  /** Hears of each update as it is written; what is written and not committed is never kept over a turn. */
  readonly #written: (update: LogUpdate, generation: Generation) => void;
  #waiting: ((answers: (() => void)[]) => void)[] = [];
  #topics!: SqliteTopics;
  #store!: TopicStore;
  #life = 0;
  #told = 0;
  /** By another program. */
  #changes = 0;

  constructor(
    spec: TopicSpec,
    clock: SimClock,
    ownClock: () => Clock,
    flushMs: number,
    written: (update: LogUpdate, generation: Generation) => void,
  ) {
    this.#connection = emptied();
    this.#spec = { ...spec, durability: 'FSYNC' };
    this.#clock = clock;
    this.#ownClock = ownClock;
    this.#flushMs = flushMs;
    this.#written = written;
    this.restart();
    this.#flush(); // the topic itself
  }

  get store(): TopicStore {
    return this.#store;
  }

  /** Of the log as it is in the file. */
  get head(): number {
    return reads.readTopic(this.#transaction(), this.#spec.name)?.head ?? 0;
  }

  /** A process opens the file, and the one before has left what was not committed. */
  restart(): void {
    const life = ++this.#life;
    this.#waiting = [];
    this.#topics = new SqliteTopics({
      synchronous: 'full',
      clock: this.#ownClock(),
      logger: silentLogger,
      closed: false,
      write: (_, fn) =>
        new Promise((resolve, reject) => {
          if (life === this.#life) this.#write(fn, resolve, reject);
        }),
      read: (fn) => fn(this.#transaction()),
      version: () => String(this.#changes),
      handlerTransaction: () => undefined,
    });
    this.#store = this.#topics.topic(this.#spec);
    this.#store.open();
  }

  copy(): SqliteCopy {
    return tables.map((table) => this.#connection.db.prepare(`SELECT * FROM hawser_${table}`).all() as SqliteRow[]);
  }

  /** By another program: who has the file open finds out. */
  putBack(copy: SqliteCopy): void {
    const { db } = this.#connection;
    db.exec('BEGIN');
    for (const [at, table] of tables.entries()) {
      db.exec(`DELETE FROM hawser_${table}`);
      for (const row of copy[at] ?? []) {
        const names = Object.keys(row);
        const marks = names.map(() => '?').join();
        db.prepare(`INSERT INTO hawser_${table} (${names.join()}) VALUES (${marks})`).run(...Object.values(row));
      }
    }
    db.exec('COMMIT');
    this.#told = this.head;
    this.#changes += 1;
  }

  /** It is in the way of the next one no more. */
  close(): void {
    this.#life += 1;
  }

  #write<T>(fn: (tx: SqliteTransaction) => T, resolve: (value: T) => void, reject: (error: unknown) => void): void {
    if (this.#waiting.length === 0) {
      const life = this.#life;
      this.#clock.setTimer(() => {
        if (life === this.#life) this.#flush();
      }, this.#flushMs);
    }
    this.#waiting.push((answers) => {
      try {
        const tx = this.#transaction();
        const value = fn(tx);
        this.#writeDown(tx);
        answers.push(() => resolve(value));
      } catch (error) {
        answers.push(() => reject(error));
      }
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const answers: (() => void)[] = [];
    this.#connection.db.exec('BEGIN');
    for (const turn of waiting) turn(answers);
    this.#connection.db.exec('COMMIT');
    this.#topics.groupEnded(this.#connection);
    for (const answer of answers) answer();
  }

  #writeDown(tx: SqliteTransaction): void {
    const row = reads.readTopic(tx, this.#spec.name);
    if (row === undefined) return;
    const { updates } = reads.readLog(tx, row.id, this.#told, row.head, everything);
    for (const update of updates) this.#written(update, row.generation);
    this.#told = row.head;
  }

  #transaction(): SqliteTransaction {
    return new Transaction({ connection: this.#connection, beforeWrite: () => {}, failed: () => {}, ending: '' });
  }
}
