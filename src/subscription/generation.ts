/**
 * Which run of a server appended an update. Each opening of a log for writing begins a generation, named by random bytes and never
 * by a counter, since a counter in a log that was put back from a copy repeats. So a position whose generation does not own
 * its seq is of another history, however far the log has grown again.
 *
 * The rows are kept with the log and ordered by their first seq. A generation owns every seq up to the next one's first.
 */
import { randomBytes } from 'node:crypto';
import type { Page } from './topic-store.js';

/** 8 random bytes in hex. */
export type Generation = string;

export const generationBytes = 8;

export function newGeneration(): Generation {
  return randomBytes(generationBytes).toString('hex');
}

/** The bytes as they travel; undefined stays it. */
export function generationToBytes(generation: Generation | undefined): Uint8Array | undefined {
  return generation === undefined ? undefined : Buffer.from(generation, 'hex');
}

/** Undefined where the peer names none. Bytes that are no generation give a name that equals none. */
export function generationFromBytes(bytes: Uint8Array | undefined): Generation | undefined {
  if (bytes === undefined || bytes.byteLength === 0) return undefined;
  if (bytes.byteLength !== generationBytes) return 'malformed';
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export interface GenerationRow {
  readonly name: Generation;
  /** The first seq that it owns. */
  readonly first: number;
}

/** So many rows are kept whatever they own: who comes back from before them is told of a gap, and not of a reset. */
const kept = 256;
/** Rows at most. A position of an older generation counts as one of another history. */
const most = 10_000;

export class Generations {
  static readonly none = new Generations([]);
  readonly rows: readonly GenerationRow[];

  /** Ordered by `first`. */
  constructor(rows: readonly GenerationRow[]) {
    this.rows = rows;
  }

  get newest(): Generation | undefined {
    return this.rows.at(-1)?.name;
  }

  /** Undefined at 0, and where the row is not kept any more. */
  ownerOf(seq: number): Generation | undefined {
    return seq < 1 ? undefined : this.rows[this.#indexOf(seq)]?.name;
  }

  /** The last seq of the generation that owns `seq`; of the newest, Infinity. */
  endOf(seq: number): number {
    const next = this.rows[this.#indexOf(seq) + 1];
    return next === undefined ? Number.POSITIVE_INFINITY : next.first - 1;
  }

  /**
   * With one more, which begins at `first`. Those that own no seq before it go, and so do those that own none that a reader could
   * go on from (`lowWater` is the lowest position of that kind), but for the newest.
   */
  begin(name: Generation, first: number, lowWater: number): Generations {
    const rows = [...this.rows.filter((row) => row.first < first), { name, first }];
    return new Generations(rows.slice(droppable(rows, lowWater)));
  }

  /** -1 before the first row. */
  #indexOf(seq: number): number {
    const { rows } = this;
    let low = 0;
    let high = rows.length;
    // Most ask about the newest.
    if ((rows[high - 1]?.first ?? Number.POSITIVE_INFINITY) <= seq) return high - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rows[middle] as GenerationRow).first <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** How many rows at the front are of no use. */
export function droppable(rows: readonly GenerationRow[], lowWater: number): number {
  let owner = rows.length - 1;
  while (owner > 0 && (rows[owner] as GenerationRow).first > lowWater) owner -= 1;
  return Math.max(0, rows.length - most, Math.min(owner, rows.length - kept));
}

/** The part of a page of the log that one generation appended, so that each of its updates has that generation. */
export function ofOneGeneration(page: Page, generations: Generations): Page {
  const [first] = page.updates;
  if (first === undefined) return page;
  const end = generations.endOf(first.seq);
  const after = page.updates.findIndex(({ seq }) => seq > end);
  return after < 0 ? page : { updates: page.updates.slice(0, after), more: true };
}
