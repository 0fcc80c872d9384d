/**
 * The positions of a client's subscriptions as JSON, to be kept across a restart of the process. In EVERY the position alone
 * is enough; where updates are conflated it means nothing without what is held, so the replica goes with it.
 */
import type { Position } from '../position.js';
import type { HeldState } from './contents.js';
import { checkPosition } from './options.js';
import { Replica } from './replica.js';
import type { Subscriber } from './subscriber.js';

export interface Cursors {
  readonly version: 1;
  readonly subscriptions: readonly Cursor[];
}

export interface Cursor {
  readonly topic: string;
  /** All when empty. */
  readonly keys: readonly string[];
  readonly name: string;
  readonly position: Position;
  /** Key, seq, value in base64 (null: deleted, ahead of the position), time, expiry. */
  readonly replica?: readonly CursorEntry[];
  /** The generation of the newest entry, where that is ahead of the position. */
  readonly aheadGeneration?: string | undefined;
  /** By which view it was sent, in hex, where that is not all that was asked for. */
  readonly view?: string | undefined;
}

export type CursorEntry = readonly [key: string, seq: number, value: string | null, time: number, expires: number];

/** Those that have begun; of EVERY the position that the application itself has reached. */
export function exportCursors(subscribers: Iterable<Subscriber>): Cursors {
  const subscriptions: Cursor[] = [];
  for (const one of subscribers) {
    const { topic, keys: wanted, durableName, changes } = one.spec;
    if (wanted.length === 0) continue; // it holds nothing, and no keys stand for all here
    const keys = wanted === 'all' ? [] : [...wanted].sort();
    const view = one.view === undefined ? {} : { view: Buffer.from(one.view).toString('hex') };
    const common = { topic, keys, name: durableName, ...view };
    if (one.mode === 'EVERY') {
      const position = changes ? one.feed.cursor : one.position;
      if (position !== undefined) subscriptions.push({ ...common, position });
    } else if (one.position !== undefined && one.complete) {
      const replica = [...one.replica.entries()].map(
        ([key, { seq, value, time, expires }]): CursorEntry => [
          key,
          seq,
          value === undefined ? null : Buffer.from(value).toString('base64'),
          time,
          expires,
        ],
      );
      const ahead = one.newest !== undefined && one.newest.seq > one.position.seq ? one.newest.generation : undefined;
      const more = ahead === undefined ? {} : { aheadGeneration: ahead };
      subscriptions.push({ ...common, position: one.position, replica, ...more });
    }
  }
  return { version: 1, subscriptions };
}

/** Cursors that wait for the subscription they belong to. */
export class ImportedCursors {
  readonly #waiting = new Map<string, Cursor>();

  /** Throws a TypeError for what was not exported. */
  add(cursors: Cursors): void {
    if (
      typeof cursors !== 'object' ||
      cursors === null ||
      cursors.version !== 1 ||
      !Array.isArray(cursors.subscriptions)
    ) {
      throw new TypeError('these are no cursors: pass what $exportCursors() gave, of version 1');
    }
    for (const cursor of cursors.subscriptions as readonly Cursor[]) {
      checkPosition(cursor.position);
      this.#waiting.set(nameOf(cursor.topic, cursor.keys, cursor.name), cursor);
    }
  }

  /** What a new subscription goes on from; once. */
  take(topic: string, keys: readonly string[] | 'all', name: string): Cursor | undefined {
    if (keys.length === 0) return undefined;
    const id = nameOf(topic, keys === 'all' ? [] : keys, name);
    const cursor = this.#waiting.get(id);
    this.#waiting.delete(id);
    return cursor;
  }
}

/** The view that what a cursor stands for was sent by. */
export function viewIn({ view }: Cursor): Uint8Array | undefined {
  return view === undefined ? undefined : Buffer.from(view, 'hex');
}

export function heldBy(cursor: Cursor): HeldState | undefined {
  const { position, replica: entries, aheadGeneration } = cursor;
  if (entries === undefined) return undefined;
  const replica = new Replica();
  for (const [key, seq, value, time, expires] of entries) {
    replica.restore(key, { seq, value: value === null ? undefined : Buffer.from(value, 'base64'), time, expires });
  }
  return { position, replica, aheadGeneration, view: viewIn(cursor) };
}

function nameOf(topic: string, keys: readonly string[], name: string): string {
  return JSON.stringify([topic, [...keys].sort(), name]);
}
