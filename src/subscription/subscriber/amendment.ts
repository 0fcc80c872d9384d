/** What a subscription asks for otherwise from now on: the spec that it has then, and the frame that tells the server. */

import type { Sent } from './host.js';
import { amendFrame } from './names.js';
import { conflateFrame, type SubscriptionSpec } from './spec.js';

export interface Amendment {
  readonly minInterval?: number;
  readonly maxBps?: number;
  readonly keysAdd?: readonly string[];
  readonly keysRemove?: readonly string[];
  readonly conflate?: SubscriptionSpec['conflate'];
  readonly overflow?: SubscriptionSpec['overflow'];
}

export function amended(spec: SubscriptionSpec, change: Amendment): SubscriptionSpec {
  const { keysAdd = [], keysRemove = [] } = change;
  const keys = new Set([...spec.keys, ...keysAdd]);
  for (const key of keysRemove) keys.delete(key);
  return {
    ...spec,
    keys: [...keys],
    minInterval: change.minInterval ?? spec.minInterval,
    maxBps: change.maxBps ?? spec.maxBps,
    conflate: change.conflate ?? spec.conflate,
    overflow: change.overflow ?? spec.overflow,
  };
}

/** Other keys are another view: what is held is no state of it. */
export function changesView({ keysAdd = [], keysRemove = [] }: Amendment): boolean {
  return keysAdd.length + keysRemove.length > 0;
}

/** `spec` as it is with the change: the two sides of conflation travel together. */
export function amendmentFrame(sub: number, change: Amendment, spec: SubscriptionSpec): Sent {
  const { minInterval, maxBps, keysAdd = [], keysRemove = [], conflate, overflow } = change;
  return amendFrame(sub, {
    minIntervalMs: minInterval,
    maxBps,
    keysAdd: [...keysAdd],
    keysRemove: [...keysRemove],
    conflate: conflate === undefined && overflow === undefined ? undefined : conflateFrame(spec),
  });
}
