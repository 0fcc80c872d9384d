/**
 * JSON text to values, without losing what JSON.parse loses: a whole number beyond 2^53 becomes a bigint, and a name that an object
 * has twice is an error.
 */
import { wholeOf } from './scalars.js';

/** How deep arrays and objects may nest. Messages may nest 100 deep, and each may be in a list or a map. */
const deepest = 300;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const space = /[ \t\r\n]*/y;
/** Whole numbers up to this are bigints where a double would round them: no type of a field is wider. */
const widest = 2 ** 64;

/**
 * What the text says. Numbers are as JSON.parse has them, but for whole ones from 2^53 to 2^64, which are bigints, so that
 * `Trade.fromJson` gets all digits of a 64-bit number that is not quoted.
 *
 * Throws a SyntaxError that says where, for text that is no JSON, repeats a name within an object, or nests more than 300 deep.
 */
export function parseJson(text: string): unknown {
  return new Parser(text).whole();
}

class Parser {
  #at = 0;
  #depth = 0;

  constructor(private readonly text: string) {}

  whole(): unknown {
    const value = this.#value();
    this.#match(space);
    if (this.#at < this.text.length) this.#unexpected('the end');
    return value;
  }

  #value(): unknown {
    this.#match(space);
    switch (this.text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object());
      case '[':
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    if (this.#next('}')) return object;
    do {
      this.#match(space);
      const at = this.#at;
      const name = this.#string();
      if (Object.hasOwn(object, name)) this.#fault(`the name ${JSON.stringify(name)} is there twice`, at);
      if (!this.#next(':')) this.#unexpected('":"');
      const value = this.#value();
      // Assignment would set the prototype.
      if (name !== '__proto__') object[name] = value;
      else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    } while (this.#next(','));
    if (!this.#next('}')) this.#unexpected('"," or "}"');
    return object;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    if (this.#next(']')) return array;
    do array.push(this.#value());
    while (this.#next(','));
    if (!this.#next(']')) this.#unexpected('"," or "]"');
    return array;
  }

  #string(): string {
    const start = this.#at;
    if (this.text[start] !== '"') this.#unexpected('a string');
    let end = start;
    do {
      end = this.text.indexOf('"', end + 1);
      if (end === -1) this.#fault('the string does not end');
    } while (this.#isEscaped(end));
    this.#at = end + 1;
    try {
      return JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      return this.#fault('the string holds a control character or an escape that there is not', start);
    }
  }

  /** Whether an odd number of backslashes stands before. */
  #isEscaped(at: number): boolean {
    let first = at;
    while (this.text[first - 1] === '\\') first--;
    return (at - first) % 2 === 1;
  }

  #number(): number | bigint {
    const source = this.#match(number);
    if (source === '') this.#unexpected('a value');
    const value = Number(source);
    if (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) > widest) return value;
    return wholeOf(source) ?? value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.#at)) this.#unexpected('a value');
    this.#at += word.length;
    return value;
  }

  #nested<T>(read: () => T): T {
    this.#at++;
    if (++this.#depth > deepest) this.#fault(`it nests more than ${deepest} deep`);
    const value = read();
    this.#depth--;
    return value;
  }

  /** Whether a sign comes next, which is passed then. */
  #next(sign: string): boolean {
    this.#match(space);
    if (this.text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #unexpected(wanted: string): never {
    const { length } = this.text;
    const found = this.#at < length ? JSON.stringify(this.text.slice(this.#at, this.#at + 12)) : 'the end';
    return this.#fault(`found ${found} where ${wanted} should be`);
  }

  #fault(message: string, at = this.#at): never {
    const before = this.text.slice(0, at).split('\n');
    throw new SyntaxError(`not JSON: line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${message}`);
  }
}
