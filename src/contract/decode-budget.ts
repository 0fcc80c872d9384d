/**
 * What decoded messages may hold in memory. A message on the wire can be a hundred times smaller than the objects that it stands
 * for, so a decoder charges each object before it makes it: against the budget of the message, and against that of all messages
 * whose calls are not over.
 *
 * A decoder asks `decodeAllowance()` once, counts down, throws `overDecodeBudget` below zero, and reports what it charged by
 * `holdDecoded`. Costs are those of V8 without pointer compression, rounded up.
 */
import { processBudget } from './heap-limit.js';
import { knownOptions, shown } from './option-names.js';

export interface DecodeLimits {
  /** Bytes of objects that one decoded message may hold. 67,108,864. */
  readonly messageBytes: number;
  /** Bytes of objects that all decoded requests may hold whose calls are not over. A quarter of the heap's limit. */
  readonly processBytes: number;
}

/** A message of this size is decoded however much others hold, so that one caller's large messages do not refuse another's small ones. */
const alwaysGranted = 16_384;

const most = 0x7fff_ffff;
const checkNames = knownOptions<DecodeLimits>({ messageBytes: true, processBytes: true });

export const defaultDecodeLimits: DecodeLimits = Object.freeze({
  messageBytes: 67_108_864,
  processBytes: processBudget(),
});

let { messageBytes, processBytes } = defaultDecodeLimits;
let held = 0;

/**
 * Changes the limits for the whole process; what `limits` leaves out becomes the default again. Throws a TypeError for a name
 * that is none, a RangeError for anything but whole numbers of at least 16,384.
 */
export function setDecodeLimits(limits: Partial<DecodeLimits> = {}): void {
  checkNames(limits, 'setDecodeLimits');
  const next = { ...defaultDecodeLimits, ...limits };
  for (const name of ['messageBytes', 'processBytes'] as const) {
    const value = next[name];
    const highest = name === 'messageBytes' ? most : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < alwaysGranted || value > highest) {
      throw new RangeError(`${name} is ${shown(value)}; it must be a whole number from ${alwaysGranted} to ${highest}`);
    }
  }
  ({ messageBytes, processBytes } = next);
}

export function decodeLimits(): DecodeLimits {
  return { messageBytes, processBytes };
}

/** Bytes that decoded requests hold now, of calls that are not over. */
export function decodedBytes(): number {
  return held;
}

/** Bytes that the next decode may charge. */
export function decodeAllowance(): number {
  const free = processBytes - held;
  return free >= messageBytes ? messageBytes : Math.max(free, alwaysGranted);
}

/** What a decoded message belongs to, and with it the charge: a call. */
export interface DecodeAccount {
  readonly finished: boolean;
  /** Bytes charged for what this has decoded. */
  decodedBytes: number;
}

/** Adds what a decode has charged to its account, until `releaseDecoded`. */
export function holdDecoded(account: DecodeAccount, bytes: number): void {
  if (account.finished) return;
  account.decodedBytes += bytes;
  held += bytes;
}

export function releaseDecoded(account: DecodeAccount): void {
  held -= account.decodedBytes;
  account.decodedBytes = 0;
}

/** A message that would hold more than it may. `retryable`: it would have been let in while others held less. */
export class DecodeBudgetError extends Error {
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean) {
    super(message);
    this.retryable = retryable;
    Object.defineProperty(this, 'name', { value: 'DecodeBudgetError', configurable: true, writable: true });
  }
}

/** `allowance`: what the decode had been granted. */
export function overDecodeBudget(allowance: number): never {
  if (allowance >= messageBytes) {
    throw new DecodeBudgetError(
      `its objects would hold more than ${messageBytes} bytes of memory (messageBytes); send less at once, or raise it by setDecodeLimits`,
      false,
    );
  }
  throw new DecodeBudgetError(
    `its objects would hold more than the ${allowance} bytes that are free: decoded messages hold ${held} of ${processBytes} bytes (processBytes)`,
    true,
  );
}
