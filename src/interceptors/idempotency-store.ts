/**
 * The port of the databases that keep the outcomes of KEYED calls. A store commits the record of a key in the same
 * transaction as what the handler wrote: that, and nothing weaker, makes an effect happen once.
 * What is decided from a key, its age and its record stands in the interceptor, once for all stores; a store keeps
 * records and transactions. Every store passes the same conformance suite.
 * Rules: RIFL (Lee et al., SOSP 2015); IETF draft-ietf-httpapi-idempotency-key-header.
 */
import type { Encoding } from '../contract/codec.js';
import { milliseconds } from '../contract/duration.js';

/** What one key belongs to: keys of different callers or methods never meet. */
export interface RecordId {
  readonly principal: string;
  /** Service with its major version, without minor: `market.v1.TradeHistory`. */
  readonly service: string;
  /** The name in the IDL. */
  readonly method: string;
  /** 1-255 printable ASCII characters. */
  readonly key: string;
}

/** A record's id as one text, equal only for equal ids: a principal may be any text, names and keys hold no NUL. */
export function recordName({ principal, service, method, key }: RecordId): string {
  return `${principal.length}:${principal}\0${service}\0${method}\0${key}`;
}

/** An outcome that committed: the answer that every later call with the key gets. */
export interface StoredOutcome {
  /** `declared`: the exception that the IDL declares, thrown by the handler. */
  readonly kind: 'response' | 'declared';
  /** The full name of the declared error's message; empty for a response. */
  readonly type: string;
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

export interface StoredRecord {
  /** The hashes of the request's top-level fields, as the interceptor wrote them. */
  readonly fingerprint: Uint8Array;
  readonly outcome: StoredOutcome;
  /** Wall time, ms since the Unix epoch. */
  readonly committedAt: number;
  /** `traceparent` of the call that ran, so that a replay can link to it; empty when there was none. */
  readonly trace: string;
}

/** What is to be stored of a new key, besides its outcome. */
export interface NewRecord {
  readonly id: RecordId;
  readonly fingerprint: Uint8Array;
  readonly trace: string;
  /**
   * Wall time, ms since the Unix epoch, from which on the record may be deleted. Of a UUIDv7 it follows from the key
   * alone, so every process computes the same one. Until `expire` has deleted it, a record counts however old it is.
   */
  readonly expiresAt: number;
}

export type Execution =
  /** The work ran and committed together with its record. */
  | { readonly kind: 'executed' }
  /** There is a record; nothing ran. */
  | { readonly kind: 'recorded'; readonly record: StoredRecord }
  /** Another process is executing this key now; nothing ran here. */
  | { readonly kind: 'running' };

/**
 * The handler's part: runs inside the transaction and returns, or resolves to, the outcome to be recorded. When it throws or
 * rejects, everything is rolled back, and the store's `execute` rejects with the same error. It is called in the async
 * context of the call to `execute`.
 */
export type Work<Tx, T> = (tx: Tx) => Promise<T> | T;

/**
 * Failures of the database itself (disk full, connection lost, file read-only) are RpcErrors UNAVAILABLE with a
 * disposition that is true: `not-executed` when it is certain that nothing committed (a caller whose handler ran is told
 * `rolled-back`), `unknown` when a COMMIT went unanswered. After one the store recovers by itself; nobody restarts anything.
 */
export interface IdempotencyStore<Tx = unknown> {
  /** For messages and metrics: `sqlite`, `postgres`, `memory`. */
  readonly name: string;
  /** How long a record is kept at least, ms. */
  readonly retention: number;
  /**
   * Whether `tx` undoes what the handler wrote. Only then is a call whose handler failed told as rolled-back: nothing of it
   * is left in the store.
   */
  readonly transactional: boolean;
  /** Whether a record is found in microseconds: then an answer is kept besides only once it has been asked for again. */
  readonly near?: boolean;
  /**
   * Finds the record of a key, or runs `work`, once, and commits it together with a new one. The caller sees to it that
   * one process does not execute one key twice at a time. `beforeCommit` is asked last, inside the transaction: when it
   * throws, all is rolled back, and `execute` rejects with what it threw.
   */
  execute(record: NewRecord, work: Work<Tx, StoredOutcome>, beforeCommit: () => void): Promise<Execution>;
  /** Runs `work` in a transaction of its own without a record: a KEYED call that came without a key. */
  transact<T>(work: Work<Tx, T>, beforeCommit: () => void): Promise<T>;
  /** Deletes records that expired before `now` (wall time, ms), at most `limit`; resolves to how many. Called in the background. */
  expire(now: number, limit: number): Promise<number>;
  /** Waits for what runs, then frees the database. Afterwards every call is UNAVAILABLE, not-executed. */
  close(): Promise<void>;
}

const day = 86_400_000;

/** The `retention` option of every store, ms; 24 h by default. Throws a RangeError outside 1 minute to 30 days. */
export function retentionOf(value: number | string | undefined): number {
  const ms = value === undefined ? day : milliseconds(value, 'retention');
  if (!(ms >= 60_000 && ms <= 30 * day)) {
    throw new RangeError(`retention is ${ms} ms; records are kept for 1 minute to 30 days`);
  }
  return ms;
}
