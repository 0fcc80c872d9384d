/**
 * What a request says, field by field, in 12 bytes a field: enough to notice that a key is used for another request, and
 * to see past fields that only one of two versions of a service knows. A field at its default counts as absent at every
 * depth, because an older version leaves it out. It guards against mistakes, not against a forger of hashes:
 * whoever holds a caller's key and credentials needs no collision.
 */
import { Buffer } from 'node:buffer';

/** Bytes of a field: a hash of its name, and one of its value; 0 for a field that is absent. */
const width = 12;

const names = new Map<string, number>();
const mostNames = 10_000;

/** `excluded`: the field that is the key. `request` is a decoded message, which has a property for every field it knows. */
export function fingerprintOf(request: object, excluded?: string): Uint8Array {
  const fields = Object.keys(request);
  // From the pool: a store's driver takes a small array of its own apart first.
  const bytes = Buffer.allocUnsafe(fields.length * width);
  let at = 0;
  for (const name of fields) {
    if (name === excluded) continue;
    put(bytes, at, nameHash(name));
    start();
    const present = feed((request as Record<string, unknown>)[name]);
    if (present) finish();
    put(bytes, at + 4, present ? a : 0);
    put(bytes, at + 8, present ? b : 0);
    at += width;
  }
  return at === bytes.length ? bytes : bytes.subarray(0, at);
}

/** The lowest byte first. */
function put(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Whether two requests say the same in the fields that both know. */
export function sameRequest(stored: Uint8Array, own: Uint8Array): boolean {
  const one = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const other = Buffer.from(own.buffer, own.byteOffset, own.byteLength);
  if (one.equals(other)) return true;
  const known = new Map<number, bigint>();
  for (let at = 0; at + width <= one.length; at += width) known.set(one.readUInt32LE(at), one.readBigUInt64LE(at + 4));
  for (let at = 0; at + width <= other.length; at += width) {
    const hash = known.get(other.readUInt32LE(at));
    if (hash !== undefined && hash !== other.readBigUInt64LE(at + 4)) return false;
  }
  return true;
}

function nameHash(name: string): number {
  let hash = names.get(name);
  if (hash === undefined) {
    start();
    text(name);
    finish();
    hash = a >>> 0;
    if (names.size < mostNames) names.set(name, hash);
  }
  return hash;
}

// Two lanes of 32 bits (after cyrb53): with node:crypto each field would cost a microsecond and more.
let a = 0;
let b = 0;

function start(): void {
  a = 0x9e3779b9;
  b = 0x41c6ce57;
}

function word(value: number): void {
  a = Math.imul(a ^ value, 0x9e3779b1);
  b = Math.imul(b ^ value, 0x5f356495);
  a ^= a >>> 15;
  b ^= b >>> 13;
}

function finish(): void {
  const [x, y] = [a, b];
  a = Math.imul(x ^ (x >>> 16), 0x85ebca6b) ^ Math.imul(y ^ (y >>> 13), 0xc2b2ae35);
  b = Math.imul(y ^ (y >>> 16), 0x85ebca6b) ^ Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
}

function text(value: string): void {
  word(value.length);
  for (let i = 0; i < value.length; i++) word(value.charCodeAt(i));
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** Takes a value into the hash. False, and nothing is taken, when it is what an absent field reads as. */
function feed(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      if (value === '') return false;
      word(1);
      text(value);
      return true;
    case 'number':
      if (value === 0) return false;
      word(2);
      double[0] = value;
      word(halves[0] as number);
      word(halves[1] as number);
      return true;
    case 'bigint':
      if (value === 0n) return false;
      word(3);
      text(value.toString(36));
      return true;
    case 'boolean':
      if (value) word(4);
      return value;
    case 'object':
      return value !== null && feedObject(value);
    default:
      return false;
  }
}

function feedObject(value: object): boolean {
  if (value instanceof Uint8Array) {
    if (value.length === 0) return false;
    word(5);
    word(value.length);
    for (let i = 0; i < value.length; i++) word(value[i] as number);
    return true;
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return false;
    word(6);
    word(value.length);
    for (const item of value) if (!feed(item)) word(0);
    return true;
  }
  if (value instanceof Set)
    return (
      value.size > 0 &&
      feedUnordered(
        7,
        [...value].map((item) => ['', item]),
        true,
      )
    );
  if (value instanceof Map) return value.size > 0 && feedUnordered(8, [...value], true);
  if (value instanceof Date) {
    word(10);
    return feed(value.getTime()) || true;
  }
  return feedUnordered(9, Object.entries(value), false);
}

/** Entries whose order says nothing. `all`: those at a default, too. */
function feedUnordered(tag: number, entries: readonly (readonly [unknown, unknown])[], all: boolean): boolean {
  const [outerA, outerB] = [a, b];
  let [sumA, sumB, count] = [0, 0, 0];
  for (const [key, value] of entries) {
    start();
    if (!feed(key)) word(0);
    if (feed(value)) word(1);
    else if (!all) continue;
    finish();
    sumA = (sumA + a) | 0;
    sumB = (sumB + b) | 0;
    count += 1;
  }
  [a, b] = [outerA, outerB];
  if (count === 0) return false;
  word(tag);
  word(count);
  word(sumA);
  word(sumB);
  return true;
}
