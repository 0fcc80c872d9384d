/** What a page of the log holds for a subscriber of certain keys. */
import type { LogUpdate } from '../topic-store.js';

export interface Picked {
  readonly updates: readonly LogUpdate[];
  /** How far the page was looked at. */
  readonly read: number;
}

/** The updates of `keys`, at most `count` and about `bytes` of values; one at least if there is one. No group is cut. */
export function pickKeys(
  updates: readonly LogUpdate[],
  after: number,
  keys: ReadonlySet<string>,
  count: number,
  bytes: number,
): Picked {
  const picked: LogUpdate[] = [];
  let read = after;
  let size = 0;
  let betweenGroups = true;
  for (const update of updates) {
    if (keys.has(update.key)) {
      const added = update.value?.byteLength ?? 0;
      const full = picked.length >= count || size + added > bytes;
      if (picked.length > 0 && betweenGroups && full) break;
      picked.push(update);
      size += added;
    }
    betweenGroups = !update.more;
    // A reader never stands inside a group.
    if (betweenGroups || update === updates.at(-1)) read = update.seq;
  }
  return { updates: picked, read };
}
