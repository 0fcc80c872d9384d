/**
 * Where a reader stands in the log of a topic. `seq` counts updates from 1, so 0 is before the first; `epoch` names the
 * log itself, because a number means nothing in another one. Times order nothing.
 */
import { randomBytes } from 'node:crypto';

export interface Position {
  readonly epoch: Epoch;
  readonly seq: number;
}

/** 16 random bytes in hex: made when a log is made, never used for another. */
export type Epoch = string;

export const epochBytes = 16;

export function newEpoch(): Epoch {
  return randomBytes(epochBytes).toString('hex');
}

/** The bytes as they travel. */
export function epochToBytes(epoch: Epoch): Uint8Array {
  return Buffer.from(epoch, 'hex');
}

/** Undefined when `bytes` is no epoch, which equals none. */
export function epochFromBytes(bytes: Uint8Array): Epoch | undefined {
  if (bytes.byteLength !== epochBytes) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
