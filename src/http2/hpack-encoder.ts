/**
 * Writes header blocks. A field that comes again is one byte; a value that differs in every call is written out without pushing
 * what all calls have in common out of the table, and a secret is marked so that no proxy ever puts it into a table.
 * Source: RFC 7541; section 7.1 for secrets.
 */
import { fieldOverhead } from './header-list.js';
import { staticFields } from './static-table.js';

/** Where a header's values go. */
export type Indexing =
  /** Into the table, until they turn out to differ each time. */
  | 'index'
  /** Written out; only the name is looked up. */
  | 'literal'
  /** As `literal`, and no proxy may put it into a table. */
  | 'never';

const ownTableSize = 4_096;
/** Names beyond this many are written out: a caller may choose names as it likes. */
const maxNames = 512;
/** A name whose values miss this often, and more than they hit, is written out from then on. */
const toleratedMisses = 8;

interface NameRecord {
  readonly name: string;
  /** Index in the static table of a field with this name; 0 for none. */
  readonly staticName: number;
  readonly staticValues: ReadonlyMap<string, number>;
  /**
   * Value to the number of its entry. Entries are numbered from 0 as they are inserted, and never again. Undefined until a second
   * value is in the table: most names have one, which `lastValue` knows.
   */
  values: Map<string, number> | undefined;
  /** The newest entry of this name; -1 for none. */
  newest: number;
  lastValue: string | undefined;
  lastEntry: number;
  hits: number;
  misses: number;
  indexing: Indexing;
}

interface Entry {
  readonly record: NameRecord;
  readonly value: string;
  readonly size: number;
}

const noStatics: ReadonlyMap<string, number> = new Map();
const staticNames = new Map<string, { readonly index: number; readonly values: Map<string, number> }>();
staticFields.forEach(([name, value], i) => {
  const known = staticNames.get(name);
  if (known === undefined) staticNames.set(name, { index: i + 1, values: new Map([[value, i + 1]]) });
  else known.values.set(value, i + 1);
});

export class HpackEncoder {
  readonly #indexing: ReadonlyMap<string, Indexing>;
  /** Of the names that were written: a connection writes few of those of which something is known. */
  readonly #names = new Map<string, NameRecord>();
  readonly #entries = new Map<number, Entry>();
  #maxSize = ownTableSize;
  #size = 0;
  #inserted = 0;
  #oldest = 0;
  /** The smallest size since the last block, and whether any has to be announced: RFC 7541, section 4.2. */
  #smallest = ownTableSize;
  #announce = false;

  /** `indexing`: what is known of headers by their names. */
  constructor(indexing: ReadonlyMap<string, Indexing>) {
    this.#indexing = indexing;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableSize(size: number): void {
    this.#maxSize = Math.min(size, ownTableSize);
    this.#smallest = Math.min(this.#smallest, this.#maxSize);
    this.#announce = true;
    this.#evict(this.#maxSize);
  }

  /** Must be called at the start of each block. Takes 12 bytes at most. */
  begin(bytes: Uint8Array, at: number): number {
    if (!this.#announce) return at;
    this.#announce = false;
    const smallest = this.#smallest;
    this.#smallest = this.#maxSize;
    const next = smallest < this.#maxSize ? putInteger(bytes, at, 0x20, 0x1f, smallest) : at;
    return putInteger(bytes, next, 0x20, 0x1f, this.#maxSize);
  }

  /** Names are lower case; name and value are latin1. Takes `maxFieldBytes(name, value)` at most. */
  field(bytes: Uint8Array, at: number, name: string, value: string): number {
    const record = this.#names.get(name) ?? this.#record(name);
    if (record.indexing === 'index') {
      const index = this.#lookUp(record, value);
      if (index !== 0) return putInteger(bytes, at, 0x80, 0x7f, index);
      if (++record.misses > toleratedMisses && record.misses > record.hits) record.indexing = 'literal';
    }
    return this.#write(bytes, at, record, value);
  }

  #lookUp(record: NameRecord, value: string): number {
    if (record.lastValue !== value || record.lastEntry < 0) {
      const known = record.staticValues.get(value);
      if (known !== undefined) return known;
      const entry = record.values?.get(value);
      if (entry === undefined) return 0;
      record.lastValue = value;
      record.lastEntry = entry;
    }
    record.hits++;
    return this.#indexOf(record.lastEntry);
  }

  #write(bytes: Uint8Array, start: number, record: NameRecord, value: string): number {
    const nameIndex = record.newest >= 0 ? this.#indexOf(record.newest) : record.staticName;
    const size = record.name.length + value.length + fieldOverhead;
    // A name that the table lacks is worth an entry even where its values are not.
    const insert =
      size <= this.#maxSize / 2 && (record.indexing === 'index' || (record.indexing === 'literal' && nameIndex === 0));
    let at: number;
    if (insert) at = putInteger(bytes, start, 0x40, 0x3f, nameIndex);
    else at = putInteger(bytes, start, record.indexing === 'never' ? 0x10 : 0, 0x0f, nameIndex);
    if (nameIndex === 0) at = putString(bytes, at, record.name);
    at = putString(bytes, at, value);
    if (insert) this.#insert(record, value, size);
    return at;
  }

  #insert(record: NameRecord, value: string, size: number): void {
    this.#evict(this.#maxSize - size);
    const entry = this.#inserted++;
    this.#entries.set(entry, { record, value, size });
    this.#size += size;
    record.newest = entry;
    if (record.indexing !== 'index') return;
    const { lastValue, lastEntry } = record;
    if (record.values !== undefined) record.values.set(value, entry);
    else if (lastValue !== undefined) {
      record.values = new Map([
        [lastValue, lastEntry],
        [value, entry],
      ]);
    }
    record.lastValue = value;
    record.lastEntry = entry;
  }

  #indexOf(entry: number): number {
    return staticFields.length + this.#inserted - entry;
  }

  #evict(size: number): void {
    while (this.#size > size) {
      const number = this.#oldest++;
      const { record, value, size: freed } = this.#entries.get(number) as Entry;
      this.#entries.delete(number);
      this.#size -= freed;
      if (record.values?.get(value) === number) record.values.delete(value);
      if (record.newest === number) record.newest = -1;
      if (record.lastEntry === number) {
        record.lastEntry = -1;
        record.lastValue = undefined;
      }
    }
  }

  #record(name: string): NameRecord {
    const known = staticNames.get(name);
    const full = this.#names.size >= maxNames;
    const record: NameRecord = {
      name,
      staticName: known?.index ?? 0,
      staticValues: known?.values ?? noStatics,
      values: undefined,
      newest: -1,
      lastValue: undefined,
      lastEntry: -1,
      hits: 0,
      misses: 0,
      indexing: this.#indexing.get(name) ?? (full ? 'never' : 'index'),
    };
    if (!full) this.#names.set(name, record);
    return record;
  }
}

/** What a field takes at most. */
export function maxFieldBytes(name: string, value: string): number {
  return name.length + value.length + 12;
}

/** What `HpackEncoder.begin` takes at most. */
export const maxBeginBytes = 12;

function putInteger(bytes: Uint8Array, start: number, bits: number, mask: number, value: number): number {
  if (value < mask) {
    bytes[start] = bits | value;
    return start + 1;
  }
  let at = start;
  bytes[at++] = bits | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at] = rest;
  return at + 1;
}

function putString(bytes: Uint8Array, start: number, text: string): number {
  const { length } = text;
  const at = putInteger(bytes, start, 0, 0x7f, length);
  for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + length;
}
