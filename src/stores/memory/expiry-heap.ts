/** What is due next, of many things that expire and of which most are renewed before: a binary heap that renewals only grow. */
export interface Expiring {
  /** ms since the Unix epoch. */
  readonly expires: number;
}

export class ExpiryHeap<T extends Expiring> {
  #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** When the first item expires; Infinity when there is none. */
  get first(): number {
    return this.#items[0]?.expires ?? Number.POSITIVE_INFINITY;
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as T;
      if (above.expires <= item.expires) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the item that expires first, if that is at `now` or before. */
  popDue(now: number): T | undefined {
    const items = this.#items;
    const first = items[0];
    if (first === undefined || first.expires > now) return undefined;
    const last = items.pop() as T;
    if (items.length > 0) this.#sink(last);
    return first;
  }

  /** Leaves only what `keep` says. */
  retain(keep: (item: T) => boolean): void {
    const kept = this.#items.filter(keep);
    this.#items = [];
    for (const item of kept) this.push(item);
  }

  #sink(item: T): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as T).expires < (items[child] as T).expires) child += 1;
      const below = items[child] as T;
      if (below.expires >= item.expires) break;
      items[at] = below;
      at = child;
    }
    items[at] = item;
  }
}
