/** The numbers of the protocol's enums as the names that an application sees. An unknown number has none. */
import {
  type Amend,
  Gap_Reason,
  Outcome,
  Reset_Reason,
  Throttle_Cause,
  type Update,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import type { GapEvent, OutcomeName, ResetEvent, ThrottledEvent } from './events.js';
import type { Sent } from './host.js';

type Named<N extends string> = Readonly<Record<number, N | undefined>>;

export const outcomeNames: Named<OutcomeName> = {
  [Outcome.FRESH]: 'FRESH',
  [Outcome.REPLAY]: 'REPLAY',
  [Outcome.CONFLATED]: 'CONFLATED',
  [Outcome.RESET]: 'RESET',
  [Outcome.GAP]: 'GAP',
};

export const gapReasons: Named<GapEvent['reason']> = {
  [Gap_Reason.TRIMMED]: 'TRIMMED',
  [Gap_Reason.OVERFLOW]: 'OVERFLOW',
  [Gap_Reason.LIMIT]: 'LIMIT',
};

export const resetReasons: Named<ResetEvent['reason']> = {
  [Reset_Reason.EPOCH_CHANGED]: 'EPOCH_CHANGED',
  [Reset_Reason.EPOCH_VIOLATION]: 'EPOCH_VIOLATION',
  [Reset_Reason.TRIMMED]: 'TRIMMED',
  [Reset_Reason.TOO_FAR]: 'TOO_FAR',
  [Reset_Reason.VIEW_CHANGED]: 'VIEW_CHANGED',
  [Reset_Reason.OPERATOR]: 'OPERATOR',
};

export const throttleCauses: Named<ThrottledEvent['cause']> = {
  [Throttle_Cause.CREDIT]: 'CREDIT',
  [Throttle_Cause.SOCKET]: 'SOCKET',
  [Throttle_Cause.CPU]: 'CPU',
  [Throttle_Cause.QUOTA]: 'QUOTA',
};

export function amendFrame(sub: number, change: Partial<Omit<Amend, 'sub'>>): Sent {
  return { $case: 'amend', value: { keysAdd: [], keysRemove: [], ...change, sub } };
}

/** What credit counts. */
export function valueBytes(updates: readonly Update[]): number {
  let bytes = 0;
  for (const { value } of updates) bytes += value.byteLength;
  return bytes;
}
