/**
 * The log of one topic inside one write transaction. What it decides by is read from the tables, never from memory, so a
 * savepoint that is rolled back takes all of it along. The value of an update is stored once: an update that the log has
 * dropped stays while it is the newest of its key.
 */
import type { LogView, ProducerNumbers } from '../../subscription/append-rules.js';
import { droppable, type Generation, type GenerationRow } from '../../subscription/generation.js';
import type { Epoch } from '../../subscription/position.js';
import type { Append, LogUpdate, TopicSpec } from '../../subscription/topic-store.js';
import type { SqliteTransaction } from './tx.js';

export interface TopicRow {
  readonly id: number;
  readonly epoch: Epoch;
  readonly keyed: number;
  head: number;
  /** The oldest update of the log. */
  first: number;
  /** Of tombstones that are forgotten, the newest. */
  horizon: number;
  /** Of the values in the log. */
  bytes: number;
  /** Keys and tombstones. */
  keys: number;
  tombstones: number;
  /** Of the newest update; times never fall. */
  time: number;
  /** The newest one that has begun; empty before the first. */
  generation: Generation;
}

export const findTopic =
  'SELECT id, epoch, keyed, head, first, horizon, bytes, keys, tombstones, time, generation FROM hawser_topics WHERE name = ?';
export const findGenerations = 'SELECT name, first FROM hawser_generations WHERE topic = ? ORDER BY first';
export const flag = { more: 1, deleted: 2 } as const;

/** What one transaction drops at most; the rest goes with the next. */
const mostDropped = 1_000;
const mostProducers = 10_000;

export class TopicTable implements LogView {
  readonly topic: string;
  readonly row: TopicRow;
  /** Of the log, ms since the Unix epoch: keys whose time is over by then are not there any more. */
  time = 0;
  readonly #tx: SqliteTransaction;
  readonly #spec: TopicSpec;
  #dropped = 0;

  /** `epoch` makes that of a topic that has no row. */
  constructor(tx: SqliteTransaction, spec: TopicSpec, epoch: () => Epoch) {
    this.#tx = tx;
    this.#spec = spec;
    this.topic = spec.name;
    this.row = this.#find() ?? this.#make(epoch());
  }

  get epoch(): Epoch {
    return this.row.epoch;
  }

  get head(): number {
    return this.row.head;
  }

  keySeq(key: string): number {
    const known = this.#key(keyBytes(key));
    return known === undefined || known.deleted === 1 || this.#isOver(known) ? 0 : known.seq;
  }

  /** The keys of the group whose time is over and that have no tombstone yet. */
  over(group: readonly Append[]): readonly string[] {
    if (!this.#spec.keyed) return [];
    const keys = [...new Set(group.map(({ key }) => key))];
    return keys.filter((key) => {
      const known = this.#key(keyBytes(key));
      return known !== undefined && this.#isOver(known);
    });
  }

  hasKey(key: string): boolean {
    return this.#key(keyBytes(key)) !== undefined;
  }

  numbers(producer: string): ProducerNumbers | undefined {
    // Each found in the index by itself; both in one aggregate would read all of them.
    const { oldest, last } = this.#tx
      .prepare(
        `SELECT (SELECT min(number) FROM hawser_publications WHERE topic = ?1 AND producer = ?2) AS oldest,
                (SELECT max(number) FROM hawser_publications WHERE topic = ?1 AND producer = ?2) AS last`,
      )
      .get(this.row.id, keyBytes(producer)) as { oldest: number | null; last: number | null };
    return oldest === null || last === null ? undefined : { oldest, last };
  }

  published(producer: string, number: number): number | undefined {
    const found = this.#tx
      .prepare('SELECT seq FROM hawser_publications WHERE topic = ? AND producer = ? AND number = ?')
      .get(this.row.id, keyBytes(producer), number) as { seq: number } | undefined;
    return found?.seq;
  }

  /** Numbers of this producer up to `number` are remembered no more. */
  forgetNumbers(producer: string, number: number): void {
    this.#tx
      .prepare('DELETE FROM hawser_publications WHERE topic = ? AND producer = ? AND number <= ?')
      .run(this.row.id, keyBytes(producer), number);
  }

  generationOf(seq: number): Generation | undefined {
    const found = this.#tx
      .prepare('SELECT name FROM hawser_generations WHERE topic = ? AND first <= ? ORDER BY first DESC LIMIT 1')
      .get(this.row.id, seq) as { readonly name: Generation } | undefined;
    return seq < 1 ? undefined : found?.name;
  }

  /** What is appended from here on is of the generation `name`. Drops the rows of those that are of no use any more. */
  beginGeneration(name: Generation): void {
    const { row } = this;
    const tx = this.#tx;
    tx.prepare('DELETE FROM hawser_generations WHERE topic = ? AND first > ?').run(row.id, row.head);
    tx.prepare('INSERT INTO hawser_generations (topic, first, name) VALUES (?, ?, ?)').run(row.id, row.head + 1, name);
    row.generation = name;
    const rows = tx.prepare(findGenerations).all(row.id) as unknown as GenerationRow[];
    const lowWater = Math.min(row.first - 1, this.#spec.keyed ? row.horizon : row.head);
    const oldest = rows[droppable(rows, lowWater)];
    if (oldest === undefined || oldest === rows[0]) return;
    tx.prepare('DELETE FROM hawser_generations WHERE topic = ? AND first < ?').run(row.id, oldest.first);
  }

  put({ key, value, ttl, producer }: Append, time: number, more: boolean): LogUpdate {
    const { row } = this;
    const seq = row.head + 1;
    const expires = ttl > 0 && value !== undefined ? time + ttl : 0;
    const flags = (more ? flag.more : 0) | (value === undefined ? flag.deleted : 0);
    const bytes = keyBytes(key);
    this.#tx
      .prepare(
        `INSERT INTO hawser_updates (topic, seq, key, value, time, expires, flags)
         VALUES (?, ?, coalesce(?, x''), ?, ?, ?, ?)`,
      )
      .run(row.id, seq, bytes, value ?? null, time, expires, flags);
    row.head = seq;
    row.time = time;
    row.bytes += value?.byteLength ?? 0;
    if (this.#spec.keyed) this.#putKey(bytes, seq, value === undefined, expires);
    if (producer !== undefined) this.#record(producer, seq);
    return { seq, key, value, time, expires, more, merged: 1, wire: undefined };
  }

  /** Drops what the history does not keep, whole groups, and so many at most. False: there is more. */
  drop(now: number): boolean {
    const { count, bytes, age } = this.#spec.history;
    const { row } = this;
    while (row.first <= row.head) {
      const fits = row.head - row.first + 1 <= count && row.bytes <= bytes;
      if (fits && age === Number.POSITIVE_INFINITY) return true;
      let oldest = this.#at(row.first);
      if (fits && oldest.time >= now - age) return true;
      if (this.#dropped >= mostDropped) return false;
      while (this.#dropOne(oldest) && row.first <= row.head) oldest = this.#at(row.first);
    }
    return true;
  }

  /** Keys whose time is over, the first to go first. */
  expired(now: number): readonly string[] {
    const rows = this.#tx
      .prepare(
        'SELECT key FROM hawser_keys WHERE topic = ? AND expires > 0 AND expires <= ? ORDER BY expires, seq LIMIT ?',
      )
      .all(this.row.id, now, mostDropped) as { key: Uint8Array }[];
    return rows.map(({ key }) => keyText(key));
  }

  /** Producers that are silent longest are forgotten. */
  forgetProducers(): void {
    this.#tx
      .prepare(
        `DELETE FROM hawser_publications WHERE topic = ?1 AND producer IN
           (SELECT producer FROM hawser_publications WHERE topic = ?1
            GROUP BY producer ORDER BY max(seq) DESC LIMIT -1 OFFSET ${mostProducers})`,
      )
      .run(this.row.id);
  }

  save(): void {
    const { id, head, first, horizon, bytes, keys, tombstones, time, generation } = this.row;
    this.#tx
      .prepare(
        `UPDATE hawser_topics SET head = ?, first = ?, horizon = ?, bytes = ?, keys = ?, tombstones = ?, time = ?,
           generation = ?
         WHERE id = ?`,
      )
      .run(head, first, horizon, bytes, keys, tombstones, time, generation, id);
  }

  #find(): TopicRow | undefined {
    return this.#tx.prepare(findTopic).get(this.topic) as TopicRow | undefined;
  }

  #make(epoch: Epoch): TopicRow {
    this.#tx
      .prepare(
        `INSERT INTO hawser_topics (name, epoch, keyed, head, first, horizon, bytes, keys, tombstones, time)
         VALUES (?, ?, ?, 0, 1, 0, 0, 0, 0, 0)`,
      )
      .run(this.topic, epoch, this.#spec.keyed ? 1 : 0);
    return this.#find() as TopicRow;
  }

  #putKey(key: Uint8Array, seq: number, deleted: boolean, expires: number): void {
    const { row } = this;
    const known = this.#key(key);
    if (known === undefined) row.keys += 1;
    else {
      if (known.deleted === 1) row.tombstones -= 1;
      if (known.seq < row.first) this.#delete(known.seq);
    }
    this.#tx
      .prepare(
        `INSERT INTO hawser_keys (topic, key, seq, deleted, expires) VALUES (?, coalesce(?, x''), ?, ?, ?)
         ON CONFLICT DO UPDATE SET seq = excluded.seq, deleted = excluded.deleted, expires = excluded.expires`,
      )
      .run(row.id, key, seq, deleted ? 1 : 0, expires);
    if (!deleted) return;
    row.tombstones += 1;
    while (row.tombstones > this.#spec.tombstones) this.#forgetTombstone();
  }

  #forgetTombstone(): void {
    const { row } = this;
    const { key, seq } = this.#tx
      .prepare('SELECT key, seq FROM hawser_keys WHERE topic = ? AND deleted = 1 ORDER BY seq LIMIT 1')
      .get(row.id) as { key: Uint8Array; seq: number };
    this.#tx.prepare(`DELETE FROM hawser_keys WHERE topic = ? AND key = coalesce(?, x'')`).run(row.id, key);
    if (seq < row.first) this.#delete(seq);
    row.tombstones -= 1;
    row.keys -= 1;
    row.horizon = seq;
  }

  #record({ id, seq: number }: { readonly id: string; readonly seq: number }, seq: number): void {
    const producer = keyBytes(id);
    const topic = this.row.id;
    this.#tx
      .prepare('INSERT OR REPLACE INTO hawser_publications (topic, producer, number, seq) VALUES (?, ?, ?, ?)')
      .run(topic, producer, number, seq);
  }

  #isOver({ expires }: KeyRow): boolean {
    return expires > 0 && expires <= this.time;
  }

  #key(key: Uint8Array): KeyRow | undefined {
    return this.#tx
      .prepare(`SELECT seq, deleted, expires FROM hawser_keys WHERE topic = ? AND key = coalesce(?, x'')`)
      .get(this.row.id, key) as KeyRow | undefined;
  }

  #at(seq: number): Oldest {
    return this.#tx
      .prepare('SELECT key, length(value) AS size, time, flags FROM hawser_updates WHERE topic = ? AND seq = ?')
      .get(this.row.id, seq) as unknown as Oldest;
  }

  /** Drops the oldest update of the log; true when its group goes on. */
  #dropOne({ key, size, flags }: Oldest): boolean {
    const { row } = this;
    if (!this.#spec.keyed || this.#key(key)?.seq !== row.first) this.#delete(row.first);
    row.bytes -= size ?? 0;
    row.first += 1;
    this.#dropped += 1;
    return (flags & flag.more) !== 0;
  }

  #delete(seq: number): void {
    this.#tx.prepare('DELETE FROM hawser_updates WHERE topic = ? AND seq = ?').run(this.row.id, seq);
  }
}

interface KeyRow {
  readonly seq: number;
  readonly deleted: number;
  readonly expires: number;
}

interface Oldest {
  readonly key: Uint8Array;
  readonly size: number | null;
  readonly time: number;
  readonly flags: number;
}

export function keyBytes(key: string): Uint8Array {
  return Buffer.from(key);
}

export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
