/**
 * The numbers that a poll API's client sends, checked before they become frames of the hub, which have other types: a number that
 * no frame can hold is the caller's mistake and named as such, never a fault of the server.
 */
import * as idl from '../../gen/hawser.js';
import { epochBytes } from '../subscription/position.js';

/** Updates that one poll hands out at most, whatever it asks for: what a session holds is one answer. */
export const mostUpdates = 10_000;

export function refusal(code: string, message: string, retryAfterMs = 0): idl.SubscriptionError {
  return new idl.SubscriptionError({ code, message, retryable: retryAfterMs > 0, retryAfterMs });
}

/** A position, or a time: 0 to 2^53 - 1. Throws a SubscriptionError of this code. */
export function wholeNumber(value: bigint | undefined, name: string, code: string): number {
  const number = value ?? 0n;
  if (typeof number !== 'bigint' || number < 0n || number > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw refusal(code, `${name} is ${String(number)}; it is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return Number(number);
}

/** Of a position: 16 bytes, or none where it is not known. */
export function epochBytesOf(epoch: Uint8Array | undefined, code: string): Uint8Array {
  const bytes = epoch ?? new Uint8Array();
  if (bytes.byteLength !== 0 && bytes.byteLength !== epochBytes) {
    throw refusal(code, `the epoch has ${bytes.byteLength} bytes; it has ${epochBytes}, as the server gave it`);
  }
  return bytes;
}

/** How many updates: 0 to 2^31 - 1. */
export function countOf(count: number | undefined, name: string, code: string): number {
  const number = count ?? 0;
  if (!Number.isInteger(number) || number < 0 || number > 0x7fff_ffff) {
    throw refusal(code, `${name} is ${number}; it is a whole number from 0 to ${0x7fff_ffff}`);
  }
  return number;
}

/** How many updates a poll may hand out; 0 for none, which asks how far the log is. */
export function maxOf(max: number): number {
  if (!Number.isInteger(max) || max < 0) {
    throw refusal('INVALID_MAX', `max is ${max}; it is how many updates are wanted, 0 or more`);
  }
  return Math.min(max, mostUpdates);
}

/** ms that a poll waits for something to come; the server's own limit is the caller's business. */
export function waitOf(waitMs: number): number {
  if (!Number.isFinite(waitMs) || waitMs < 0) {
    throw refusal('INVALID_WAIT', `wait_ms is ${waitMs}; it is how long to wait, 0 or more`);
  }
  return waitMs;
}
