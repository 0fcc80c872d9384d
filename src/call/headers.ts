/**
 * The headers and trailers of a call: gRPC metadata and THeader keys alike, so what one wire
 * cannot carry the other does not take either. Names are lower case; a name that ends in
 * `-bin` has bytes, any other printable ASCII (gRPC over HTTP/2, "Custom-Metadata").
 */
export type HeaderValue = string | Uint8Array;

/** `{ 'x-tenant': 'a', 'x-trace-bin': bytes, 'x-many': ['a', 'b'] }` */
export type HeadersInit = HeaderMap | Readonly<Record<string, HeaderValue | readonly HeaderValue[] | undefined>>;

const legalName = /^[0-9a-z_.-]+$/;
const legalText = /^[\x20-\x7e]*$/;

export class HeaderMap implements Iterable<[string, HeaderValue]> {
  /** As good as every header has one value: it stands by itself. */
  readonly #values = new Map<string, HeaderValue | HeaderValue[]>();

  /** Throws a TypeError for an illegal name or value. */
  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (init instanceof HeaderMap) {
      for (const [name, value] of init.#values) this.#values.set(name, Array.isArray(value) ? [...value] : value);
      return;
    }
    for (const [name, value] of Object.entries(init)) {
      if (value === undefined) continue;
      if (typeof value === 'string' || value instanceof Uint8Array) this.append(name, value);
      else for (const one of value) this.append(name, one);
    }
  }

  get size(): number {
    return this.#values.size;
  }

  has(name: string): boolean {
    return this.#values.has(keyOf(name));
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
    const value = this.#values.get(keyOf(name));
    return value === undefined ? none : listed(value);
  }

  /** Replaces what was there. Throws a TypeError for an illegal name or value. */
  set(name: string, value: HeaderValue): this {
    this.#values.set(checked(name, value), value);
    return this;
  }

  /** Adds a value. Throws a TypeError for an illegal name or value. */
  append(name: string, value: HeaderValue): this {
    const key = checked(name, value);
    const before = this.#values.get(key);
    if (before === undefined) this.#values.set(key, value);
    else if (Array.isArray(before)) before.push(value);
    else this.#values.set(key, [before, value]);
    return this;
  }

  delete(name: string): boolean {
    return this.#values.delete(keyOf(name));
  }

  /** Every name, with its value, or its values where there are several. */
  forEach(fn: (name: string, value: HeaderValue | readonly HeaderValue[]) => void): void {
    for (const [name, value] of this.#values) fn(name, value);
  }

  /** Every pair, a name with several values several times. */
  *[Symbol.iterator](): IterableIterator<[string, HeaderValue]> {
    for (const [name, value] of this.#values) for (const one of listed(value)) yield [name, one];
  }

  toJSON(): Record<string, string | string[]> {
    const json: Record<string, string | string[]> = Object.create(null);
    for (const [name, value] of this.#values) {
      json[name] = Array.isArray(value) ? value.map(textOf) : textOf(value);
    }
    return json;
  }

  #first(name: string): HeaderValue | undefined {
    const value = this.#values.get(keyOf(name));
    return Array.isArray(value) ? value[0] : value;
  }
}

const none: readonly HeaderValue[] = [];

/** Received headers, as the wire has them or as a map: for a look at one without a map being made of all. */
export type RawHeaders = HeaderMap | { get(name: string): readonly unknown[] };

export const noHeaders: RawHeaders = { get: () => none };

/** The values of one header; `name` is lower case. */
export function rawValues(headers: RawHeaders, name: string): readonly unknown[] {
  return headers instanceof HeaderMap ? headers.getAll(name) : headers.get(name);
}

/** The value of a text header that came once; undefined when it came more often. */
export function rawText(headers: RawHeaders, name: string): string | undefined {
  const values = rawValues(headers, name);
  const value = values.length === 1 ? values[0] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function listed(value: HeaderValue | HeaderValue[]): readonly HeaderValue[] {
  return Array.isArray(value) ? value : [value];
}

function textOf(value: HeaderValue): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('base64');
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
    if (!(value instanceof Uint8Array)) throw new TypeError(`header ${key} ends in "-bin", so its value must be bytes`);
  } else if (typeof value !== 'string' || !legalText.test(value)) {
    throw new TypeError(
      `the value of header ${key} must be printable ASCII text; send other bytes under a name that ends in "-bin"`,
    );
  }
  return key;
}

function learned(name: string): Name | undefined {
  const key = name.toLowerCase();
  if (!legalName.test(key)) return undefined;
  const found = { key, binary: key.endsWith('-bin') };
  if (known.size < mostKnown && name.length <= 64) known.set(name, found);
  return found;
}
