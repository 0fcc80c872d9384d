/** The records of keys, as rows. Made anew for each connection, because prepared statements belong to one. */
import type { Encoding } from '../../contract/codec.js';
import type { NewRecord, RecordId, StoredOutcome, StoredRecord } from '../../interceptors/idempotency-store.js';
import type { DatabaseSync, StatementSync } from './driver.js';
import { isConstraint } from './failure.js';

interface Row {
  readonly fingerprint: Uint8Array;
  readonly kind: StoredOutcome['kind'];
  readonly type: string;
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
  readonly committed_at: number;
  readonly trace: string;
}

export class Records {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #anyExpired: StatementSync;
  readonly #expire: StatementSync;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare(
      `SELECT fingerprint, kind, type, encoding, bytes, committed_at, trace FROM hawser_records
       WHERE principal = ? AND service = ? AND method = ? AND key = ?`,
    );
    this.#insert = db.prepare(
      `INSERT INTO hawser_records
         (principal, service, method, key, fingerprint, kind, type, encoding, bytes, committed_at, expires_at, trace)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#anyExpired = db.prepare('SELECT 1 FROM hawser_records WHERE expires_at <= ? LIMIT 1');
    this.#expire = db.prepare(
      `DELETE FROM hawser_records WHERE (principal, service, method, key) IN
         (SELECT principal, service, method, key FROM hawser_records WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
    );
  }

  find({ principal, service, method, key }: RecordId): StoredRecord | undefined {
    const row = this.#find.get(principal, service, method, key) as Row | undefined;
    if (row === undefined) return undefined;
    const { fingerprint, kind, type, encoding, bytes, trace } = row;
    return { fingerprint, outcome: { kind, type, encoding, bytes }, committedAt: row.committed_at, trace };
  }

  /** False when there is a record of this key. `committedAt` in ms since the Unix epoch. */
  insert({ id, fingerprint, trace, expiresAt }: NewRecord, outcome: StoredOutcome, committedAt: number): boolean {
    try {
      // Not `run`: it would count what has changed.
      this.#insert.get(
        id.principal,
        id.service,
        id.method,
        id.key,
        fingerprint,
        outcome.kind,
        outcome.type,
        outcome.encoding,
        outcome.bytes,
        Math.floor(committedAt),
        Math.floor(expiresAt),
        trace,
      );
      return true;
    } catch (error) {
      if (isConstraint(error) && this.find(id) !== undefined) return false;
      throw error;
    }
  }

  anyExpired(now: number): boolean {
    return this.#anyExpired.get(Math.floor(now)) !== undefined;
  }

  /** How many records it deleted, the oldest first. */
  expire(now: number, limit: number): number {
    return Number(this.#expire.run(Math.floor(now), limit).changes);
  }
}
