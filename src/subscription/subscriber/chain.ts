/** The rule that everything rests on: a batch applied to a replica at `from` gives a replica at `to`. */
import type { Batch } from '../../../gen/hawser/subscription/v1/subscription.js';

/** What is wrong with a batch for one who is at `at`. `strict`: every update comes by itself, none ahead of `to`. */
export function wrongInBatch({ from, to, updates }: Batch, at: number, strict: boolean): string | undefined {
  if (from !== at) return `a batch goes from ${from} to ${to}, and the position is ${at}`;
  if (to < from) return `a batch goes back, from ${from} to ${to}`;
  let last = from;
  for (const { seq, tombstone, value } of updates) {
    if (seq <= from) return `a batch from ${from} to ${to} holds the update ${seq}, which was before it`;
    if (tombstone && value.byteLength > 0) return `the update ${seq} is a tombstone with a value`;
    if (!strict) continue;
    if (seq <= last) return `a batch from ${from} to ${to} holds the update ${seq} after ${last}`;
    if (seq > to) return `a batch from ${from} to ${to} holds the update ${seq}, which comes after it`;
    last = seq;
  }
  return undefined;
}
