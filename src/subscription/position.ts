/**
 * Where a reader stands in the log of a topic. `seq` counts updates from 1, so 0 is before the first; `epoch` names the
 * log itself, because a number means nothing in another one, and `generation` the run of the server that appended the update
 * `seq`, because a log that was put back from a copy numbers other updates alike. Times order nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Generation, generationFromBytes, generationToBytes } from './generation.js';

export interface Position {
  readonly epoch: Epoch;
  readonly seq: number;
  /** 8 bytes in hex; absent where it is not known, and at 0. */
  readonly generation?: Generation | undefined;
}

/** 16 random bytes in hex: made when a log is made, never used for another. */
export type Epoch = string;

export const epochBytes = 16;

export function newEpoch(): Epoch {
  return randomBytes(epochBytes).toString('hex');
}

/**
 * That of a log to which nothing was ever appended: the same for one place and name, so that reading such a log writes nothing
 * down and a reader of it that comes back is where it was.
 */
export function epochOf(place: string, name: string): Epoch {
  return createHash('sha256')
    .update(`${place} ${name}`)
    .digest('hex')
    .slice(0, 2 * epochBytes);
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

/** A position as it travels. */
export interface WirePosition {
  readonly epoch: Uint8Array;
  readonly seq: number;
  readonly generation?: Uint8Array | undefined;
}

export function positionToWire({ epoch, seq, generation }: Position) {
  return { epoch: epochToBytes(epoch), seq, generation: generationToBytes(generation) };
}

/** Undefined when its epoch is none. */
export function positionFromWire({ epoch: bytes, seq, generation }: WirePosition): Position | undefined {
  const epoch = epochFromBytes(bytes);
  return epoch === undefined ? undefined : { epoch, seq, generation: generationFromBytes(generation) };
}
