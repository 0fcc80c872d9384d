/** What one subscription asks for, checked and in the terms of the protocol. */
import {
  Conflate_Overflow,
  Conflate_When,
  Mode,
  type Subscribe,
  Subscribe_Scope,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import type { CreditTerms } from './credit.js';
import { type Accepted, outcomeOf, type Recovery, type StartAt, startFrame } from './recovery.js';

export type ModeName = 'EVERY' | 'LATEST' | 'MERGE';
export type ConflateName = 'ON_PRESSURE' | 'ALWAYS' | 'NEVER';
export type OverflowName = 'GAP' | 'UNSUBSCRIBE' | 'DISCONNECT';

export interface SubscriptionSpec {
  readonly topic: string;
  /** Nothing when empty. */
  readonly keys: readonly string[] | 'all';
  readonly start: StartAt;
  /** Undefined: what the topic's recovery says. */
  readonly accept: readonly Accepted[] | undefined;
  readonly recovery: Recovery;
  /** Undefined: as the topic is declared. */
  readonly mode: ModeName | undefined;
  readonly conflate: ConflateName | undefined;
  readonly overflow: OverflowName | undefined;
  /** ms; 0 is none. */
  readonly minInterval: number;
  /** Bytes a second; 0 is no limit. */
  readonly maxBps: number;
  readonly credit: CreditTerms;
  /** Empty: commits are not kept. */
  readonly durableName: string;
  readonly priority: number;
  /** Whether the application takes changes one by one; if not, it looks at the replica. */
  readonly changes: boolean;
  /** Of the replica. */
  readonly maxKeys: number;
  readonly maxBytes: number;
}

const modes = { EVERY: Mode.EVERY, LATEST: Mode.LATEST, MERGE: Mode.MERGE } as const;
const whens = {
  ON_PRESSURE: Conflate_When.ON_PRESSURE,
  ALWAYS: Conflate_When.ALWAYS,
  NEVER: Conflate_When.NEVER,
} as const;
const overflows = {
  GAP: Conflate_Overflow.GAP,
  UNSUBSCRIBE: Conflate_Overflow.UNSUBSCRIBE,
  DISCONNECT: Conflate_Overflow.DISCONNECT,
} as const;

export function conflateFrame(spec: Pick<SubscriptionSpec, 'conflate' | 'overflow'>): Subscribe['conflate'] {
  if (spec.conflate === undefined && spec.overflow === undefined) return undefined;
  return {
    when: spec.conflate === undefined ? Conflate_When.UNSPECIFIED : whens[spec.conflate],
    overflow: spec.overflow === undefined ? Conflate_Overflow.UNSPECIFIED : overflows[spec.overflow],
  };
}

/** `limits`: what may be sent before the first Credit. */
export function subscribeFrame(spec: SubscriptionSpec, sub: number, start: StartAt, limits: CreditTerms): Subscribe {
  return {
    sub,
    topic: spec.topic,
    keys: spec.keys === 'all' ? [] : [...spec.keys],
    scope: spec.keys === 'all' ? Subscribe_Scope.ALL : Subscribe_Scope.NAMED,
    start: startFrame(start),
    accept: (spec.accept ?? []).map((one) => outcomeOf[one]),
    mode: spec.mode === undefined ? Mode.UNSPECIFIED : modes[spec.mode],
    conflate: conflateFrame(spec),
    minIntervalMs: spec.minInterval,
    maxBps: spec.maxBps,
    credit: { ...limits },
    durableName: spec.durableName,
    priority: spec.priority,
  };
}

export function modeOf(mode: Mode, asked: ModeName | undefined): ModeName {
  if (mode === Mode.LATEST) return 'LATEST';
  if (mode === Mode.MERGE) return 'MERGE';
  return mode === Mode.EVERY ? 'EVERY' : (asked ?? 'EVERY');
}
