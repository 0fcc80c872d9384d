/**
 * One opening of a topic's log for writing, which all topics of that name in a store share. What it appends is of one generation,
 * which begins with the first update, so that an opening that appends nothing writes nothing.
 */
import { type Generation, newGeneration } from '../../subscription/generation.js';
import type { TopicTable } from './topic-table.js';

export class Opening {
  #generation = newGeneration();
  /** It is in a row, or was in one that a rollback took. */
  #begun = false;

  get generation(): Generation {
    return this.#generation;
  }

  /** Updates of this generation may be gone from the log, so nothing may be appended in it any more. */
  renew(): void {
    this.#generation = newGeneration();
    this.#begun = false;
  }

  /** Before an append to a log whose committed head was `head`: begins the generation, unless it is the log's newest. */
  enter(table: TopicTable, head: number): void {
    if (table.row.generation === this.#generation && table.row.head >= head) return;
    if (this.#begun) this.renew();
    this.#begun = true;
    table.beginGeneration(this.#generation);
  }
}
