/** Random digits for ids. To ask the system for each id costs more than all the rest. */
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(16_384);
let used = pool.length;

/** Twice as many hexadecimal digits that nobody can guess; `bytes` is at most 32. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
