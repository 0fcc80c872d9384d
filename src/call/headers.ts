/**
 * The headers and trailers of a call: gRPC metadata and THeader keys alike, so what one wire
 * cannot carry the other does not take either. Names are lower case; a name that ends in
 * `-bin` has bytes, any other printable ASCII (gRPC over HTTP/2, "Custom-Metadata").
 */
import { shown } from '../contract/option-names.js';

export type HeaderValue = string | Uint8Array;

/** `{ 'x-tenant': 'a', 'x-trace-bin': bytes, 'x-many': ['a', 'b'] }` */
export type HeadersInit = HeaderMap | Readonly<Record<string, HeaderValue | readonly HeaderValue[] | undefined>>;

const legalName = /^[0-9a-z_.-]+$/;

type Value = HeaderValue | HeaderValue[];

/** Headers from which on a look goes by an index; up to here to go through them all is cheaper, and to copy them too. */
const mostScanned = 24;

export class HeaderMap implements Iterable<[string, HeaderValue]> {
  /** Name, value, name, value. As good as every header has one value: it stands by itself. */
  readonly #entries: Value[];
  /** Where each name stands, when there are many. */
  #index: Map<string, number> | undefined;
  /** Whether a header has several values. */
  #lists = false;
  /** Bytes of memory that it holds, where the wire that read it has counted them. */
  cost = 0;
  /** Why nothing can be changed any more. */
  #sealed: string | undefined;

  /** Throws a TypeError for an illegal name or value. */
  constructor(init?: HeadersInit) {
    if (init instanceof HeaderMap) {
      this.#entries = init.#lists ? init.#entries.map(copied) : init.#entries.slice();
      this.#lists = init.#lists;
      return;
    }
    this.#entries = [];
    if (init === undefined) return;
    if (typeof init !== 'object' || init === null || Symbol.iterator in init) {
      throw new TypeError(`headers is ${shown(init)}; it is an object such as { 'x-tenant': 'a' }, or a HeaderMap`);
    }
    for (const [name, value] of Object.entries(init)) {
      if (value === undefined) continue;
      if (Array.isArray(value)) for (const one of value) this.append(name, one);
      else this.append(name, value as HeaderValue);
    }
  }

  get size(): number {
    return this.#entries.length / 2;
  }

  has(name: string): boolean {
    return this.#at(keyOf(name)) >= 0;
  }

  /** The first value of a text header. */
  get(name: string): string | undefined {
    const value = this.#first(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** The first value of a `-bin` header. */
  getBinary(name: string): Uint8Array | undefined {
    const value = this.#first(name);
    return value instanceof Uint8Array ? value : undefined;
  }

  getAll(name: string): readonly HeaderValue[] {
    const at = this.#at(keyOf(name));
    return at < 0 ? none : listed(this.#entries[at + 1] as Value);
  }

  /** The value of a header that has one value and no more. As `put`, of a name in lower case. */
  single(key: string): HeaderValue | undefined {
    const at = this.#at(key);
    const value = at < 0 ? undefined : this.#entries[at + 1];
    return Array.isArray(value) ? undefined : value;
  }

  /** Replaces what was there. Throws a TypeError for an illegal name or value. */
  set(name: string, value: HeaderValue): this {
    return this.put(checked(name, value), value);
  }

  /** As `set`, of what is known to be legal: a name in lower case and a value that were checked or made here. */
  put(key: string, value: HeaderValue): this {
    this.#checkOpen(key);
    const at = this.#at(key);
    if (at < 0) this.#add(key, value);
    else this.#entries[at + 1] = value;
    return this;
  }

  /** Adds a value. Throws a TypeError for an illegal name or value. */
  append(name: string, value: HeaderValue): this {
    const key = checked(name, value);
    this.#checkOpen(key);
    const at = this.#at(key);
    if (at < 0) {
      this.#add(key, value);
      return this;
    }
    const before = this.#entries[at + 1] as Value;
    if (Array.isArray(before)) before.push(value);
    else this.#entries[at + 1] = [before, value];
    this.#lists = true;
    return this;
  }

  delete(name: string): boolean {
    const at = this.#at(keyOf(name));
    if (at < 0) return false;
    this.#checkOpen(name);
    this.#entries.splice(at, 2);
    this.#index = undefined;
    return true;
  }

  /** For transports: changes from now on throw a TypeError that says `why`, for they would be lost in silence. */
  seal(why: string): void {
    this.#sealed ??= why;
  }

  /** Every name, with its value, or its values where there are several. */
  forEach(fn: (name: string, value: HeaderValue | readonly HeaderValue[]) => void): void {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 2) fn(entries[at] as string, entries[at + 1] as Value);
  }

  /** Every pair, a name with several values several times. */
  *[Symbol.iterator](): IterableIterator<[string, HeaderValue]> {
    const entries = this.#entries;
    for (let at = 0; at < entries.length; at += 2) {
      for (const one of listed(entries[at + 1] as Value)) yield [entries[at] as string, one];
    }
  }

  toJSON(): Record<string, string | string[]> {
    const json: Record<string, string | string[]> = Object.create(null);
    this.forEach((name, value) => {
      json[name] = typeof value === 'string' || value instanceof Uint8Array ? textOf(value) : value.map(textOf);
    });
    return json;
  }

  #checkOpen(name: string): void {
    if (this.#sealed !== undefined) throw new TypeError(`the header ${name} cannot be changed: ${this.#sealed}`);
  }

  #first(name: string): HeaderValue | undefined {
    const at = this.#at(keyOf(name));
    const value = at < 0 ? undefined : this.#entries[at + 1];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Where a name stands; -1 when it is not there. */
  #at(key: string): number {
    const entries = this.#entries;
    if (entries.length > 2 * mostScanned) return this.#indexed().get(key) ?? -1;
    for (let at = 0; at < entries.length; at += 2) if (entries[at] === key) return at;
    return -1;
  }

  #indexed(): Map<string, number> {
    if (this.#index === undefined) {
      this.#index = new Map();
      for (let at = 0; at < this.#entries.length; at += 2) this.#index.set(this.#entries[at] as string, at);
    }
    return this.#index;
  }

  #add(key: string, value: HeaderValue): void {
    this.#index?.set(key, this.#entries.length);
    this.#entries.push(key, value);
  }
}

function copied(value: Value): Value {
  return Array.isArray(value) ? [...value] : value;
}

const none: readonly HeaderValue[] = [];

/** Received headers, as the wire has them or as a map: for a look at one without a map being made of all. */
export type RawHeaders = HeaderMap | { get(name: string): readonly unknown[] };

export const noHeaders: RawHeaders = { get: () => none };

/** The values of one header; `name` is lower case. */
export function rawValues(headers: RawHeaders, name: string): readonly unknown[] {
  return headers instanceof HeaderMap ? headers.getAll(name) : headers.get(name);
}

function rawSingle(headers: RawHeaders, name: string): unknown {
  if (headers instanceof HeaderMap) return headers.single(name);
  const values = headers.get(name);
  return values.length === 1 ? values[0] : undefined;
}

/** The value of a text header that came once; undefined when it came more often. */
export function rawText(headers: RawHeaders, name: string): string | undefined {
  const value = rawSingle(headers, name);
  return typeof value === 'string' ? value : undefined;
}

function listed(value: Value): readonly HeaderValue[] {
  return Array.isArray(value) ? value : [value];
}

function textOf(value: HeaderValue): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('base64');
}

/** Printable ASCII. By hand: every header comes by here, and a regular expression takes three times as long for a short one. */
function isLegalText(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

interface Name {
  /** In lower case. */
  readonly key: string;
  readonly binary: boolean;
}

/** Names that were found legal: a look here is cheaper than making them lower case. So many, that nobody fills it from outside. */
const known = new Map<string, Name>();
const mostKnown = 512;

/** Undefined for one that is not legal. */
function nameOf(name: string): Name | undefined {
  return known.get(name) ?? learned(name);
}

/** An illegal name is the key of nothing. */
function keyOf(name: string): string {
  return nameOf(name)?.key ?? name;
}

function checked(name: string, value: HeaderValue): string {
  const found = nameOf(name);
  if (found === undefined) {
    throw new TypeError(`header name ${JSON.stringify(name)} is not legal: use letters, digits, "-", "_" and "."`);
  }
  const { key, binary } = found;
  if (binary) {
    if (!(value instanceof Uint8Array)) {
      throw new TypeError(
        `header ${key} ends in "-bin", so its value must be bytes, a Uint8Array, not ${shown(value)}`,
      );
    }
  } else if (typeof value !== 'string') {
    const name = value instanceof Uint8Array ? 'bytes, which go under a name that ends in "-bin"' : shown(value);
    throw new TypeError(`the value of header ${key} is ${name}; it must be text: write ${key}: ${example(value)}`);
  } else if (!isLegalText(value)) {
    throw new TypeError(
      `the value of header ${key} must be printable ASCII text; send other bytes under a name that ends in "-bin"`,
    );
  }
  return key;
}

/** What was probably meant. */
function example(value: unknown): string {
  return typeof value === 'object' || typeof value === 'function' ? '"text"' : JSON.stringify(String(value));
}

function learned(name: string): Name | undefined {
  const key = name.toLowerCase();
  if (!legalName.test(key)) return undefined;
  const found = { key, binary: key.endsWith('-bin') };
  if (known.size < mostKnown && name.length <= 64) known.set(name, found);
  return found;
}
