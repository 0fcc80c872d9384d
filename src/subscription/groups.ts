/** Atomic groups in a list of updates of a log: where each ends, and how far a list goes that ends inside one. */
import type { LogUpdate } from './topic-store.js';

/** Tells each update where its group ends, as far as the list holds that. */
export function markGroups(updates: readonly LogUpdate[]): void {
  let end: number | undefined;
  for (let at = updates.length - 1; at >= 0; at--) {
    const update = updates[at] as LogUpdate;
    if (!update.more) end = update.seq;
    else update.groupTo = end;
  }
}

/** All but what there is of a group that goes on after the list. */
export function wholeGroups(updates: readonly LogUpdate[]): readonly LogUpdate[] {
  let end = updates.length;
  while (end > 0 && (updates[end - 1] as LogUpdate).more) end -= 1;
  return end === updates.length ? updates : updates.slice(0, end);
}
