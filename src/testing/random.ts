/**
 * Chance that repeats: the same seed gives the same draws on every machine and Node version. sfc32
 * (Doty-Humphrey, PractRand): small, fast, passes the usual batteries. Not for secrets.
 */
import type { Random } from '../call/random.js';

export interface SeededRandom extends Random {
  /** What it was made from; a fork's tells its labels too. */
  readonly seed: string;
  /** A whole number of at least 0, less than `n`. Throws a RangeError unless `n` is a whole number of 1 to 2^32. */
  int(n: number): number;
  /** One of the items. Throws a RangeError when there is none. */
  pick<T>(items: readonly T[]): T;
  /** Whether something of that probability happens. Always takes one draw. */
  chance(probability: number): boolean;
  /**
   * A generator of its own for one purpose. It depends on the seed and the label only, not on what was
   * drawn before, so one more draw in one place leaves all others as they were.
   */
  fork(label: string | number): SeededRandom;
}

/**
 * @example
 * const random = seededRandom(42);
 * random.next(); // 0.184...
 */
export function seededRandom(seed: number | string): SeededRandom {
  return new Sfc32(String(seed));
}

class Sfc32 implements SeededRandom {
  readonly seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.seed = seed;
    [this.#a, this.#b, this.#c] = hash96(seed);
    for (let i = 0; i < 12; i++) this.#draw(); // seeds that differ in a bit differ in every draw
  }

  next(): number {
    return this.#draw() / 2 ** 32;
  }

  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`int(${n}): the number of values must be a whole number of 1 to 2^32`);
    }
    const fair = 2 ** 32 - (2 ** 32 % n);
    let draw = this.#draw();
    while (draw >= fair) draw = this.#draw();
    return draw % n;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick needs at least one item to choose from');
    return items[this.int(items.length)] as T;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  fork(label: string | number): SeededRandom {
    return new Sfc32(`${this.seed}/${label}`);
  }

  #draw(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** Three words out of a text, each FNV-1a from its own start. */
function hash96(text: string): [number, number, number] {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  let c = 0x89abcdef;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b) ^ (b >>> 15);
    c = Math.imul(c ^ unit, 0xc2b2ae35) ^ (c >>> 13);
  }
  return [a | 0, b | 0, c | 0];
}
