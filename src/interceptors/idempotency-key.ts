/**
 * The text that names one effect. A UUIDv7 holds the time when it was made, so a server that has forgotten its record
 * still knows that it is too old to be new, and never runs it again; of any other key the promise ends when its record is
 * deleted. Rules: RFC 9562; IETF draft-ietf-httpapi-idempotency-key-header (the value may be a quoted SF-string).
 */
import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../call/clock.js';
import { randomHex } from '../call/random-hex.js';
import type { MethodType } from '../contract/method.js';

export const keyHeader = 'idempotency-key';
/** On an answer that was not made for this call: it is the one that the key's first call got. */
export const replayedHeader = 'idempotent-replayed';
/** On a call made by a KEYED handler: the transactions that wait for it, by the names of their stores. */
export const transactionHeader = 'hawser-transaction';

export const longestKey = 255;

const legal = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

/** A key, and when it was made, where it says that. */
export interface Key {
  readonly key: string;
  /** ms since the Unix epoch */
  readonly made: number | undefined;
}

/** A key, or what is wrong with it: the name of the fault, and the rest of a sentence that begins with whose key it is. */
export type ParsedKey =
  | Key
  | { readonly fault: 'IDEMPOTENCY_KEY_MALFORMED' | 'IDEMPOTENCY_KEY_TOO_LONG'; readonly problem: string };

export function parseKey(text: string): ParsedKey {
  const made = keyTime(text);
  // Every key of our own clients takes this way.
  if (made !== undefined) return { key: text, made };
  const inner = quoted.exec(text)?.[1]?.replace(/\\(.)/g, '$1');
  const key = inner ?? text;
  if (key.length > longestKey) {
    const problem = `has ${key.length} characters; a key has at most ${longestKey}`;
    return { fault: 'IDEMPOTENCY_KEY_TOO_LONG', problem };
  }
  if (!legal.test(key) || (inner === undefined && text.startsWith('"'))) {
    const problem = `is ${JSON.stringify(text)}; a key is 1 to ${longestKey} printable ASCII characters without a space at either end, bare or as a quoted string`;
    return { fault: 'IDEMPOTENCY_KEY_MALFORMED', problem };
  }
  return { key, made: keyTime(key) };
}

const dash = 0x2d;
/** What a hexadecimal digit is worth, by its character code; 255 for what is none. */
const worth = new Uint8Array(128).fill(255);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  worth[digit.charCodeAt(0)] = value;
  worth[digit.toUpperCase().charCodeAt(0)] = value;
}

/**
 * When a UUIDv7 was made, ms since the Unix epoch; undefined for any other key. By hand: a regular expression and the numbers
 * out of its text cost several times as much, and this is read on both sides of every keyed call.
 */
export function keyTime(key: string): number | undefined {
  if (key.length !== 36) return undefined;
  let time = 0;
  for (let at = 0; at < 36; at++) {
    const code = key.charCodeAt(at);
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (code !== dash) return undefined;
      continue;
    }
    const value = worth[code] ?? 255;
    if (value > 15 || (at === 14 && value !== 7) || (at === 19 && value >> 2 !== 2)) return undefined;
    if (at < 13) time = time * 16 + value;
  }
  return time;
}

/** The property of a request that is its key, when the IDL names one. */
export function keyPropertyOf(method: MethodType): string | undefined {
  return method.keyProperty ?? method.policy.keyField;
}

interface Sequence {
  ms: number;
  count: number;
  /** The key up to its count. */
  prefix: string;
}

const sequences = new WeakMap<Clock, Sequence>();
/** ms; a wall clock that was set back by more is followed, for keys from the future are refused. */
const mostBehind = 1_000;

/**
 * A key for one call: a UUIDv7, above every one before it in this process. Keep it where a restart finds it, and a
 * call that is made again after the restart has its effect once.
 */
export function newIdempotencyKey(clock: Clock = systemClock): string {
  const wall = Math.floor(clock.wallTime());
  const random = randomHex(10);
  let last = sequences.get(clock);
  if (last === undefined) {
    last = { ms: 0, count: 0, prefix: '' };
    sequences.set(clock, last);
  }
  if (wall > last.ms || wall < last.ms - mostBehind) begin(last, wall, Number.parseInt(random.slice(0, 3), 16) & 0x7ff);
  else if (last.count < 0xfff) last.count += 1;
  else begin(last, last.ms + 1, 0);
  const count = (0x1000 + last.count).toString(16).slice(1);
  const variant = '89ab'[(worth[random.charCodeAt(3)] as number) & 3];
  return `${last.prefix}${count}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

function begin(sequence: Sequence, ms: number, count: number): void {
  const time = ms.toString(16).padStart(12, '0');
  sequence.ms = ms;
  sequence.count = count;
  sequence.prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

/** Names of steps that do not begin with a UUID are below this one. */
const ownNamespace = '8c9e2f64-2f0b-5d1c-9a54-6b1f0e7d3a21';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The key of one step of a keyed call that has its effect elsewhere, outside the call's transaction: a UUIDv5, the same
 * however often the call is run, so the service that does the step can tell a repetition.
 *
 * @example
 * await cards.charge({ amount }, { idempotencyKey: childKey(call.idempotencyKey, 'charge') });
 */
export function childKey(parent: string, step: string): string {
  const namespace = uuid.test(parent) ? parent : version5(ownNamespace, parent);
  return version5(namespace, step);
}

function version5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
