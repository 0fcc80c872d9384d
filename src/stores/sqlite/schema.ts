/**
 * The tables of a store, and how those of an older version become today's. They stand in the user's own database, beside
 * the user's tables, because one transaction must hold both; their names begin with `hawser_`.
 */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from './driver.js';

/** Each step brings a database from the version of its index to the next. Steps are only ever added. */
const steps: readonly string[] = [
  `CREATE TABLE hawser_records (
    principal TEXT NOT NULL,
    service TEXT NOT NULL,
    method TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    kind TEXT NOT NULL,
    type TEXT NOT NULL,
    encoding TEXT NOT NULL,
    bytes BLOB NOT NULL,
    committed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    trace TEXT NOT NULL,
    PRIMARY KEY (principal, service, method, key)
  ) WITHOUT ROWID;
  CREATE INDEX hawser_records_expiry ON hawser_records (expires_at)`,
  // Keys and producers are blobs: a text may not come back whole when it has a NUL in it.
  `CREATE TABLE hawser_topics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    keyed INTEGER NOT NULL,
    head INTEGER NOT NULL,
    first INTEGER NOT NULL,
    horizon INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    tombstones INTEGER NOT NULL,
    time INTEGER NOT NULL
  );
  CREATE TABLE hawser_updates (
    topic INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB,
    time INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (topic, seq)
  ) WITHOUT ROWID;
  CREATE TABLE hawser_keys (
    topic INTEGER NOT NULL,
    key BLOB NOT NULL,
    seq INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (topic, key)
  ) WITHOUT ROWID;
  CREATE INDEX hawser_keys_seq ON hawser_keys (topic, seq);
  CREATE INDEX hawser_keys_deleted ON hawser_keys (topic, seq) WHERE deleted = 1;
  CREATE INDEX hawser_keys_expiry ON hawser_keys (topic, expires) WHERE expires > 0;
  CREATE TABLE hawser_publications (
    topic INTEGER NOT NULL,
    producer BLOB NOT NULL,
    number INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (topic, producer, number)
  ) WITHOUT ROWID;
  CREATE TABLE hawser_consumers (
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (name, topic)
  ) WITHOUT ROWID;
  CREATE TABLE hawser_run (boot TEXT NOT NULL, clean INTEGER NOT NULL)`,
  // What a log holds by then is of one generation, whichever runs appended it.
  `ALTER TABLE hawser_topics ADD COLUMN generation TEXT NOT NULL DEFAULT '';
  CREATE TABLE hawser_generations (
    topic INTEGER NOT NULL,
    first INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (topic, first)
  ) WITHOUT ROWID;
  UPDATE hawser_topics SET generation = lower(hex(randomblob(8)));
  INSERT INTO hawser_generations (topic, first, name) SELECT id, 1, generation FROM hawser_topics;
  ALTER TABLE hawser_consumers ADD COLUMN generation TEXT`,
];

/**
 * Makes or migrates the tables, in one transaction. Returns the id of this store, which the file keeps for ever. Throws
 * an Error when a later version of this package wrote the file.
 */
export function prepareSchema(db: DatabaseSync): string {
  // Without a look first, every start would write.
  const known = state(db);
  if (known?.version === steps.length) return known.id;
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec('CREATE TABLE IF NOT EXISTS hawser_store (version INTEGER NOT NULL, id TEXT NOT NULL)');
    const { version, id } = state(db) ?? { version: 0, id: randomUUID() };
    if (version > steps.length) {
      throw new Error(
        `the tables of this store are of version ${version}, and this package knows versions up to ${steps.length}; update it`,
      );
    }
    for (const step of steps.slice(version)) db.exec(step);
    db.exec('DELETE FROM hawser_store');
    db.prepare('INSERT INTO hawser_store (version, id) VALUES (?, ?)').run(steps.length, id);
    db.exec('COMMIT');
    return id;
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

/** Which store a file is of; undefined where it is of none. */
export function storeIn(db: DatabaseSync): string | undefined {
  return state(db)?.id;
}

function state(db: DatabaseSync): { readonly version: number; readonly id: string } | undefined {
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'hawser_store'").all();
  if (tables.length === 0) return undefined;
  return db.prepare('SELECT version, id FROM hawser_store').get() as { version: number; id: string } | undefined;
}
