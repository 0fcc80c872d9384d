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
  readonly #values = new Map<string, HeaderValue[]>();

  /** Throws a TypeError for an illegal name or value. */
  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (init instanceof HeaderMap) {
      for (const [name, values] of init.#values) this.#values.set(name, [...values]);
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
    return this.#values.has(name.toLowerCase());
  }

  /** The first value of a text header. */
  get(name: string): string | undefined {
    const value = this.#values.get(name.toLowerCase())?.[0];
    return typeof value === 'string' ? value : undefined;
  }

  /** The first value of a `-bin` header. */
  getBinary(name: string): Uint8Array | undefined {
    const value = this.#values.get(name.toLowerCase())?.[0];
    return value instanceof Uint8Array ? value : undefined;
  }

  getAll(name: string): readonly HeaderValue[] {
    return this.#values.get(name.toLowerCase()) ?? [];
  }

  /** Replaces what was there. Throws a TypeError for an illegal name or value. */
  set(name: string, value: HeaderValue): this {
    this.#values.set(checked(name, value), [value]);
    return this;
  }

  /** Adds a value. Throws a TypeError for an illegal name or value. */
  append(name: string, value: HeaderValue): this {
    const key = checked(name, value);
    const values = this.#values.get(key);
    if (values === undefined) this.#values.set(key, [value]);
    else values.push(value);
    return this;
  }

  delete(name: string): boolean {
    return this.#values.delete(name.toLowerCase());
  }

  /** Every name, with its values. */
  forEach(fn: (name: string, values: readonly HeaderValue[]) => void): void {
    for (const [name, values] of this.#values) fn(name, values);
  }

  /** Every pair, a name with several values several times. */
  *[Symbol.iterator](): IterableIterator<[string, HeaderValue]> {
    for (const [name, values] of this.#values) for (const value of values) yield [name, value];
  }

  toJSON(): Record<string, string | string[]> {
    const json: Record<string, string | string[]> = Object.create(null);
    for (const [name, values] of this.#values) {
      const texts = values.map((v) => (typeof v === 'string' ? v : Buffer.from(v).toString('base64')));
      json[name] = texts.length === 1 ? (texts[0] as string) : texts;
    }
    return json;
  }
}

function checked(name: string, value: HeaderValue): string {
  const key = name.toLowerCase();
  if (!legalName.test(key)) {
    throw new TypeError(`header name ${JSON.stringify(name)} is not legal: use letters, digits, "-", "_" and "."`);
  }
  if (key.endsWith('-bin')) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`header ${key} ends in "-bin", so its value must be bytes`);
  } else if (typeof value !== 'string' || !legalText.test(value)) {
    throw new TypeError(
      `the value of header ${key} must be printable ASCII text; send other bytes under a name that ends in "-bin"`,
    );
  }
  return key;
}
