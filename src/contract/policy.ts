/**
 * The reliability policy of a method or a service, as written in the IDL and compiled into
 * the stub: plain frozen data. What a method leaves out, its service may say; what neither
 * says, the runtime decides. Durations are milliseconds.
 */
import type { Code } from './code.js';

export type Idempotency = 'NONE' | 'NO_SIDE_EFFECTS' | 'IDEMPOTENT' | 'KEYED';

export const criticalities = ['CRITICAL_PLUS', 'CRITICAL', 'SHEDDABLE_PLUS', 'SHEDDABLE'] as const;
export type Criticality = (typeof criticalities)[number];

export interface RetryPolicy {
  readonly maxAttempts?: number;
  /** ms */
  readonly initialBackoff?: number;
  /** ms */
  readonly maxBackoff?: number;
  readonly codes?: readonly Code[];
}

export interface HedgePolicy {
  /** ms to wait before the next copy; or `percentile`, of the observed latency. */
  readonly delay?: number;
  /** 0 < percentile < 100 */
  readonly percentile?: number;
  readonly maxCopies?: number;
}

export interface Deprecation {
  readonly since?: string;
  /** Date (RFC 3339) after which the method may be gone. */
  readonly sunset?: string;
  readonly replacement?: string;
}

export interface Feature {
  readonly name: string;
  /** The minor version that brought it, `1.4`. */
  readonly since?: string;
  /** For a feature of a field: the field's name, `market.v1.Trade.note`. */
  readonly field?: string;
}

export interface TopicPolicy {
  readonly key?: string;
  readonly mode?: 'EVERY' | 'LATEST' | 'MERGE';
  readonly conflation?: 'ON_PRESSURE' | 'ALWAYS' | 'NEVER';
  readonly merge?: 'LAST' | 'SUM' | 'MIN' | 'MAX' | 'UNION' | 'CUSTOM';
  readonly recovery?: 'PRECISE' | 'REPEATING' | 'CONVERGENT' | 'DIVERGENT' | 'GAP';
  readonly historyCount?: number;
  /** ms */
  readonly historyAge?: number;
  readonly durability?: 'NONE' | 'PROCESS' | 'FSYNC';
}

export interface Policy {
  /** Default deadline, ms; of a service: of its unary methods. */
  readonly timeout?: number;
  /** The longest deadline that the server grants a unary call, ms. */
  readonly maxTimeout?: number;
  /** Bound of one attempt, ms. */
  readonly attemptTimeout?: number;
  readonly idempotency?: Idempotency;
  readonly retry?: RetryPolicy;
  readonly hedge?: HedgePolicy;
  readonly criticality?: Criticality;
  readonly cost?: number;
  readonly checksum?: boolean;
  readonly deprecated?: Deprecation;
  readonly keyField?: string;
  readonly keyRequired?: boolean;
  readonly features?: readonly Feature[];
  readonly topic?: TopicPolicy;
}
