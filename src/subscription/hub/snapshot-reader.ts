/**
 * A snapshot on its way to one subscriber, page by page while the topic goes on. Updates that come meanwhile are sent after
 * it, from `at`; what is held is a state of the topic only from the head at the *end* of the reading, because a key that
 * is deleted while it is read may be in no page and have no entry that says so.
 */
import { SeqChecksum } from '../seq-checksum.js';
import type { Awaitable, Limits, LogUpdate, ScanPage } from '../topic-store.js';
import { generationOf } from './announce.js';
import { take } from './conflate.js';
import type { Topic } from './topic.js';
import type { View } from './view.js';
import { chunkFrame, item } from './wire.js';

/** Keys that are looked up at once, and entries that are sent at once. */
const keysAtOnce = 256;
const atOnce = 4096;
/** Bytes of values that are looked through at once for what a view shows. */
const lookedThrough = 256 << 10;

export interface SnapshotStep {
  readonly frame: Uint8Array;
  readonly updates: readonly LogUpdate[];
  readonly done: boolean;
}

export class SnapshotReader {
  readonly at: number;
  readonly #topic: Topic;
  /** Undefined: all keys are looked through for what the view shows. */
  readonly #keys: readonly string[] | undefined;
  readonly #view: View | undefined;
  readonly #sub: number;
  readonly #ref: number;
  readonly #checksum = new SeqChecksum();
  #cursor: string | undefined;
  #nextKey = 0;
  /** What a view shows of the last page, as far as it was not sent for want of credit or room. */
  #found: readonly LogUpdate[] = [];
  #scanned = false;
  #chunks = 0;
  #count = 0;
  /** The highest head that a page is known to be as of. */
  #readAt = 0;
  /** What was sent is a state of the topic from here on; Infinity before the end. */
  consistentAt = Number.POSITIVE_INFINITY;

  /** `at` is the head of the topic, or where a topic without keys goes on. */
  constructor(topic: Topic, sub: number, ref: number, view: View | undefined, at: number) {
    this.#topic = topic;
    this.#sub = sub;
    this.#ref = ref;
    this.#view = view;
    this.#keys = view?.names === undefined ? undefined : [...view.names];
    this.at = at;
  }

  /** Comes first, at once: whoever is told of the subscription knows that a snapshot follows. */
  begin(): Uint8Array {
    const epoch = Buffer.from(this.#topic.store.state().epoch, 'hex');
    const generation = generationOf(this.#topic, this.at);
    return item({
      $case: 'snapshotBegin',
      value: {
        sub: this.#sub,
        ref: this.#ref,
        epoch,
        at: this.at,
        estimatedEntries: this.#keys?.length ?? 0,
        generation,
      },
    });
  }

  /** Keys whose time is over go first, so no page has one, and the tombstones of those that were sent are below `consistentAt`. */
  next(limits: Limits): Awaitable<SnapshotStep> {
    if (!this.#topic.keyed) return this.#step([], true);
    const expired = this.#topic.expire();
    return expired instanceof Promise ? expired.then(() => this.#read(limits)) : this.#read(limits);
  }

  #read(limits: Limits): Awaitable<SnapshotStep> {
    if (this.#keys !== undefined) return this.#lookUp(this.#keys, limits);
    const view = this.#view;
    if (this.#found.length > 0) return this.#give(limits);
    // What is hidden takes neither credit nor room.
    const page = this.#topic.store.scan(
      this.#cursor,
      view === undefined
        ? { count: Math.min(limits.count, atOnce), bytes: limits.bytes }
        : { count: atOnce, bytes: lookedThrough },
    );
    return page instanceof Promise ? page.then((one) => this.#took(one, limits)) : this.#took(page, limits);
  }

  #lookUp(keys: readonly string[], limits: Limits): Awaitable<SnapshotStep> {
    const some = keys.slice(this.#nextKey, this.#nextKey + Math.min(keysAtOnce, limits.count));
    const found = this.#topic.store.get(some);
    const step = (updates: readonly LogUpdate[]): SnapshotStep => {
      const part = take(updates, 0, updates.length, limits.bytes);
      for (const { seq } of part) this.#readAt = Math.max(this.#readAt, seq);
      const left = updates[part.length];
      this.#nextKey = left === undefined ? this.#nextKey + some.length : keys.indexOf(left.key, this.#nextKey);
      return this.#step(part, this.#nextKey === keys.length);
    };
    return found instanceof Promise ? found.then(step) : step(found);
  }

  #took({ updates, cursor, more, head }: ScanPage, limits: Limits): SnapshotStep {
    this.#cursor = cursor;
    this.#readAt = Math.max(this.#readAt, head);
    if (this.#view === undefined) return this.#step(updates, !more);
    this.#found = updates;
    this.#scanned = !more;
    return this.#give(limits);
  }

  #give({ count, bytes }: Limits): SnapshotStep {
    const shown = this.#found.filter(({ key }) => this.#view?.shows(key) !== false);
    const part = take(shown, 0, count, bytes);
    this.#found = shown.slice(part.length);
    return this.#step(part, this.#scanned && this.#found.length === 0);
  }

  /** Leaves out what is deleted, or would be if the store could end it now: that is told to the reader when it can. */
  #step(found: readonly LogUpdate[], done: boolean): SnapshotStep {
    const now = found.some(({ expires }) => expires > 0) ? this.#topic.store.now() : 0;
    const updates = found.filter(({ value, expires }) => value !== undefined && (expires === 0 || expires > now));
    const frames: Uint8Array[] = [];
    if (updates.length > 0) {
      frames.push(chunkFrame(this.#sub, this.#chunks, updates));
      this.#chunks += 1;
      this.#count += updates.length;
      for (const { seq } of updates) this.#checksum.add(seq);
    }
    if (done) frames.push(this.#end());
    return { frame: Buffer.concat(frames), updates, done };
  }

  #end(): Uint8Array {
    const { at } = this;
    this.consistentAt = this.#topic.keyed ? Math.max(at, this.#readAt, this.#topic.head) : at;
    const { consistentAt } = this;
    return item({
      $case: 'snapshotEnd',
      value: { sub: this.#sub, at, consistentAt, count: this.#count, checksum: this.#checksum.value },
    });
  }
}
