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

/** What stands under a name, until it is over. */
export interface Named<T> {
  one: T | undefined;
}

/** By name. */
export class InFlightByName<T> {
  /** What is over stays until it is thrown away with others. */
  #all = new Map<string, Named<T>>();
  #size = 0;

  get(name: string): T | undefined {
    return this.#all.get(name)?.one;
  }

  /** Of a name that has none. Whoever adds remembers what it is removed by. */
  add(name: string, one: T): Named<T> {
    const named = { one };
    this.#all.set(name, named);
    this.#size += 1;
    if (this.#all.size > 2 * this.#size + mostOver) this.#tidy();
    return named;
  }

  /** Does nothing when it is gone already. */
  remove(named: Named<T>): void {
    if (named.one === undefined) return;
    named.one = undefined;
    this.#size -= 1;
  }

  #tidy(): void {
    const all = this.#all;
    this.#all = new Map();
    for (const [name, named] of all) if (named.one !== undefined) this.#all.set(name, named);
  }
}

/** Names that are over, at most, besides as many as are not. */
const mostOver = 256;
