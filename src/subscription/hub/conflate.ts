/**
 * What a reader that is behind still needs: the newest update of each key that changed after its position (LATEST), or one
 * update a key that stands for all of them (MERGE). As of one head, so several readers at one position share it.
 */
import type { Awaitable, LogUpdate, TopicStore } from '../topic-store.js';

/** Everything that changed after `from`, as of `to`, in the order of its seq. */
export interface Changes {
  readonly from: number;
  readonly to: number;
  readonly updates: readonly LogUpdate[];
}

/** One value that stands for those of several updates of a key, oldest first, none of which is deleted. */
export type MergeUpdates = (updates: readonly LogUpdate[]) => Uint8Array | undefined;

/** Of a log its history is the bound; of what changed, the names of the keys, where the values would have to be read. */
const everything = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Undefined when the store cannot say any more. */
export function latestSince(store: TopicStore, from: number, to: number, later = true): Awaitable<Changes | undefined> {
  const page = store.changesSince(from, { ...everything, later });
  const changes = (updates: readonly LogUpdate[] | undefined): Changes | undefined =>
    updates === undefined ? undefined : { from, to: Math.max(to, updates.at(-1)?.seq ?? to), updates };
  return page instanceof Promise ? page.then((one) => changes(one?.updates)) : changes(page?.updates);
}

/**
 * As `latestSince`, with what each key's updates come to. Where the log does not reach back to `from`, the newest of each
 * key stands for itself alone.
 */
export function mergedSince(
  store: TopicStore,
  from: number,
  to: number,
  merge: MergeUpdates,
): Awaitable<Changes | undefined> {
  const page = store.read(from, everything);
  const changes = (updates: readonly LogUpdate[] | undefined): Awaitable<Changes | undefined> =>
    updates === undefined
      ? latestSince(store, from, to, false) // what came later would be merged into the next run again
      : { from, to: updates.at(-1)?.seq ?? to, updates: mergeByKey(updates, merge) };
  return page instanceof Promise ? page.then((one) => changes(one?.updates)) : changes(page?.updates);
}

/** One update for each key, ordered by seq. A tombstone ends what came before it. */
export function mergeByKey(updates: readonly LogUpdate[], merge: MergeUpdates): LogUpdate[] {
  const byKey = new Map<string, LogUpdate[]>();
  for (const update of updates) {
    const run = byKey.get(update.key);
    if (run === undefined) byKey.set(update.key, [update]);
    else run.push(update);
  }
  const merged: LogUpdate[] = [];
  for (const run of byKey.values()) merged.push(mergeRun(run, merge));
  return merged.sort((a, b) => a.seq - b.seq);
}

function mergeRun(run: readonly LogUpdate[], merge: MergeUpdates): LogUpdate {
  const last = run.at(-1) as LogUpdate;
  if (run.length === 1) return last;
  let since: LogUpdate[] = [];
  for (const update of run) {
    if (update.value === undefined) since = [];
    else since.push(update);
  }
  if (since.length <= 1) return { ...last, merged: run.length, more: false, groupTo: undefined, wire: undefined };
  let merged: { readonly value: Uint8Array | undefined } | undefined;
  return {
    ...last,
    // When it is first read: a reader that is not shown the key must not fail with it.
    get value() {
      merged ??= { value: merge(since) };
      return merged.value;
    },
    merged: run.length,
    more: false,
    groupTo: undefined,
    wire: undefined,
  };
}

/** A part of a list of updates, from `start`, that keeps to limits; one at least. */
export function take(updates: readonly LogUpdate[], start: number, count: number, bytes: number): readonly LogUpdate[] {
  let end = start;
  let size = 0;
  while (end < updates.length && end - start < count) {
    const { value, later } = updates[end] as LogUpdate;
    size += later ?? value?.byteLength ?? 0;
    if (end > start && size > bytes) break;
    end += 1;
  }
  return start === 0 && end === updates.length ? updates : updates.slice(start, end);
}
