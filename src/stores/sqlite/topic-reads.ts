/**
 * What readers of a topic ask the tables. Each answer is one state of the database. Sizes are asked before values, so that a
 * page costs what it holds and no more.
 */
import { type GenerationRow, Generations } from '../../subscription/generation.js';
import { markGroups } from '../../subscription/groups.js';
import type { Limits, LogUpdate, Page, ScanPage } from '../../subscription/topic-store.js';
import { findGenerations, findTopic, flag, keyBytes, keyText, type TopicRow } from './topic-table.js';
import type { SqliteTransaction } from './tx.js';

interface Sized {
  /** Where a page that ends here ends. */
  readonly at: number | Uint8Array;
  readonly size: number | null;
  readonly flags: number;
}

interface UpdateRow {
  readonly seq: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  /** Only where the value was left out. */
  readonly later?: number | null;
  readonly time: number;
  readonly expires: number;
  readonly flags: number;
}

/** Rows whose sizes are looked at together. */
const atOnce = 1_000;
const columns = 'u.seq AS seq, u.key AS key, value, time, u.expires AS expires, flags';
const sizes = 'length(value) AS size, flags';
const newest = 'hawser_keys AS k JOIN hawser_updates AS u ON u.topic = k.topic AND u.seq = k.seq WHERE k.topic = ?';

export function readTopic(tx: SqliteTransaction, name: string): TopicRow | undefined {
  return tx.prepare(findTopic).get(name) as TopicRow | undefined;
}

/** Which store this is: what the file says for ever. */
export function readStoreId(tx: SqliteTransaction): string {
  const row = tx.prepare('SELECT id FROM hawser_store').get();
  return (row as unknown as { readonly id: string }).id;
}

interface Queries {
  prepare(sql: string): { all(topic: number): unknown[] };
}

export function readGenerations(tx: Queries, topic: number): Generations {
  return new Generations(tx.prepare(findGenerations).all(topic) as GenerationRow[]);
}

/** The updates after `after` up to `head`; a group is cut only where the limits say so. Throws where the log has a hole. */
export function readLog(tx: SqliteTransaction, topic: number, after: number, head: number, limits: Limits): Page {
  const range = 'FROM hawser_updates AS u WHERE topic = ? AND seq > ? AND seq <= ? ORDER BY seq';
  const end = endOf(limits, limits.cut !== true, after, (from, most) =>
    tx.prepare(`SELECT seq AS at, ${sizes} ${range} LIMIT ?`).all(topic, from, head, most),
  );
  const updates = tx.prepare(`SELECT ${columns} ${range}`).all(topic, after, end.at).map(updateOf);
  const last = updates.at(-1)?.seq ?? after;
  if (last !== after + updates.length || (!end.more && last < head)) {
    throw new Error(`updates after ${after} are missing in the log, which says that it holds all up to ${head}`);
  }
  markGroups(updates);
  return { updates, more: end.more };
}

/** The newest update of each key, in the order of the keys. */
export function scanKeys(tx: SqliteTransaction, { id, head }: TopicRow, after: string, limits: Limits): ScanPage {
  // Written so that the empty key comes after the empty cursor, which no key is.
  const start = after === '' ? undefined : Buffer.from(after, 'base64').subarray(1);
  const range = `FROM ${newest} AND deleted = 0 AND k.key ${start === undefined ? '>=' : '>'} coalesce(?, x'')`;
  let first = true;
  const end = endOf(limits, false, start ?? new Uint8Array(), (from, most) => {
    const compared = first ? range : range.replace('>=', '>');
    first = false;
    return tx.prepare(`SELECT k.key AS at, ${sizes} ${compared} ORDER BY k.key LIMIT ?`).all(id, from, most);
  });
  if (end.count === 0) return { updates: [], more: false, cursor: after, head };
  const rows = tx
    .prepare(`SELECT ${columns} ${range} AND k.key <= coalesce(?, x'') ORDER BY k.key`)
    .all(id, start ?? new Uint8Array(), end.at);
  const cursor = Buffer.concat([Buffer.of(0), end.at as Uint8Array]).toString('base64');
  return { updates: rows.map(updateOf), more: end.more, cursor, head };
}

/** The newest update of each key that changed after `seq`, in the order of their seq. */
export function readChanges(tx: SqliteTransaction, topic: number, seq: number, limits: Limits): Page {
  const range = `FROM ${newest} AND k.seq > ?`;
  const part = limits.later === true ? columns.replace('value,', 'NULL AS value, length(value) AS later,') : columns;
  const end = endOf(limits, false, seq, (from, most) =>
    tx.prepare(`SELECT k.seq AS at, ${sizes} ${range} ORDER BY k.seq LIMIT ?`).all(topic, from, most),
  );
  const rows = tx.prepare(`SELECT ${part} ${range} AND k.seq <= ? ORDER BY k.seq`).all(topic, seq, end.at);
  return { updates: rows.map(updateOf), more: end.more };
}

export function readKeys(tx: SqliteTransaction, topic: number, keys: readonly string[]): readonly LogUpdate[] {
  const find = tx.prepare(`SELECT ${columns} FROM ${newest} AND k.key = coalesce(?, x'')`);
  const found: LogUpdate[] = [];
  for (const key of keys) {
    const row = find.get(topic, keyBytes(key));
    if (row !== undefined) found.push(updateOf(row));
  }
  return found;
}

/** When the update was appended. Throws for one that is not in the log. */
export function timeOf(tx: SqliteTransaction, topic: number, seq: number): number {
  const row = tx.prepare('SELECT time FROM hawser_updates WHERE topic = ? AND seq = ?').get(topic, seq);
  return (row as unknown as { readonly time: number }).time;
}

/** Of the topic, and of those that are it with parameters, the names of those with keys that expire. */
export function readExpiring(tx: SqliteTransaction, topic: string, most: number): readonly string[] {
  const rows = tx
    .prepare(
      `SELECT name FROM hawser_topics AS t WHERE (name = ?1 OR (name >= ?1 || '?' AND name < ?1 || '@'))
         AND EXISTS (SELECT 1 FROM hawser_keys WHERE topic = t.id AND expires > 0) ORDER BY name LIMIT ?2`,
    )
    .all(topic, most) as unknown as readonly { readonly name: string }[];
  return rows.map(({ name }) => name);
}

/** When the first key expires, ms since the Unix epoch. */
export function firstExpiry(tx: SqliteTransaction, topic: number): number {
  const row = tx.prepare('SELECT min(expires) AS first FROM hawser_keys WHERE topic = ? AND expires > 0').get(topic);
  return (row as unknown as { readonly first: number | null }).first ?? Number.POSITIVE_INFINITY;
}

/** Where a page ends that keeps to its limits, of rows that `slice` gives from a place on. */
function endOf(
  limits: Limits,
  whole: boolean,
  start: number | Uint8Array,
  slice: (from: number | Uint8Array, most: number) => unknown[],
): { readonly at: number | Uint8Array; readonly count: number; readonly more: boolean } {
  let at = start;
  let count = 0;
  let bytes = 0;
  let open = false;
  const most = Math.min(atOnce, limits.count + 1);
  for (;;) {
    const rows = slice(at, most) as Sized[];
    for (const row of rows) {
      const size = row.size ?? 0;
      if (count > 0 && !open && (count >= limits.count || bytes + size > limits.bytes))
        return { at, count, more: true };
      at = row.at;
      count += 1;
      bytes += size;
      open = whole && (row.flags & flag.more) !== 0;
    }
    if (rows.length < most) return { at, count, more: false };
  }
}

function updateOf(row: unknown): LogUpdate {
  const { seq, key, value, later, time, expires, flags } = row as UpdateRow;
  return {
    ...(later === undefined || later === null ? {} : { later }),
    seq,
    key: keyText(key),
    value: (flags & flag.deleted) !== 0 ? undefined : (value ?? new Uint8Array()),
    time,
    expires,
    more: (flags & flag.more) !== 0,
    merged: 1,
    wire: undefined,
  };
}
