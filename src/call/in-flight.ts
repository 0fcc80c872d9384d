/**
 * What is in flight. A Set or a Map would do but for the collector: one whose entries come and go takes a new table again and
 * again, and V8 leaves a reference to the new table in the old. Once a table has grown old, which takes a quiet moment, all that
 * passes through its successors is kept until the next full collection, calls and requests and all: a third of the throughput.
 */

/** In no order. Whoever adds remembers the place. */
export class InFlight<T> implements Iterable<T> {
  readonly #places: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** The place that it has until it is removed. */
  add(one: T): number {
    const place = this.#free.pop() ?? this.#places.length;
    this.#places[place] = one;
    return place;
  }

  /** False when it is gone already. */
  remove(place: number, one: T): boolean {
    if (this.#places[place] !== one) return false;
    this.#places[place] = undefined;
    this.#free.push(place);
    return true;
  }

  /** What is removed meanwhile is left out. */
  *[Symbol.iterator](): Iterator<T> {
    for (const one of this.#places) if (one !== undefined) yield one;
  }
}

/** By name. */
export class InFlightByName<T> {
  /** A name that is over stands for undefined until they are thrown away together. */
  #all = new Map<string, T | undefined>();
  #size = 0;

  get(name: string): T | undefined {
    return this.#all.get(name);
  }

  set(name: string, one: T): void {
    if (this.#all.get(name) === undefined) this.#size += 1;
    this.#all.set(name, one);
    if (this.#all.size > 2 * this.#size + mostOver) this.#tidy();
  }

  delete(name: string): void {
    if (this.#all.get(name) === undefined) return;
    this.#all.set(name, undefined);
    this.#size -= 1;
  }

  #tidy(): void {
    const all = this.#all;
    this.#all = new Map();
    for (const [name, one] of all) if (one !== undefined) this.#all.set(name, one);
  }
}

/** Names that are over, at most, besides as many as are not. */
const mostOver = 256;
