/**
 * Where the record of a key stands, and the SQL around it. A UUIDv7 tells the day it was made, so its record is in the
 * table of that day, and a day of records is deleted by dropping a table. Which table follows from the key alone, so a
 * key is unique although there are many. Keys of other kinds are in one table of their own, deleted row by row.
 *
 * These are plain tables, not partitions of one: to attach or drop a partition takes locks on the parent, and a call would
 * wait for the slowest handler of another; and which one is meant is known before the statement is planned.
 */
import { createHash } from 'node:crypto';
import type { Encoding } from '../../contract/codec.js';
import type { NewRecord, RecordId, StoredOutcome, StoredRecord } from '../../interceptors/idempotency-store.js';

export const otherTable = 'records_other';
export const dayMs = 86_400_000;

export interface Place {
  /** Without the schema. */
  readonly table: string;
  /** ms since the Unix epoch at which the table's day begins; undefined: the table of other keys. */
  readonly day: number | undefined;
  /** SHA-256 of everything that the key belongs to. */
  readonly id: Buffer;
  /** For the advisory lock: 64 bits. Locks are of a database, so the schema is part of it. */
  readonly lock: bigint;
}

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export function placeOf(schema: string, { principal, service, method, key }: RecordId): Place {
  const id = sha256(JSON.stringify([principal, service, method, key]));
  const lock = sha256(schema, id).readBigInt64BE(0);
  if (!uuid7.test(key)) return { table: otherTable, day: undefined, id, lock };
  const time = Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16);
  const day = time - (time % dayMs);
  return { table: dayTable(day), day, id, lock };
}

function sha256(...parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** `records_20261121`, in UTC. */
export function dayTable(day: number): string {
  return `records_${new Date(day).toISOString().slice(0, -14).replaceAll('-', '').replace('+', '')}`;
}

/** ms since the Unix epoch; undefined for a table that holds no day. */
export function dayOf(table: string): number | undefined {
  const [, year, month, day] = /^records_(\d{4,6})(\d\d)(\d\d)$/.exec(table) ?? [];
  return year === undefined ? undefined : Date.UTC(Number(year), Number(month) - 1, Number(day));
}

const columns = 'fingerprint, kind, type, encoding, body, extract(epoch FROM committed_at)::float8 AS committed, trace';

/** The hash is written out, so that this fits into one round trip with what comes before it. */
export function findSql(schema: string, { table, id }: Place): string {
  return `SELECT ${columns} FROM ${schema}.${table} WHERE id = decode('${id.toString('hex')}', 'hex')`;
}

interface Row {
  readonly fingerprint: Buffer;
  readonly kind: StoredOutcome['kind'];
  readonly type: string;
  readonly encoding: Encoding;
  readonly body: Buffer;
  readonly committed: number;
  readonly trace: string;
}

export function recordOf(found: unknown): StoredRecord {
  const { fingerprint, kind, type, encoding, body, committed, trace } = found as Row;
  const outcome = { kind, type, encoding, bytes: body };
  return { fingerprint, outcome, committedAt: Math.round(committed * 1_000), trace };
}

export function insertSql(schema: string, { table }: Place): string {
  return `INSERT INTO ${schema}.${table}
    (id, principal, service, method, key, fingerprint, kind, type, encoding, body, trace, committed_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, to_timestamp($12::float8), to_timestamp($13::float8))
    ON CONFLICT (id) DO NOTHING`;
}

export function insertValues({ id }: Place, record: NewRecord, outcome: StoredOutcome, now: number): unknown[] {
  const { principal, service, method, key } = record.id;
  return [
    id,
    // Postgres has no NUL in a text. The hash is what counts; this column is for people.
    ...[principal.replaceAll('\0', '\ufffd'), service, method, key],
    buffer(record.fingerprint),
    ...[outcome.kind, outcome.type, outcome.encoding],
    buffer(outcome.bytes),
    record.trace,
    ...[now / 1_000, record.expiresAt / 1_000],
  ];
}

function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
