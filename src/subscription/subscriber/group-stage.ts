/**
 * An atomic group that comes in parts: out of sight until its last part is here. Bounded by what the server's history holds of a
 * group, and by what this subscription is ready to hold, whatever the server says.
 */
import type { Batch, Update } from '../../../gen/hawser/subscription/v1/subscription.js';
import { valueBytes } from './names.js';

export class GroupStage {
  #updates: Update[] = [];
  #bytes = 0;

  /** Of the values in what came so far. */
  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#updates.length === 0;
  }

  add({ updates }: Batch): void {
    for (const update of updates) this.#updates.push(update);
    this.#bytes += valueBytes(updates);
  }

  /** The last part is here: the batch of the whole group. */
  complete(last: Batch): Batch {
    if (this.empty) return last;
    const { updates } = this.drop();
    for (const update of last.updates) updates.push(update);
    return { ...last, updates };
  }

  /** It will not be completed. Answers with what is dropped. */
  drop(): { readonly updates: Update[]; readonly bytes: number } {
    const dropped = { updates: this.#updates, bytes: this.#bytes };
    this.#updates = [];
    this.#bytes = 0;
    return dropped;
  }
}
