/** What a page of the log holds for a subscriber that is shown only some keys. */
import type { LogUpdate } from '../topic-store.js';
import type { View } from './view.js';

export interface Picked {
  readonly updates: readonly LogUpdate[];
  /** How far the page was looked at. */
  readonly read: number;
}

/** The updates that the view shows, at most `count` and about `bytes` of values; one at least if there is one. No group is cut. */
export function pickKeys(
  updates: readonly LogUpdate[],
  after: number,
  view: View,
  count: number,
  bytes: number,
): Picked {
  const picked: LogUpdate[] = [];
  let read = after;
  let size = 0;
  /** What was picked before the group that is looked at: a group is taken whole, or left whole. */
  let taken = 0;
  for (const update of updates) {
    if (view.shows(update.key)) {
      picked.push(update);
      size += update.value?.byteLength ?? 0;
    }
    if (update.more && update !== updates.at(-1)) continue;
    // A reader never stands inside a group.
    if (taken > 0 && picked.length > taken && (picked.length > count || size > bytes)) {
      return { updates: picked.slice(0, taken), read };
    }
    taken = picked.length;
    read = update.seq;
  }
  return { updates: picked, read };
}
