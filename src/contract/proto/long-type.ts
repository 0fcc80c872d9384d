/** 64-bit numbers that are not bigints in TypeScript: `jstype`, and `--int64 string`. */
import { shown } from '../bytes/wrong-value.js';
import type { ScalarName } from './message-type.js';

type LongName = Extract<ScalarName, `${string}64`>;

/** The type of a list's elements or of a map's values. */
export interface LongType {
  readonly scalar: LongName;
  toBigint(value: unknown): bigint;
  fromBigint(value: bigint): number | string;
}

export function numbers(scalar: LongName): LongType {
  return { scalar, toBigint: (value) => bigintOfNumber(value as number) as bigint, fromBigint: Number };
}

export function texts(scalar: LongName): LongType {
  return { scalar, toBigint: (value) => bigintOfText(value as string) as bigint, fromBigint: String };
}

/** Of a number that is whole; beyond 2^53 it may be another than the sender meant, as it is for the reader of such a field. */
export function bigintOfNumber(value: number | null | undefined): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value)) return BigInt(value);
  throw typeof value === 'number'
    ? new RangeError(`${value} is not a whole number`)
    : new TypeError(`${shown(value)} is not a number`);
}

export function bigintOfText(value: string | null | undefined): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  throw new TypeError(`${shown(value)} is not a 64-bit number as text; write it in decimal digits`);
}
