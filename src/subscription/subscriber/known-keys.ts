/**
 * Keys out of the bytes of frames. A topic says the same few keys again and again, to every subscription of the process: a key
 * that was read lately is found by its bytes, which makes no string, and all who hold it hold the same one.
 */

import { readable, textOf } from '../../contract/bytes/utf8.js';

/** Longer ones are not looked for. */
const longest = 32;
/** A key has one place; what was there before gives way. */
const places = 1024;

const known: (string | undefined)[] = new Array(places).fill(undefined);

/** The text from `start` to `end`, which lie within `bytes`; undefined when they are not UTF-8. */
export function readKey(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return '';
  if (length > longest) return decoded(bytes, start, end);
  let hash = length;
  let high = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    high |= byte;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  if (high >= 0x80) return decoded(bytes, start, end);
  const place = (hash ^ (hash >>> 16)) & (places - 1);
  const there = known[place];
  if (there !== undefined && isAscii(there, bytes, start, length)) return there;
  const key = decoded(bytes, start, end);
  if (key !== undefined) known[place] = key;
  return key;
}

function isAscii(key: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

function decoded(bytes: Uint8Array, start: number, end: number): string | undefined {
  return textOf(readable(bytes), start, end);
}
