/**
 * An atomic group on its way to one subscriber, read from the log piece by piece: it may be larger than a frame, and than what a
 * server can hold for each of its readers. A client that takes parts gets one whenever a frame is full; for others all is held, up
 * to what one frame may have. Credit and intervals are asked for a group as a whole, as it is never left half sent.
 */
import type { LogUpdate } from '../topic-store.js';
import type { View } from './view.js';

/** `OPEN`: the group goes on, and there is room for more of it. `FULL`: what is held must be sent first. */
export type GroupStep = 'OPEN' | 'FULL' | 'DONE';

export class GroupReader {
  /** How far the log was looked at. */
  at: number;
  #held: LogUpdate[] = [];
  #bytes = 0;
  /** Something of the group was taken, now or before. */
  #some = false;

  constructor(at: number) {
    this.at = at;
  }

  /** Takes of a page that follows `at` what the view shows, up to the end of the first group of which it shows anything. */
  take(page: readonly LogUpdate[], view: View | undefined, most: number): GroupStep {
    for (const update of page) {
      if (view === undefined || view.shows(update.key)) {
        const size = update.value?.byteLength ?? 0;
        if (this.#held.length > 0 && this.#bytes + size > most) return 'FULL';
        this.#held.push(update);
        this.#bytes += size;
        this.#some = true;
      }
      this.at = update.seq;
      if (!update.more && this.#some) return 'DONE';
    }
    return 'OPEN';
  }

  /** What was taken since the last time. */
  give(): { readonly updates: readonly LogUpdate[]; readonly bytes: number } {
    const given = { updates: this.#held, bytes: this.#bytes };
    this.#held = [];
    this.#bytes = 0;
    return given;
  }
}
