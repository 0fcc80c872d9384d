/**
 * The rule that everything rests on: a batch applied to a replica at `from` gives a replica at `to`, and the next one begins
 * there. What breaks it is a sentence.
 */
import type { Batch, Gap, Progress } from '../../../gen/hawser/subscription/v1/subscription.js';
import { type Generation, generationFromBytes } from '../generation.js';
import { type Epoch, epochFromBytes } from '../position.js';

/** Where a chain of batches stands. */
export interface Place {
  readonly epoch: Epoch;
  seq: number;
  /** Undefined where the server has not said. */
  generation: Generation | undefined;
}

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

/** `at` is undefined before any position is known. */
export function wrongInGap({ from, to }: Gap, at: number | undefined): string | undefined {
  if (at !== undefined && to > from && from === at) return undefined;
  return `a gap from ${from} to ${to} does not begin at the position ${at ?? 'unknown'}`;
}

export function wrongInProgress({ deliveredTo, epoch, generation }: Progress, chain: Place): string | undefined {
  if (epoch.byteLength > 0 && epochFromBytes(epoch) !== chain.epoch) {
    return 'Progress is of another epoch than its chain';
  }
  const said = generationFromBytes(generation);
  if (deliveredTo === chain.seq && said !== undefined && chain.generation !== undefined && said !== chain.generation) {
    return `the update ${deliveredTo} is of the generation ${said} now, and was of ${chain.generation}: the log was put back`;
  }
  if (deliveredTo <= chain.seq) return undefined;
  return `everything up to ${deliveredTo} was sent, and the position is ${chain.seq}: something is lost`;
}
